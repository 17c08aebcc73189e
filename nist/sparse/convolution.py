"""Convolutions that are linear layers, as timm writes the head of its VGG16: 1×1, or as large as their whole input."""

import torch
from torch import nn

from nist.sparse.linear import NISTLinear


class NISTConv2d(NISTLinear):
    """A NIST layer in place of an ``nn.Conv2d`` whose kernel covers its whole input, or is 1×1.

    Its inputs are the (channels, height, width) of the kernel, flattened in that order; with ``channels`` in its band
    they are counted channels-last. Made by ``from_dense``.
    """

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.dense_shape[2:]
        return height, width

    def unflat(self, dense: torch.Tensor) -> torch.Tensor:
        return dense.view(self.dense_shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, channels, height, width)`` to ``(batch, n_out, 1, 1)``, or height × width for a 1×1 kernel.

        Without a batch too, as ``nn.Conv2d``. Raises ``ValueError`` for inputs of another number of dimensions, and if
        the map is not as large as the kernel.
        """
        if x.dim() not in (3, 4):
            raise ValueError(
                f"this layer takes (batch, channels, height, width), and got inputs of shape {tuple(x.shape)}"
            )
        if self.kernel_size == (1, 1):
            return super().forward(x.movedim(-3, -1)).movedim(-1, -3)
        if x.shape[-2:] != self.kernel_size:
            found, wanted = ("×".join(map(str, size)) for size in (x.shape[-2:], self.kernel_size))
            raise ValueError(f"this layer replaced a convolution over a whole map of {wanted} pixels, and got {found}")
        return super().forward(x.flatten(-3))[..., None, None]

    def dense(self) -> nn.Conv2d:
        """A plain ``nn.Conv2d`` that computes the same; masked and pruned weights are explicit zeros in it."""
        weight = self.dense_weight().detach()
        channels = self.in_features // (self.kernel_size[0] * self.kernel_size[1])
        convolution = nn.Conv2d(
            channels,
            self.out_features,
            self.kernel_size,
            bias=self.bias is not None,
            device=weight.device,
            dtype=weight.dtype,
        )
        return self._fill(convolution, weight)


def slides(module: nn.Conv2d) -> bool:
    """Whether a convolution has groups, stride, padding or dilation, which no linear layer replaces."""
    return (module.groups, module.stride, module.dilation) != (1, (1, 1), (1, 1)) or module.padding not in (
        (0, 0),
        "valid",
    )

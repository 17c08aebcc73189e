"""The NIST layer: a linear layer whose connections are the band of the paper's Eq. 1."""

import torch
from torch import nn
from torch.nn import functional as F

from nist.mask import neuroseed_mask


class NISTLinear(nn.Linear):
    """Linear layer with a fixed binary mask, applied in the forward pass (Eq. 2: W ⊙ M).

    ``weight`` has shape ``(n_out, n_in)`` and holds exact zeros outside the mask; because the product is taken in the
    forward pass, those entries get a zero gradient, so that no optimizer moves them. Biases are dense. Initial values
    are those of ``nn.Linear``, Kaiming uniform with a = √5 on the dense fan-in, masked afterwards (assumption U20).

    Parameters: ``n_in`` and ``n_out`` features; ``k`` neuroseed factor, 1 <= k <= n_out.
    Raises ``ValueError`` for a factor out of range.
    """

    mask: torch.Tensor

    def __init__(self, n_in: int, n_out: int, k: int, bias: bool = True, device=None, dtype=None):
        mask = torch.from_numpy(neuroseed_mask(n_in, n_out, k)).T.contiguous()
        super().__init__(n_in, n_out, bias=bias, device=device, dtype=dtype)
        self.k = k
        self.register_buffer("mask", mask.to(self.weight.device))
        self.restrict(self.mask)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``."""
        return F.linear(x, self.weight * self.mask, self.bias)

    @torch.no_grad()
    def restrict(self, mask: torch.Tensor) -> None:
        """Make ``mask``, boolean of shape ``(n_out, n_in)``, the layer's own and zero every weight outside it.

        Mask and weights change in place, so that an optimizer goes on holding the same parameter.
        """
        self.mask.copy_(mask)
        self.weight.mul_(self.mask)

    @property
    def active_weights(self) -> int:
        """Number of weights inside the mask."""
        return int(self.mask.sum())

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, k={self.k}, active_weights={self.active_weights}"

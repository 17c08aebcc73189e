"""Normalisation of pixels, 0 … 255, and how the weights of a first convolution change with it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn


class Affine(NamedTuple):
    """Channel c of the result is (pixels of channel ``order[c]`` - ``mean[c]``) / ``sd[c]``."""

    order: tuple[int, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def pixel_mean(self) -> tuple[float, ...]:
        """``mean`` in the order of the pixels' own channels."""
        return tuple(self.mean[self.order.index(channel)] for channel in range(len(self.order)))


PUBLISHED = {
    # timm.data.constants, there for pixels in [0, 1]
    "imagenet": Affine((0, 1, 2), (0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)),
    # keras.applications.imagenet_utils.preprocess_input, mode "caffe": BGR (U14)
    "caffe": Affine((2, 1, 0), (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
}


def of_images(images: np.ndarray) -> Affine:
    """Mean and SD of uint8 images of shape (n, height, width, channels), channel by channel.

    They come from histograms, exactly and without a float copy of all pixels.
    """
    moments = [_moments(images[..., channel]) for channel in range(images.shape[-1])]
    return Affine(tuple(range(len(moments))), *zip(*moments, strict=True))


def _moments(pixels: np.ndarray) -> tuple[float, float]:
    counts = sum(np.bincount(image.ravel(), minlength=256) for image in pixels)
    levels = np.arange(256)
    mean = np.average(levels, weights=counts)
    return float(mean), float(np.sqrt(np.average((levels - mean) ** 2, weights=counts)))


class Normalise(nn.Module):
    """An ``Affine`` map of images on ``device``."""

    order: torch.Tensor | None
    mean: torch.Tensor
    sd: torch.Tensor

    def __init__(self, affine: Affine, device: torch.device):
        super().__init__()
        # On the device, as a list would be copied to it with every batch, which a CUDA graph cannot record.
        is_other = affine.order != tuple(range(len(affine.order)))
        self.register_buffer("order", torch.tensor(affine.order, device=device) if is_other else None)
        for name, value in (("mean", affine.mean), ("sd", affine.sd)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32, device=device).view(1, -1, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, channels, height, width)`` uint8 to float32 of the same shape."""
        if self.order is not None:
            images = images.index_select(1, self.order)
        return (images.float() - self.mean) / self.sd


def converted(
    weight: torch.Tensor, bias: torch.Tensor, trained: Affine, used: Affine
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution trained on images normalised by ``trained``, as it must be for images normalised by ``used``.

    ``weight`` has shape (n_out, channels, height, width), ``bias`` (n_out,). Where a kernel reaches over the border,
    the padding is the mean of ``used`` and no longer that of ``trained``.
    """
    weight, old, bias = torch.empty_like(weight), weight, bias.clone()
    for channel, position in enumerate(trained.order):
        target = used.order.index(position)
        scaled = old[:, channel] / trained.sd[channel]
        weight[:, target] = scaled * used.sd[target]
        bias += scaled.sum((1, 2)) * (used.mean[target] - trained.mean[channel])
    return weight, bias

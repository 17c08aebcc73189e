"""Operations for runs on a CPU: convolutions of small maps and single pixels, and batch norm.

oneDNN's kernels are made for large maps. On the last layers of MobileNetV1, whose maps have 2×2 pixels and then one,
their backward passes take many times as long as the arithmetic needs. Values change by rounding only.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F

from nist.training.operations import pair

MOST_PAIRS = 16  # of an input pixel and an output pixel; with more of them oneDNN is faster


class Geometry(NamedTuple):
    """Rows and columns of a map, of a kernel and of its steps, and the border around the map."""

    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    @property
    def result(self) -> tuple[int, int]:
        """Rows and columns of the result."""
        sides = zip(self.size, self.kernel, self.stride, self.padding, strict=True)
        rows, columns = ((size + 2 * border - kernel) // step + 1 for size, kernel, step, border in sides)
        return rows, columns


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> torch.Tensor:
    """``torch.conv2d``, as a matrix product where windows are single pixels or the whole map, or as ``Depthwise``.

    ``input`` has shape (batch, channels, height, width), ``weight`` (n_out, channels, kernel height, kernel width).
    """
    options = stride, padding, dilation, groups
    if isinstance(padding, str) or input.dim() != 4 or pair(dilation) != (1, 1):
        return torch.conv2d(input, weight, bias, *options)
    geometry = Geometry(tuple(input.shape[2:]), tuple(weight.shape[2:]), pair(stride), pair(padding))
    pixels = geometry.kernel == geometry.stride == (1, 1) or geometry.kernel == geometry.size
    if groups == 1 and geometry.padding == (0, 0) and pixels:
        return _product(input, weight, bias, geometry)
    pairs = input.shape[2] * input.shape[3] * geometry.result[0] * geometry.result[1]
    if groups == input.shape[1] == len(weight) and bias is None and 0 < pairs <= MOST_PAIRS:
        return Depthwise.apply(input.to(weight.dtype), weight, geometry)  # sums in bfloat16 are too coarse
    return torch.conv2d(input, weight, bias, *options)


def _product(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, geometry: Geometry) -> torch.Tensor:
    """The convolution of windows that do not overlap: (windows, entries) times (entries, n_out)."""
    windows = input.permute(0, 2, 3, 1).reshape(-1, weight[0].numel())
    product = F.linear(windows, weight.permute(0, 2, 3, 1).flatten(1), bias)
    return product.view(len(input), *geometry.result, -1).permute(0, 3, 1, 2)


class Depthwise(Function):
    """A convolution of each channel by itself on a map of few pixels: a sum over pairs of an input and output pixel."""

    @staticmethod
    def forward(ctx, input, weight, geometry):
        """(batch, channels, height, width) and (channels, 1, kernel height, kernel width) to the convolution."""
        pixels = input.permute(0, 2, 3, 1).flatten(1, 2)
        taps = F.pad(weight.flatten(1).t(), (0, 0, 0, 1))[_places(geometry)]
        ctx.save_for_backward(pixels, taps)
        ctx.geometry = geometry
        return _map(_weighted(pixels, taps), geometry.result)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        """The gradients of the input and of the weights."""
        pixels, taps = ctx.saved_tensors
        gradient, geometry = gradient.permute(0, 2, 3, 1).flatten(1, 2), ctx.geometry
        of_taps = torch.cat([(pixels[:, i : i + 1] * gradient).sum(0) for i in range(len(taps))])
        kernel = geometry.kernel
        of_weight = of_taps.new_zeros(kernel[0] * kernel[1] + 1, of_taps.shape[1])
        of_weight.index_add_(0, _places(geometry).flatten(), of_taps)
        of_input = _map(_weighted(gradient, taps.transpose(0, 1)), geometry.size)
        return of_input, of_weight[:-1].t().unflatten(1, (1, *kernel)), None


@cache
def _places(geometry: Geometry) -> torch.Tensor:
    """Which entry of the kernel joins each input pixel to each output pixel; one past the last where none does."""
    rows, columns = (
        torch.arange(size)[:, None] + border - step * torch.arange(result)
        for size, border, step, result in zip(
            geometry.size, geometry.padding, geometry.stride, geometry.result, strict=True
        )
    )
    height, width = geometry.kernel
    row, column = rows[:, None, :, None], columns[None, :, None, :]
    joins = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return torch.where(joins, row * width + column, height * width).flatten(0, 1).flatten(1)


def _weighted(pixels: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Pixels (batch, from, channels), summed with weights (from, to, channels) to (batch, to, channels)."""
    total = pixels[:, :1] * taps[0]
    for place in range(1, len(taps)):
        total.addcmul_(pixels[:, place : place + 1], taps[place])
    return total


def _map(pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(batch, pixels, channels) as (batch, channels, height, width), channels last in memory."""
    return pixels.unflatten(1, size).permute(0, 3, 1, 2)


def batch_norm(input, *tensors, **more) -> torch.Tensor:
    """``torch.nn.functional.batch_norm``; maps of one pixel become rows of features, which it is made for."""
    if input.shape[2:] != (1, 1):
        return F.batch_norm(input, *tensors, **more)
    return F.batch_norm(input.flatten(1), *tensors, **more)[:, :, None, None]


INSTEAD = {torch.conv2d: conv2d, F.batch_norm: batch_norm}

"""Operations for runs that are stacked on a GPU, above all convolutions as matrix products (im2col).

``vmap`` makes the convolutions of R runs one with R groups, and cuDNN, which has no kernel for few channels a group in
float32, computes it a group at a time, with layouts changed before and after. As products of stacked matrices they are
one call. Values change by rounding only.
"""

import torch
from torch.nn import functional as F

from nist.training.operations import pair


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> torch.Tensor:
    """``torch.conv2d`` as matrix products; as it is where channels are in groups, kernels dilated or padding is named.

    ``input`` has shape (batch, channels, height, width), ``weight`` (n_out, channels, kernel height, kernel width).
    """
    if groups != 1 or pair(dilation) != (1, 1) or isinstance(padding, str) or input.dim() != 4:
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    (kernel_height, kernel_width), (down, across) = weight.shape[2:], pair(stride)
    above, before = pair(padding)
    padded = F.pad(input, (before, before, above, above)) if above or before else input
    if padded.shape[2] < kernel_height or padded.shape[3] < kernel_width:
        return torch.conv2d(input, weight, bias, stride, padding)  # which says so
    run = _run_length((padded.shape[3] - kernel_width) // across + 1, kernel_width)
    windows = padded.unfold(2, kernel_height, down).unfold(3, kernel_width + (run - 1) * across, run * across)
    shifted = [F.pad(weight, (place * across, (run - 1 - place) * across)) for place in range(run)]
    products = _products(torch.stack(shifted, 1).flatten(2), windows)
    if bias is not None:
        products = products + bias.to(products.dtype)[:, None, None, None]
    return products.flatten(3)


def _run_length(width: int, kernel_width: int) -> int:
    """Outputs, next to each other in a row, that one window computes; it divides ``width``.

    Their inputs overlap, so that a window of several has fewer entries to copy, and there are more products of each.
    """
    return max(length for length in range(1, min(width, kernel_width) + 1) if width % length == 0)


def _products(weight: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
    """``weight`` (n_out, run, entries) times ``windows`` (batch, channels, rows, windows in a row, height, width).

    The result has shape (batch, n_out, rows, windows in a row, run). It is computed image by image, so that gradients
    of the weights are sums of small products, which keeps a GPU busy; or all images at once where there are more
    outputs than windows, and copies of the weights for each image would outweigh it.
    """
    (n_out, run, _), (batch, _, rows, across) = weight.shape, windows.shape[:4]
    weight = weight.flatten(0, 1)
    if len(weight) < rows * across:
        columns = windows.permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)
        products = torch.bmm(weight.expand(batch, -1, -1), columns)
        return products.view(batch, n_out, run, rows, across).permute(0, 1, 3, 4, 2)
    products = F.linear(windows.permute(0, 2, 3, 1, 4, 5).flatten(3), weight)
    return products.unflatten(3, (n_out, run)).permute(0, 3, 1, 2, 4)


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
) -> torch.Tensor:
    """``torch.nn.functional.avg_pool2d`` as a mean where windows tile the map: its gradient is several times faster."""
    (height, width), step = pair(kernel_size), pair(stride or kernel_size)
    fits = input.shape[-2] % height == 0 and input.shape[-1] % width == 0
    if divisor_override is not None or step != (height, width) or pair(padding) != (0, 0) or not fits:
        options = padding, ceil_mode, count_include_pad, divisor_override
        return F.avg_pool2d(input, kernel_size, stride, *options)
    return input.unflatten(-1, (-1, width)).unflatten(-3, (-1, height)).mean((-1, -3))


def batch_norm(*tensors, **more) -> torch.Tensor:
    """``torch.nn.functional.batch_norm`` without cuDNN, which asks for a memory layout that ``vmap`` does not know."""
    with torch.backends.cudnn.flags(enabled=False):
        return F.batch_norm(*tensors, **more)


INSTEAD = {torch.conv2d: conv2d, F.avg_pool2d: avg_pool2d, F.batch_norm: batch_norm}

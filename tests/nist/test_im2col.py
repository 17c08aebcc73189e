import pytest
import torch
from torch.func import vmap
from torch.nn import functional as F

from nist import im2col

# n_out, channels, kernel, side, and keywords of conv2d: windows of several outputs and of one, image by image and not.
CASES = [
    (6, 3, 5, 32, {}),
    (16, 6, 5, 14, {}),
    (120, 16, 5, 5, {}),
    (8, 3, 3, 9, {"stride": 2, "padding": 1}),
    (8, 3, 3, 12, {"stride": (2, 1), "padding": (0, 1)}),
    (40, 8, 1, 4, {}),
    (4, 8, 1, 7, {"stride": 2}),
    (4, 4, 3, 8, {"groups": 4, "padding": 1}),
    (4, 4, 3, 8, {"dilation": 2}),
    (4, 4, 3, 8, {"padding": "same"}),
]


def gradients(convolution, x, weight, bias):
    inputs = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    result = convolution(*inputs)
    return [
        result,
        *torch.autograd.grad((result * torch.linspace(-1, 1, result[0].numel()).view_as(result[0])).sum(), inputs),
    ]


@pytest.mark.parametrize(("n_out", "channels", "kernel", "side", "options"), CASES)
def test_a_stack_of_convolutions_is_each_of_them(n_out, channels, kernel, side, options):
    torch.manual_seed(0)
    x = torch.randn(3, 2, channels, side, side, dtype=torch.float64)
    weight = torch.randn(3, n_out, channels // options.get("groups", 1), kernel, kernel, dtype=torch.float64)
    bias = torch.randn(3, n_out, dtype=torch.float64)

    def stacked(*tensors):
        with im2col.StackedOperations():
            return vmap(lambda *run: F.conv2d(*run, **options))(*tensors)

    def alone(*tensors):
        return torch.stack([F.conv2d(*run, **options) for run in zip(*tensors, strict=True)])

    for ours, theirs in zip(gradients(stacked, x, weight, bias), gradients(alone, x, weight, bias), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_convolution_without_bias():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    torch.testing.assert_close(im2col.conv2d(x, weight), F.conv2d(x, weight))


@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": (2, 3)}, {"kernel_size": 3, "stride": 2}])
@pytest.mark.parametrize("side", [6, 7])
def test_means_of_tiles_and_of_other_windows(options, side):
    x = torch.randn(2, 3, side, side)
    torch.testing.assert_close(im2col.avg_pool2d(x, **options), F.avg_pool2d(x, **options))

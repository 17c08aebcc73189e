from functools import partial

import pytest
import torch
from torch import nn
from torch.func import vmap
from torch.nn import functional as F

from nist.training import stacked_ops
from nist.training.operations import Operations

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
        with Operations(stacked_ops.INSTEAD):
            return vmap(lambda *run: F.conv2d(*run, **options))(*tensors)

    def alone(*tensors):
        return torch.stack([F.conv2d(*run, **options) for run in zip(*tensors, strict=True)])

    for ours, theirs in zip(gradients(stacked, x, weight, bias), gradients(alone, x, weight, bias), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_convolution_without_bias():
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    torch.testing.assert_close(stacked_ops.conv2d(x, weight), F.conv2d(x, weight))


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": (2, 3)},
        {"kernel_size": (2,)},
        {"kernel_size": 3, "stride": 2},
        {"kernel_size": 2, "divisor_override": 1},
        {"kernel_size": 2, "ceil_mode": True},
        {"kernel_size": 2, "padding": 1, "count_include_pad": False},
    ],
)
@pytest.mark.parametrize("side", [6, 7])
def test_means_of_tiles_and_of_other_windows(options, side):
    x = torch.randn(2, 3, side, side)
    torch.testing.assert_close(stacked_ops.avg_pool2d(x, **options), F.avg_pool2d(x, **options))


@pytest.mark.parametrize("options", [{"stride": [2]}, {"stride": (2, 1), "padding": (1,)}])
def test_calls_are_as_torch_takes_them(options):
    x, weight = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    with Operations(stacked_ops.INSTEAD):
        ours = F.conv2d(input=x, weight=weight, **options), F.avg_pool2d(input=x, kernel_size=2)
    theirs = F.conv2d(x, weight, **options), F.avg_pool2d(x, 2)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        stacked_ops.conv2d(x, torch.randn(4, 3, 9, 9))


def test_layers_call_what_stands_in_for_their_operations(monkeypatch):
    called = []
    for function, instead in dict(stacked_ops.INSTEAD).items():
        spy = partial(
            lambda name, own, *args, **more: called.append(name) or own(*args, **more), function.__name__, instead
        )
        monkeypatch.setitem(stacked_ops.INSTEAD, function, spy)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.AvgPool2d(2))
    x = torch.randn(3, 1, 8, 8)
    network(x)
    assert called == []
    with Operations(stacked_ops.INSTEAD):
        network(x)
    assert called == ["conv2d", "batch_norm", "avg_pool2d"]

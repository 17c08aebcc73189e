import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nist.models.build import build
from nist.studies import study
from nist.training import cpu_ops
from nist.training.operations import Operations

OPERATIONS = Operations(cpu_ops.INSTEAD)
CIFAR10 = (3, 32, 32)

# Channels, outputs, kernel, side, and keywords of conv2d; and whether there is another way than oneDNN's.
CASES = [
    (6, 4, 1, 5, {}, True),
    (6, 4, 1, 5, {"stride": 2}, False),
    (6, 4, 1, 5, {"padding": 1}, False),
    (6, 4, 5, 5, {}, True),
    (6, 4, 5, 5, {"stride": 3}, True),
    (6, 4, 5, 6, {}, False),
    (6, 4, 5, 5, {"padding": "same"}, False),
    (6, 6, 3, 1, {"groups": 6, "padding": 1}, True),
    (6, 6, 3, 2, {"groups": 6, "padding": 1}, True),
    (6, 6, 3, 2, {"groups": 6, "padding": 1, "stride": 2}, True),
    (6, 6, 3, 4, {"groups": 6, "padding": 0}, False),
    (6, 6, 3, 4, {"groups": 6, "padding": 1, "stride": (4, 2)}, False),
    (6, 6, 2, 2, {"groups": 6, "padding": (0, 1)}, True),
    (6, 6, 3, 8, {"groups": 6, "padding": 1}, False),
    (6, 12, 3, 2, {"groups": 6, "padding": 1}, False),
    (6, 6, 3, 2, {"groups": 3, "padding": 1}, False),
    (6, 6, 2, 3, {"groups": 6, "dilation": 2}, False),
]


def inputs(channels, n_out, kernel, side, options, dtype=torch.float64):
    torch.manual_seed(0)
    x = torch.randn(5, channels, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(n_out, channels // options.get("groups", 1), kernel, kernel, dtype=dtype)
    return x.requires_grad_(), weight.requires_grad_()


@pytest.mark.parametrize(("channels", "n_out", "kernel", "side", "options", "is_ours"), CASES)
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_convolution_and_its_gradients_are_torchs(channels, n_out, kernel, side, options, is_ours, with_bias):
    tensors = inputs(channels, n_out, kernel, side, options)
    bias = torch.randn(n_out, dtype=torch.float64, requires_grad=True) if with_bias else None
    tensors += (bias,) * with_bias
    ours, theirs = cpu_ops.conv2d(*tensors, **options), torch.conv2d(*tensors, **options)
    weights = torch.randn_like(theirs)
    gradients = [torch.autograd.grad((each * weights).sum(), tensors) for each in (ours, theirs)]
    torch.testing.assert_close([ours, *gradients[0]], [theirs, *gradients[1]])
    is_depthwise = options.get("groups", 1) > 1
    assert (type(ours.grad_fn) is type(theirs.grad_fn)) == (not is_ours or (is_depthwise and with_bias))


@pytest.mark.parametrize("shape", [(1, 6, 2, 2), (6, 2, 2)])
def test_an_image_may_be_alone_in_its_batch_or_without_one(shape):
    x, weight = torch.randn(shape), torch.randn(6, 1, 3, 3)
    torch.testing.assert_close(cpu_ops.conv2d(x, weight, None, 1, 1, 1, 6), torch.conv2d(x, weight, None, 1, 1, 1, 6))


def test_gradients_of_gradients_are_refused_and_not_wrong():
    x, weight = inputs(6, 6, 3, 2, {"groups": 6})
    result = cpu_ops.conv2d(x, weight, None, 1, 1, 1, 6).square().sum()
    once = torch.autograd.grad(result, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once[0].sum().backward()


def test_sums_over_pixels_are_no_coarser_under_autocast():
    x, weight = inputs(6, 6, 3, 2, {"groups": 6}, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = cpu_ops.conv2d(x.bfloat16(), weight, None, 1, 1, 1, 6)
    torch.testing.assert_close(result, torch.conv2d(x.bfloat16().float(), weight, None, 1, 1, 1, 6))


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("is_training", [True, False])
def test_batch_normalisation_and_its_statistics_are_torchs(side, is_training):
    x = torch.randn(7, 4, side, side, dtype=torch.float64)
    layers = [nn.BatchNorm2d(4).double().train(is_training) for _ in range(2)]
    with OPERATIONS:
        ours = layers[0](x)
    torch.testing.assert_close(ours, layers[1](x))
    torch.testing.assert_close(layers[0].state_dict(), layers[1].state_dict())


@pytest.mark.parametrize(
    ("name", "variant", "shape"),
    [("mobilenetv1-cifar10", "sparse-3", CIFAR10), ("lenet5-cifar10", "nist-1-10-p98", CIFAR10)],
)
def test_a_training_step_of_a_whole_network_is_torchs(name, variant, shape):
    torch.manual_seed(0)
    network = build(study.load(name).configuration(variant)["model"], shape).double()
    x, labels = torch.randn(8, *shape, dtype=torch.float64), torch.randint(10, (8,))
    results = []
    for operations in (OPERATIONS, Operations({})):
        ours = copy.deepcopy(network).to(memory_format=torch.channels_last).train()
        with operations:
            logits = ours(x)
        F.cross_entropy(logits, labels).backward()
        results.append({**ours.state_dict(), **{n: p.grad for n, p in ours.named_parameters()}, "logits": logits})
    torch.testing.assert_close(*results)

"""Torch's own tools on NIST layers: transforms, exporters, FLOP counters."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jvp, vmap
from torch.utils.flop_counter import FlopCounterMode

from nist import NISTLinear, prune
from nist.sparse.kernels import FORMS

pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")


def network(form, dtype=torch.float64, pruned=True):
    torch.manual_seed(0)
    layers = NISTLinear(20, 30, 2, form=form, dtype=dtype), nn.Tanh(), NISTLinear(30, 6, 3, form=form, dtype=dtype)
    model = nn.Sequential(*layers)
    if pruned:
        prune(model, 0.95)
    return model


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")  # in torch's own jvp
@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_first_derivatives_by_torch_func_and_those_of_every_example(form, pruned):
    model, x = network(form, pruned=pruned), torch.randn(4, 20, dtype=torch.float64)
    model(x).square().sum().backward()
    values = {name: value.detach() for name, value in model.named_parameters()}

    def loss(values, x):
        return functional_call(model, values, (x,)).square().sum()

    whole, each = grad(loss)(values, x), vmap(grad(loss), in_dims=(None, 0))(values, x)
    for name, value in model.named_parameters():
        torch.testing.assert_close(whole[name], value.grad)
        torch.testing.assert_close(each[name].sum(0), value.grad)
    output, tangent = jvp(model, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(output, model(x))
    assert tangent.shape == (4, 6)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_gradients(form):
    layer, x = NISTLinear(6, 4, 2, form=form, dtype=torch.float64), torch.randn(3, 6, dtype=torch.float64)
    layer.keep(layer.stored.abs() > layer.values().abs().median())

    def output(x, weight):
        return functional_call(layer, {"weight": weight}, (x,)).square()

    weight = layer.stored.detach().requires_grad_()
    torch.autograd.gradgradcheck(lambda *each: output(*each).sum(), (x.requires_grad_(), weight))


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_exported_as_it_is(form, pruned, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model, x = network(form, torch.float32, pruned).eval(), torch.randn(4, 20)
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model(x))
    torch.onnx.export(model, (x,), dynamo=True, verbose=False).save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(output, model(x).detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", ["banded", "compressed"])
def test_flops_are_counted(form):
    """Two a weight and row forward; twice that backward, less the gradient of the input, which nothing asks for."""
    model, x = network(form, pruned=form == "compressed"), torch.randn(4, 20, dtype=torch.float64)
    first, second = (layer.active_weights for layer in (model[0], model[2]))
    with FlopCounterMode(display=False) as counter:
        counted = model(x)
        counted.sum().backward()
    assert counter.get_total_flops() == 2 * 4 * (2 * first + 3 * second)
    torch.testing.assert_close(counted, model(x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # torch's own, on the first use
@pytest.mark.parametrize("form", FORMS)
def test_derivatives_can_be_taken_forward(form):
    layer, (x, direction) = NISTLinear(512, 300, 3, form=form), torch.randn(2, 64, 512)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, direction))).tangent
    torch.testing.assert_close(found, direction @ layer.dense_weight().T)


@pytest.mark.parametrize("form", FORMS)
def test_shapes_can_be_found_on_the_meta_device(form):
    layer = NISTLinear(512, 512, 1, form=form).to("meta")
    assert layer(torch.ones(2, 512, device="meta")).shape == (2, 512)

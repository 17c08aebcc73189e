import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nist import NISTLinear
from nist.linear import FORMS


def double_loop_mask(n_in, n_out, k):
    """The listing of section 3.1, transposed to torch's (n_out, n_in)."""
    mask = torch.zeros(n_out, n_in, dtype=torch.bool)
    for i in range(n_in):
        for t in range(k):
            mask[(i + t) % n_out, i] = True
    return mask


@st.composite
def layers(draw):
    n_in, n_out = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    k = draw(st.sampled_from([1, n_out]) | st.integers(1, n_out))
    return n_in, n_out, k


def reference(n_in, n_out, k, x, dtype, seed=0):
    """Output and gradients (input, dense weight, bias) of a dense layer whose weight is masked by the double loop."""
    torch.manual_seed(seed)
    dense = nn.Linear(n_in, n_out, dtype=dtype)
    mask = double_loop_mask(n_in, n_out, k)
    weight = (dense.weight.detach() * mask).requires_grad_()
    x = x.clone().requires_grad_()
    output = nn.functional.linear(x, weight * mask, dense.bias)
    output.square().sum().backward()
    return output, x.grad, weight.grad * mask, dense.bias.grad


@settings(deadline=None, max_examples=60)
@given(
    layer=layers(),
    form=st.sampled_from(FORMS),
    leading=st.sampled_from([(4,), (0,), (), (2, 3), (1, 0, 2)]),
    precision=st.sampled_from([(torch.float64, 1e-12), (torch.float32, 1e-5)]),
)
def test_every_form_computes_the_double_loop_and_its_gradients(layer, form, leading, precision):
    dtype, tolerance = precision
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(*leading, layer[0]))).to(dtype)
    expected = reference(*layer, x, dtype)
    torch.manual_seed(0)
    ours = NISTLinear(*layer, form=form, dtype=dtype)
    x = x.requires_grad_()
    output = ours(x)
    output.square().sum().backward()
    inputs, outputs = ours.connections()
    weight_gradient = torch.zeros_like(expected[2])
    weight_gradient[outputs, inputs] = ours.values(ours.weight.grad)
    found = output, x.grad, weight_gradient, ours.bias.grad
    for name, one, other in zip(("output", "input", "weight", "bias"), found, expected, strict=True):
        scale = other.abs().max().item() if other.numel() else 0.0
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * max(scale, 1), msg=name)


@pytest.mark.parametrize("form", FORMS)
def test_initial_values_are_those_of_nn_linear_inside_the_mask(form):
    torch.manual_seed(3)
    dense = nn.Linear(12, 9)
    torch.manual_seed(3)
    layer = NISTLinear(12, 9, 2, form=form)
    assert torch.equal(layer.dense_weight(), dense.weight * double_loop_mask(12, 9, 2))
    assert torch.equal(layer.bias, dense.bias)


def test_banded_and_compressed_forms_hold_active_weights_only():
    sizes = {form: NISTLinear(4096, 4096, 2, form=form).weight.numel() for form in FORMS}
    assert sizes == {"masked": 4096 * 4096, "banded": 8192, "compressed": 8192}


def test_masked_weights_are_zero_and_get_no_gradient():
    layer = NISTLinear(6, 8, 2)
    layer(torch.randn(3, 6)).square().sum().backward()
    assert (layer.weight[~layer.mask] == 0).all()
    assert (layer.weight.grad[~layer.mask] == 0).all()
    assert (layer.weight.grad[layer.mask] != 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_without_bias(form):
    layer, x = NISTLinear(6, 4, 2, bias=False, form=form), torch.randn(2, 6)
    assert layer.bias is None
    torch.testing.assert_close(layer(x), x @ layer.dense_weight().T)


@pytest.mark.parametrize("source", [*FORMS, "pruned"])
@pytest.mark.parametrize("target", FORMS)
def test_a_state_goes_from_any_form_to_any_other(source, target, tmp_path):
    layer = NISTLinear(6, 4, 2, form="banded" if source == "pruned" else source)
    if source == "pruned":
        layer.keep(layer.values() > 0)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other = NISTLinear(6, 4, 2, form=target)
    parameter = other.weight
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other.dense_weight(), layer.dense_weight())
    assert torch.equal(other.bias, layer.bias)
    assert other.weight is parameter
    assert other.form == ("compressed" if (source, target) == ("pruned", "banded") else target)


@pytest.mark.parametrize("form", FORMS)
def test_a_dense_checkpoint_is_loaded_at_the_layers_connections(form):
    dense, layer = nn.Linear(6, 4), NISTLinear(6, 4, 2, form=form)
    layer.load_state_dict(dense.state_dict())
    assert torch.equal(layer.dense_weight(), dense.weight * double_loop_mask(6, 4, 2))


@pytest.mark.parametrize("state", [nn.Linear(5, 4).state_dict(), NISTLinear(6, 9, 9, form="compressed").state_dict()])
def test_a_state_of_another_shape_is_refused(state):
    with pytest.raises(RuntimeError, match="does not fit a 6 → 4 NIST layer"):
        NISTLinear(6, 4, 2, form="banded").load_state_dict(state)


@pytest.mark.parametrize("source", FORMS)
def test_a_state_of_another_factor_is_refused(source):
    with pytest.raises(RuntimeError, match="its connections are not among those of factor 2"):
        NISTLinear(6, 4, 2, form="banded").load_state_dict(NISTLinear(6, 4, 3, form=source).state_dict())


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_is_independent(form):
    layer = NISTLinear(6, 4, 2, form=form)
    other = copy.deepcopy(layer)
    before = layer.dense_weight().clone()
    other.keep(other.values() > 0)
    assert torch.equal(layer.dense_weight(), before)
    assert layer.form == form


def test_a_factor_out_of_range_and_an_unknown_form_are_refused():
    with pytest.raises(ValueError, match="neuroseed factor must be between 1 and n_out = 4, got 0"):
        NISTLinear(6, 4, 0)
    with pytest.raises(ValueError, match="unknown form 'diagonal'; there are masked, banded, compressed"):
        NISTLinear(6, 4, 2, form="diagonal")


def test_repr_says_what_is_sparse():
    assert "k=2, form=banded, active_weights=12" in repr(NISTLinear(6, 4, 2, form="banded"))

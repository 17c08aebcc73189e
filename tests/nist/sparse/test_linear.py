import copy
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nist import NISTLinear
from nist.sparse import csr_gradients, kernels
from nist.sparse.kernels import FORMS
from tests.nist.sparse.plain_loops import double_loop_mask


@st.composite
def layers(draw):
    n_in, n_out = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    k = draw(st.sampled_from([1, n_out]) | st.integers(1, n_out))
    return n_in, n_out, k


def variant_mask(n_in, n_out, k, scheme, parts, channels):
    """The double loop for a band's variants: another order of inputs, other starts, several bands side by side."""
    width, positions = n_out // parts, n_in // channels
    mask = torch.zeros(n_out, n_in, dtype=torch.bool)
    for i in range(n_in):
        channel, position = divmod(i, positions)
        place = position * channels + channel
        start = math.floor(place * Fraction(width, n_in)) if scheme == "even" and n_in < width else place
        for part in range(parts):
            for t in range(k):
                mask[part * width + (start + t) % width, i] = True
    return mask


@st.composite
def variants(draw):
    channels, positions = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    parts, width = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    scheme = draw(st.sampled_from(["literal", "even"]))
    return channels * positions, parts * width, draw(st.integers(1, width)), scheme, parts, channels


def reference(n_in, n_out, mask, x, dtype, seed=0):
    """Output and gradients (input, dense weight, bias) of a dense layer whose weight is masked."""
    torch.manual_seed(seed)
    dense = nn.Linear(n_in, n_out, dtype=dtype)
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
    n_in, n_out, k = layer
    compare(layer, double_loop_mask(n_in, n_out, k), {}, form, leading, *precision)


@settings(deadline=None, max_examples=60)
@given(variant=variants(), form=st.sampled_from(FORMS))
def test_variants_of_the_band_compute_their_double_loop_too(variant, form):
    options = dict(zip(("scheme", "parts", "channels"), variant[3:], strict=True))
    compare(variant[:3], variant_mask(*variant), options, form, (3,), torch.float64, 1e-12)


def compare(layer, mask, options, form, leading, dtype, tolerance):
    n_in, n_out, k = layer
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(*leading, n_in))).to(dtype)
    expected = reference(n_in, n_out, mask, x, dtype)
    torch.manual_seed(0)
    ours = NISTLinear(n_in, n_out, k, form=form, dtype=dtype, **options)
    x = x.requires_grad_()
    output = ours(x)
    output.square().sum().backward()
    inputs, outputs = ours.connections()
    weight_gradient = torch.zeros_like(expected[2])
    weight_gradient[outputs, inputs] = ours.values(ours.stored.grad)
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


def test_all_forms_but_the_masked_one_hold_active_weights_only():
    sizes = {form: NISTLinear(4096, 4096, 2, form=form).stored.numel() for form in FORMS}
    assert sizes == {"masked": 4096 * 4096, "banded": 8192, "blocked": 8192, "compressed": 8192}


def test_blocks_are_about_as_wide_as_the_factor_between_16_and_256_inputs_and_alike():
    sizes = {(32, 1): 16, (34, 1): 12, (90, 30): 30, (91, 30): 23, (512, 300): 256, (514, 300): 172}
    assert {layer: kernels.block_size(*layer) for layer in sizes} == sizes


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
        layer.keep(layer.stored > 0)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    other = NISTLinear(6, 4, 2, form=target)
    parameter = other.stored
    other.load_state_dict(torch.load(tmp_path / "layer.pt", weights_only=True))
    assert torch.equal(other.dense_weight(), layer.dense_weight())
    assert torch.equal(other.bias, layer.bias)
    assert other.stored is parameter
    assert other.form == ("compressed" if source == "pruned" and target in ("banded", "blocked") else target)


@pytest.mark.parametrize("form", FORMS)
def test_a_dense_checkpoint_is_loaded_at_the_layers_connections(form):
    dense, layer = nn.Linear(6, 4), NISTLinear(6, 4, 2, form=form)
    layer.load_state_dict(dense.state_dict())
    assert torch.equal(layer.dense_weight(), dense.weight * double_loop_mask(6, 4, 2))


@pytest.mark.parametrize("form", FORMS)
def test_a_dense_checkpoint_brings_nothing_back_that_was_pruned(form):
    dense, layer = nn.Linear(6, 4), NISTLinear(6, 4, 2, form=form)
    layer.keep(layer.stored > 0)
    kept = layer.dense_weight() != 0
    layer.load_state_dict(dense.state_dict())
    assert layer.is_pruned
    assert torch.equal(layer.dense_weight(), dense.weight * kept)


@pytest.mark.parametrize("form", ["masked", "compressed"])
def test_a_state_of_earlier_versions_without_its_band_is_loaded(form):
    layer, other = NISTLinear(6, 4, 2, form=form), NISTLinear(6, 4, 2, form=form)
    layer.keep(layer.stored > 0)
    state = layer.state_dict()
    del state["band_numbers"]
    other.load_state_dict(state)
    assert torch.equal(other.dense_weight(), layer.dense_weight())


@pytest.mark.parametrize("form", FORMS)
def test_an_assigned_state_brings_its_type(form):
    layer = NISTLinear(6, 4, 2, form=form)
    layer.load_state_dict(NISTLinear(6, 4, 2, dtype=torch.float64).state_dict(), assign=True)
    assert layer(torch.randn(3, 6, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("rows", [0, -5, "64"])
def test_rows_that_are_no_count_are_refused(rows):
    with pytest.raises(ValueError, match="rows must be a whole number of at least 1, got"):
        NISTLinear(6, 4, 2, rows=rows)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_leaves_double_precision_alone_as_of_a_linear_layer(form):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer = NISTLinear(6, 4, 2, form=form, dtype=torch.float64)
        assert layer(torch.randn(3, 6, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("state", [nn.Linear(5, 4).state_dict(), NISTLinear(6, 9, 9, form="compressed").state_dict()])
def test_a_state_of_another_shape_is_refused(state):
    with pytest.raises(RuntimeError, match="does not fit a 6 → 4 NIST layer"):
        NISTLinear(6, 4, 2, form="banded").load_state_dict(state)


@pytest.mark.parametrize("form", FORMS)
def test_a_state_without_the_layer_leaves_it_alone_if_that_is_allowed(form):
    model = nn.Sequential(nn.Linear(4, 6), NISTLinear(6, 3, 2, form=form))
    before = {key: value.clone() for key, value in model[1].state_dict().items()}
    found = model.load_state_dict(nn.Sequential(nn.Linear(4, 6)).state_dict(), strict=False)
    assert set(found.missing_keys) == {f"1.{key}" for key in before}
    assert all(torch.equal(value, before[key]) for key, value in model[1].state_dict().items())
    with pytest.raises(RuntimeError, match="Missing key.*1.weight"):
        model.load_state_dict(nn.Sequential(nn.Linear(4, 6)).state_dict())


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_key_is_unexpected_as_anywhere(form):
    layer = NISTLinear(6, 3, 2, form=form)
    state = {**NISTLinear(6, 3, 2, form="masked").state_dict(), "typo": torch.zeros(1)}
    with pytest.raises(RuntimeError, match='Unexpected key.*"typo"'):
        layer.load_state_dict(state)
    assert layer.load_state_dict(state, strict=False).unexpected_keys == ["typo"]


@pytest.mark.parametrize("source", FORMS)
def test_a_state_of_another_factor_is_refused(source):
    with pytest.raises(RuntimeError, match="its connections are not among those of factor 2"):
        NISTLinear(6, 4, 2, form="banded").load_state_dict(NISTLinear(6, 4, 3, form=source).state_dict())


@pytest.mark.parametrize("source", FORMS)
@pytest.mark.parametrize("target", FORMS)
def test_a_whole_band_of_a_smaller_factor_is_no_prune(source, target):
    layer = NISTLinear(6, 4, 2, form=target)
    with pytest.raises(RuntimeError, match="its band has 6 weights, and 12 here"):
        layer.load_state_dict(NISTLinear(6, 4, 1, form=source).state_dict())
    assert not layer.is_pruned


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_is_independent(form):
    layer = NISTLinear(6, 4, 2, form=form)
    other = copy.deepcopy(layer)
    before = layer.dense_weight().clone()
    other.keep(other.stored > 0)
    assert torch.equal(layer.dense_weight(), before)
    assert layer.form == form


def test_a_factor_out_of_range_and_an_unknown_form_are_refused():
    with pytest.raises(ValueError, match="neuroseed factor must be between 1 and n_out = 4, got 0"):
        NISTLinear(6, 4, 0)
    with pytest.raises(
        ValueError, match="unknown form 'diagonal'; there are auto, masked, banded, blocked, compressed"
    ):
        NISTLinear(6, 4, 2, form="diagonal")


def test_repr_says_what_is_sparse():
    assert "k=2, form=banded, active_weights=12" in repr(NISTLinear(6, 4, 2, form="banded"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "variant", [(6, 12, 2, "even", 1, 1), (6, 12, 2, "literal", 3, 1), (6, 12, 2, "literal", 1, 3)]
)
def test_a_state_of_another_band_is_refused(variant, form):
    n_in, n_out, k, scheme, parts, channels = variant
    state = NISTLinear(n_in, n_out, k, form=form, scheme=scheme, parts=parts, channels=channels).state_dict()
    with pytest.raises(RuntimeError, match="its connections are not among those of factor 2"):
        NISTLinear(n_in, n_out, k).load_state_dict(state)


def test_a_state_with_a_connection_twice_is_refused():
    state = NISTLinear(6, 4, 2, form="compressed").state_dict()
    state["inputs"][1], state["outputs"][1] = state["inputs"][0], state["outputs"][0]
    with pytest.raises(RuntimeError, match="it has a connection twice"):
        NISTLinear(6, 4, 2).load_state_dict(state)


@pytest.mark.parametrize("connection", [(6, 2), (-1, 3), (0, 4), (3, -1)])
def test_a_state_with_a_connection_outside_the_layer_is_refused(connection):
    state = NISTLinear(6, 4, 2, form="compressed").state_dict()
    state["inputs"][0], state["outputs"][0] = connection
    with pytest.raises(RuntimeError, match="its connections are not among those of factor 2"):
        NISTLinear(6, 4, 2).load_state_dict(state)


def test_an_automatic_layer_takes_the_form_that_the_costs_say(monkeypatch):
    asked = []

    def cheapest(band, active_weights, rows, device):
        asked.append((active_weights, rows, device))
        return "blocked" if active_weights == band.n_weights else "compressed"

    monkeypatch.setattr("nist.sparse.cost_model.cheapest", cheapest)
    layer = NISTLinear(6, 4, 2, rows=788)
    assert layer.form == "blocked"
    layer.keep(torch.arange(12).view(2, 6) < 5)
    assert layer.form == "compressed"
    assert asked == [(12, 788, "cpu"), (5, 788, "cpu")]
    NISTLinear(6, 4, 2).load_state_dict(layer.state_dict())
    assert asked[2:] == [(12, 64, "cpu"), (5, 64, "cpu")]


@pytest.mark.parametrize("form", FORMS)
def test_autocast_and_leading_dimensions_without_rows(form):
    layer = NISTLinear(6, 4, 2, form=form)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(2, 0, 6)).shape == (2, 0, 4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(3, 8), (3, 5), (3, 1), ()])
def test_inputs_of_another_width_are_refused(form, shape):
    with pytest.raises(ValueError, match="this layer takes 6 features, and got inputs of shape"):
        NISTLinear(6, 4, 2, form=form)(torch.ones(shape))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float64])
def test_inputs_of_another_type_are_refused(form, dtype):
    layer, x = NISTLinear(6, 4, 2, form=form), torch.ones(3, 6, dtype=dtype)
    with pytest.raises(ValueError, match=f"this layer's weight is torch.float32, and it got inputs of {dtype}"):
        layer(x)
    if not dtype.is_floating_point:
        with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(ValueError, match="it got inputs of"):
            layer(x)


@pytest.mark.parametrize("form", FORMS)
def test_autocast_takes_what_an_earlier_layer_made_of_the_inputs(form):
    layer, x = NISTLinear(6, 4, 2, form=form), torch.randn(3, 6).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(x).float(), layer.dense()(x).float(), rtol=0.05, atol=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_the_checks_of_inputs_hinder_no_vmap(form):
    layer, x = NISTLinear(6, 4, 2, form=form), torch.randn(3, 2, 6)
    torch.testing.assert_close(torch.vmap(layer)(x), layer(x))


def test_what_the_operators_of_the_compressed_form_promise_to_a_compiler_is_so():
    layer = NISTLinear(6, 4, 2, form="compressed")
    weight, x, y = layer.stored.detach(), torch.randn(6, 5).T, torch.randn(4, 5).T  # not contiguous
    forth, back = map(list, layer.layouts())
    for operator, arguments in (
        (csr_gradients.product_operator, (x, weight, None, forth, back, 4, False)),
        (csr_gradients.product_operator, (x, weight, layer.bias.detach(), forth, back, 4, True)),
        (csr_gradients.samples_operator, (y, x, forth, back)),
    ):
        torch.library.opcheck(operator, arguments, test_utils=("test_schema", "test_faketensor"))


@pytest.mark.parametrize("form", FORMS)
def test_parameters_are_drawn_anew_as_at_construction_inside_the_mask_and_the_prune(form):
    torch.manual_seed(3)
    made = NISTLinear(12, 9, 2, form=form)
    layer = NISTLinear(12, 9, 2, form=form)
    weight, bias = layer.stored, layer.bias
    torch.manual_seed(3)
    layer.reset_parameters()
    assert torch.equal(layer.stored, made.stored)
    assert torch.equal(layer.bias, made.bias)
    layer.keep(layer.stored > 0)
    kept = layer.dense_weight() != 0
    torch.manual_seed(3)
    layer.reset_parameters()
    assert torch.equal(layer.dense_weight(), made.dense_weight() * kept)
    assert layer.stored is weight
    assert layer.bias is bias


@pytest.mark.parametrize("form", ["auto", *FORMS])
def test_none_is_made_on_the_meta_device(form):
    with pytest.raises(ValueError, match="no NIST layer is made on the meta device"):
        NISTLinear(6, 4, 2, form=form, device="meta")
    with torch.device("meta"), pytest.raises(ValueError, match="no NIST layer is made on the meta device"):
        NISTLinear(6, 4, 2, form=form)

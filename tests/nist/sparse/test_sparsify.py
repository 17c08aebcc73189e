import warnings

import numpy as np
import pytest
import torch
import torch.nn.utils.prune
from torch import nn

from nist import NISTConv2d, NISTLinear, audit, densify, sparsify
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band
from tests.nist.sparse.plain_loops import steps


def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
    return nn.ModuleDict({"body": body, "head": nn.Sequential(nn.Linear(36, 24), nn.ReLU(), nn.Linear(24, 5))})


def run(model, images):
    return model["head"](model["body"](images))


def test_factors_go_to_the_layers_in_order():
    model = sparsify(network(), [1, 5])
    assert [(row.name, row.k, row.active_weights) for row in audit(model)] == [("head.0", 1, 36), ("head.2", 5, 120)]


def test_density_is_rounded_down_to_a_factor_of_at_least_one():
    assert [row.k for row in audit(sparsify(network(), density=0.5))] == [12, 2]
    assert [row.k for row in audit(sparsify(network(), density=0.001))] == [1, 1]


def test_patterns_choose_and_exclude():
    assert [row.name for row in audit(sparsify(network(), density=0.5, exclude="*.2"))] == ["head.0"]
    assert [row.name for row in audit(sparsify(network(), density=0.5, include=["head.2"]))] == ["head.2"]


@pytest.mark.parametrize("form", FORMS)
def test_dense_weights_are_carried_over_inside_the_band(form):
    model = network()
    dense = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    images = torch.randn(2, 3, 8, 8)
    features = model["body"](images)
    sparsify(model, [2, 5], form=form)
    mask = torch.zeros(24, 36)
    inputs, outputs = Band(36, 24, 2).edges()
    mask[outputs, inputs] = 1
    hidden = nn.functional.linear(features, dense["head.0.weight"] * mask, dense["head.0.bias"]).relu()
    expected = nn.functional.linear(hidden, dense["head.2.weight"], dense["head.2.bias"])
    torch.testing.assert_close(run(model, images), expected)


def test_fresh_weights_are_those_of_new_linear_layers():
    model = network()
    torch.manual_seed(7)
    expected = [nn.Linear(36, 24).weight, nn.Linear(24, 5).weight]
    torch.manual_seed(7)
    sparsify(model, [24, 5], weights="fresh")
    for layer, weight in zip((model["head"][0], model["head"][2]), expected, strict=True):
        assert torch.equal(layer.dense_weight(), weight)


@pytest.mark.parametrize("form", FORMS)
def test_an_optimizer_that_has_taken_steps_goes_on_with_the_same_parameters(form):
    results = []
    for kind in ("masked", form):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 7)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        steps(model, optimizer, 5)
        sparsify(model, [2, 3], form=kind, optimizer=optimizer)
        steps(model, optimizer, 10)
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        assert all(ours is theirs for ours, theirs in zip(model.parameters(), held, strict=True))
        results.append([model[0].dense_weight(), model[2].dense_weight()])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weights", ["carried", "fresh"])
def test_averages_follow_weights_that_are_carried_over_and_start_anew_with_fresh_ones(weights):
    model = nn.Linear(12, 9)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(8, 12)).square().mean().backward()
    optimizer.step()
    before = optimizer.state[model.weight]["exp_avg"]
    layer = sparsify(model, [2], form="masked", weights=weights, optimizer=optimizer)
    assert torch.equal(optimizer.state[layer.stored]["exp_avg"], before * layer.mask * (weights == "carried"))
    assert bool(optimizer.state[layer.bias]["exp_avg"].any()) == (weights == "carried")


def test_training_mode_devices_and_frozen_weights_stay():
    model = network().eval()
    model["head"][0].weight.requires_grad_(False)
    sparsify(model, [1, 5])
    assert not model["head"][0].training
    assert [model["head"][i].weight.requires_grad for i in (0, 2)] == [False, True]


def test_a_model_that_is_one_layer_is_returned():
    layer = sparsify(nn.Linear(8, 6), [2])
    assert isinstance(layer, NISTLinear)
    assert layer.active_weights == 16


def test_a_layer_used_in_two_places_is_replaced_in_both():
    shared = nn.Linear(6, 6)
    model = sparsify(nn.Sequential(shared, nn.ReLU(), shared), [2])
    assert isinstance(model[0], NISTLinear)
    assert model[0] is model[2]


@pytest.mark.parametrize("form", FORMS)
def test_channels_last_counts_features_of_a_flattened_map_by_position(form):
    # 4 channels of 3 × 3: with one output a channel, Eq. 1 with k = 1 sums each channel over its positions.
    layer = sparsify(nn.Linear(36, 4, bias=False), [1], channels_last={"*": 4}, form=form)
    with torch.no_grad():
        layer.stored[...] = torch.where(layer.stored != 0, 1.0, 0.0)
    maps = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(layer(maps.flatten(1)), maps.sum((2, 3)))
    literal = sparsify(nn.Linear(36, 4), [1], form=form)
    outputs = dict(zip(*(index.tolist() for index in literal.connections()), strict=True))
    assert outputs == {i: i % 4 for i in range(36)}


@pytest.mark.parametrize("form", FORMS)
def test_split_outputs_have_a_band_each(form):
    layer = sparsify(nn.Linear(6, 12), density=0.5, split={"*": 3}, form=form)
    inputs, outputs = layer.connections()
    assert layer.active_weights == 6 * 6
    mask = torch.zeros(12, 6, dtype=torch.bool)
    mask[outputs, inputs] = True
    part = torch.zeros(4, 6, dtype=torch.bool)
    part[tuple(torch.as_tensor(index) for index in Band(6, 4, 2).edges()[::-1])] = True
    assert torch.equal(mask, part.repeat(3, 1))


@pytest.mark.parametrize("form", FORMS)
def test_a_linear_convolution_is_a_layer_and_becomes_one_again(form):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(5, 8, (3, 2)), nn.ReLU(), nn.Conv2d(8, 4, 1))
    state = model.state_dict()
    sparsify(model, [2, 4], include=["0", "2"], channels_last={"0": 5}, form=form)
    assert [type(model[i]) for i in (0, 2)] == [NISTConv2d, NISTConv2d]
    x = torch.randn(3, 5, 3, 2, requires_grad=True)
    plain = densify(model)
    assert [type(plain[i]) for i in (0, 2)] == [nn.Conv2d, nn.Conv2d]
    torch.testing.assert_close(model(x), plain(x))
    model.load_state_dict(state)
    assert int((densify(model)[0].weight != 0).sum()) == 2 * 30
    with pytest.raises(ValueError, match="replaced a convolution over a whole map of 3×2 pixels, and got 4×4"):
        model(torch.randn(1, 5, 4, 4))


def test_a_pointwise_convolution_keeps_its_map():
    model = nn.Sequential(nn.Conv2d(5, 8, 1))
    x = torch.randn(2, 5, 4, 3)
    expected = model(x)
    sparsify(model, [8], include="0")
    torch.testing.assert_close(model(x), expected)


def test_maps_without_a_batch_are_taken_as_a_convolution_takes_them():
    model = nn.Sequential(nn.Conv2d(8, 8, 1))
    x = torch.randn(8, 8, 8)  # as high as it has channels
    expected = model(x)
    torch.testing.assert_close(sparsify(model, [8], include="0")(x), expected)
    model = nn.Sequential(nn.Conv2d(1, 4, 5))
    x = torch.randn(1, 5, 5)
    expected = model(x)
    torch.testing.assert_close(sparsify(model, [4], include="0")(x), expected)
    with pytest.raises(ValueError, match=r"takes \(batch, channels, height, width\), and got inputs of shape \(5, 5\)"):
        model(x[0])


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_that_was_replaced_elsewhere_does_not_train_on_without_a_mask(form):
    model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))
    sparsify(model[0], [2], form=form)  # and forget what it returned
    with pytest.raises(ValueError, match="this Linear has become a NIST layer, and is used where that did not take"):
        model(torch.randn(2, 20))
    model[0] = sparsify(nn.Linear(20, 30), [2], form=form)
    assert model(torch.randn(2, 20)).shape == (2, 10)


def test_layers_whose_weights_others_read_are_left_alone():
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    sparsify(encoder, density=0.5, form="banded")
    assert [row.name for row in audit(encoder)] == ["linear1", "linear2"]  # attention reads out_proj's weight itself
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        fast = encoder.eval()(x)
    torch.testing.assert_close(fast, densify(encoder)(x).detach())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": np.array([1, 5])}, "factors are a list, one a layer"),
        ({"factors": [1, 6]}, "head.2 \\(24 → 5\\): neuroseed factor must be between 1 and n_out = 5, got 6"),
        ({"factors": [0, 5]}, "head.0 \\(36 → 24\\): neuroseed factor must be between 1 and n_out = 24, got 0"),
        ({"factors": [1, 5 * 0.5]}, "head.2 .* neuroseed factor must be a whole number, got 2.5"),
        ({"factors": [1]}, "1 factors for 2 layers: head.0, head.2"),
        ({}, "give factors, one a layer, or a density, or masks, and one of them alone"),
        (
            {"factors": [1, 5], "density": 0.5},
            "give factors, one a layer, or a density, or masks, and one of them alone",
        ),
        ({"density": 1.5}, r"density must be in \(0, 1\], got 1.5"),
        ({"density": 0.5, "include": "tail.*"}, "'tail.\\*' matches no linear layer; there are head.0, head.2"),
        ({"density": 0.5, "include": "body.*"}, "'body.\\*' matches no linear layer"),
        ({"density": 0.5, "include": "head.1"}, "head.1 is a ReLU, which is not linear"),
        ({"density": 0.5, "exclude": "tail"}, "'tail' to exclude matches no module"),
        ({"density": 0.5, "exclude": "*"}, "every linear layer is excluded"),
        ({"density": 0.5, "split": {"*.qkv": 3}}, "'\\*.qkv' matches none of the chosen layers: head.0, head.2"),
        ({"density": 0.5, "split": {"head.2": 3}}, "head.2 .* parts must divide the 5 features of the layer, got 3"),
        ({"density": 0.5, "channels_last": {"head.0": 7}}, "channels must divide the 36 features of the layer, got 7"),
        ({"density": 0.5, "scheme": "random"}, "unknown scheme 'random'; there are literal and even"),
        ({"density": 0.5, "form": "diagonal"}, "unknown form 'diagonal'"),
        ({"density": 0.5, "weights": "old"}, "unknown weights 'old'; there are carried and fresh"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_changes(arguments, message):
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        sparsify(model, **arguments)
    assert not audit(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_of_many_linear_layers_twelve_are_listed():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(13)))
    with pytest.raises(ValueError, match="there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 1 more$"):
        sparsify(model, [1], include="x")


@pytest.mark.parametrize("form", FORMS)
def test_an_encoder_evaluates_padded_sequences(form):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    encoder = sparsify(nn.TransformerEncoder(layer, 2), density=0.5, form=form)
    x, padding = torch.randn(2, 5, 8), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    trained = encoder(x, src_key_padding_mask=padding)
    with torch.no_grad():
        evaluated = encoder.eval()(x, src_key_padding_mask=padding)
    torch.testing.assert_close(evaluated[~padding], trained[~padding].detach())


def test_a_weight_that_is_made_anew_in_every_step_is_refused():
    model = nn.Sequential(nn.Linear(6, 4))
    nn.utils.prune.l1_unstructured(model[0], "weight", 0.5)
    with pytest.raises(
        ValueError, match=r"the weight of 0 is made anew in every step, as torch\.nn\.utils\.prune does"
    ):
        sparsify(model, [2])


def test_a_layer_on_the_meta_device_is_refused_before_any_is_changed():
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 6, device="meta"))
    with pytest.raises(ValueError, match="no NIST layer is made on the meta device"):
        sparsify(model, density=0.5, form="banded")
    assert not audit(model)
    assert model[0].weight.shape == (4, 6)


class Own(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def test_layers_that_are_left_dense_for_their_type_are_named_unless_they_are_excluded():
    def model():
        parametrized = torch.nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))
        return nn.ModuleList([Own(6, 6), parametrized, nn.Linear(6, 4), nn.MultiheadAttention(8, 2)])

    with pytest.warns(UserWarning, match="no linear layers that NIST knows, and left dense: 0, 1$") as found:
        assert [row.name for row in audit(sparsify(model(), density=0.5))] == ["2"]
    assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sparsify(model(), density=0.5, exclude=["0", "1"])
        sparsify(model(), density=0.5, include="2")


@pytest.mark.parametrize(
    "register", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_a_layer_with_hooks_is_refused_before_any_is_changed(register):
    model = network()
    getattr(model["head"][2], register)(lambda *_: None)
    with pytest.raises(ValueError, match=r"head\.2 has hooks: register them after sparsify, or exclude it"):
        sparsify(model, density=0.5)
    assert not audit(model)
    assert len(audit(sparsify(model, density=0.5, exclude="head.2"))) == 1

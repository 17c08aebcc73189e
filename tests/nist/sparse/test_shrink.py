"""Copies with narrower layers."""

import copy
import io

import pytest
import torch
from torch import nn

from nist import NISTLinear, audit, densify, for_inference, prune, reform, shrink
from nist.sparse.kernels import FORMS

WIDTHS = 80, 60, 50, 7


def head(form="auto", function=None, bias=True, sparsity=0.97, dtype=None):
    """Three NIST layers, pruned so far that most features between them are constant or unused."""
    torch.manual_seed(0)
    layers = [
        NISTLinear(n_in, n_out, k, bias=bias, form=form, dtype=dtype)
        for n_in, n_out, k in zip(WIDTHS[:-1], WIDTHS[1:], (4, 8, 7), strict=True)
    ]
    model = nn.Sequential(layers[0], function or nn.ReLU(), layers[1], nn.Tanh(), layers[2])
    prune(model, sparsity, scope="uniform")
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("function", [nn.ReLU(inplace=True), nn.Softplus(), nn.Dropout(0.5)])
def test_it_computes_the_same_with_fewer_features_and_leaves_the_model_as_it_is(function, form, dtype):
    model, x = head(form, function, dtype=dtype).eval(), torch.randn(5, 80, dtype=dtype)
    before = copy.deepcopy(model.state_dict())
    small = shrink(model)
    torch.testing.assert_close(small(x), model(x))
    assert (small[0].in_features, small[4].out_features) == (80, 7)
    assert small[0].out_features == small[2].in_features < 60
    assert small[2].out_features == small[4].in_features < 50
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_every_weight_that_is_left_lies_on_a_path_and_none_is_lost():
    model = head()
    rows = audit(shrink(model))
    assert [row.effective for row in rows] == [row.active_weights for row in rows]
    assert [row.unconnected for row in rows[:-1]] == [row.unused for row in rows[1:]] == [0, 0]
    assert [row.effective for row in rows[:1]] == [row.effective for row in audit(model)[:1]]


def test_gradients_are_those_of_the_wide_model():
    model, x = head(form="compressed"), torch.randn(6, 80)
    small = shrink(model)
    for one in (model, small):
        one(x).pow(2).sum().backward()
    torch.testing.assert_close(small[4].bias.grad, model[4].bias.grad)
    wide = {
        round(value.item(), 6): gradient for value, gradient in zip(model[0].stored, model[0].stored.grad, strict=False)
    }
    assert len(wide) == model[0].active_weights
    found = torch.stack([wide[round(value.item(), 6)] for value in small[0].stored])
    torch.testing.assert_close(small[0].stored.grad, found)
    assert small[0].stored.grad.any()


def test_it_trains_on_and_its_zeros_stay():
    small, x = shrink(head(form="masked")), torch.randn(16, 80)
    counts = [layer.active_weights for layer in (small[0], small[2], small[4])]
    optimizer = torch.optim.AdamW(small.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        loss = (small(x) - 1).pow(2).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.2 * losses[0]
    assert [int(small[place].weight.count_nonzero()) for place in (0, 2, 4)] == counts
    assert [small[place].form for place in (0, 2, 4)] == ["masked"] * 3


def test_training_mode_and_frozen_parameters_stay_so():
    model = head(function=nn.Dropout(0.5)).train()
    model[2].eval().stored.requires_grad_(False)
    model[4].bias.requires_grad_(False)
    small = shrink(model)
    assert [each.training for each in small] == [True, True, False, True, True]
    assert [small[2].stored.requires_grad, small[2].bias.requires_grad] == [False, True]
    assert [small[4].stored.requires_grad, small[4].bias.requires_grad] == [True, False]
    assert model.training
    x = torch.randn(3, 80)
    torch.testing.assert_close(small.eval()(x), model.eval()(x))
    assert not model[2].training


def test_a_bias_is_added_where_constants_have_a_sum_alone():
    without = shrink(head(bias=False))
    assert [without[place].bias for place in (0, 2, 4)] == [None] * 3
    function, x = nn.Softplus(), torch.randn(3, 80)
    model = head(function=function, bias=False)
    small = shrink(model)
    assert small[0].bias is None
    assert small[2].bias is not None
    torch.testing.assert_close(small(x), model(x))


def test_zeros_of_a_plain_layer_train_and_are_no_prune():
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(40, 30, 2), nn.ReLU(), nn.Linear(30, 5))
    prune(model, 0.99)
    nn.init.zeros_(model[2].weight).requires_grad_(False)
    small, x = shrink(model), torch.randn(4, 40)
    assert small[0].out_features == small[2].in_features == len(model[0].connections()[1].unique())
    assert small[2].weight.shape == (5, small[2].in_features)
    assert type(small[2]) is nn.Linear
    assert not small[2].weight.requires_grad
    torch.testing.assert_close(small(x), model(x))


def shared_layer(model):
    model["other"] = model["one"][2]


def shared_weight(model):
    model["embedding"] = nn.Embedding(20, 30)
    model["embedding"].weight = model["one"][2].weight


def hooked(model):
    model["one"][2].register_forward_hook(lambda *_: None)


@pytest.mark.parametrize("share", [shared_layer, shared_weight, hooked, None])
def test_what_something_else_uses_stays_as_wide(share):
    torch.manual_seed(0)
    model = nn.ModuleDict({"one": nn.Sequential(NISTLinear(30, 30, 2), nn.ReLU(), nn.Linear(30, 20))})
    prune(model, 0.99)
    if share:
        share(model)
    assert (shrink(model)["one"][0].out_features < 30) == (share is None)


@pytest.mark.filterwarnings("ignore:the prune left nothing")
def test_a_head_without_a_path_is_an_error():
    model = head()
    model[0].keep(torch.zeros_like(model[0].stored).bool())
    with pytest.raises(ValueError, match="no path is left through the layers of 80 → 60 → 50 inputs"):
        shrink(model)


def test_an_unpruned_model_keeps_its_layers():
    model = nn.Sequential(NISTLinear(40, 30, 3), nn.ReLU(), NISTLinear(30, 10, 5))
    assert [(each.in_features, each.out_features) for each in shrink(model)[::2]] == [(40, 30), (30, 10)]
    assert [each.band for each in shrink(model)[::2]] == [each.band for each in model[::2]]


def test_forms_are_chosen_anew_for_the_same_rows_and_laid_out_for_each_other():
    model = reform(head(), rows=1024)
    assert [each.rows for each in shrink(model)[::2]] == [1024] * 3
    model = reform(head(form="compressed"), "compressed", rows=2**20)
    assert [each.by_feature for each in shrink(model)[::2]] == [True, True, False]


def test_random_numbers_are_drawn_as_before():
    model = head()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    shrink(model)
    assert torch.equal(torch.rand(3), expected)


def test_what_else_takes_a_model_takes_a_small_one():
    model, x = head().eval(), torch.randn(4, 80)
    small, file = shrink(model), io.BytesIO()
    torch.save(small, file)
    file.seek(0)
    for other in (torch.load(file, weights_only=False), copy.deepcopy(small), densify(small), for_inference(small, 4)):
        torch.testing.assert_close(other(x), model(x), check_device=False)
    fresh = shrink(model)
    nn.init.zeros_(fresh[0].stored)
    fresh.load_state_dict(small.state_dict())
    torch.testing.assert_close(fresh(x), model(x))
    assert [each.weight.shape for each in densify(small)[::2]] == [(s.out_features, s.in_features) for s in small[::2]]

"""Copies with narrower layers."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

from nist import NISTLinear, PruneOnce, audit, densify, for_inference, prune, reform, shrink
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
    assert all(np.diff(layer.band.edges()[0]).min() >= 0 for layer in shrink(model)[::2])
    assert [row.unconnected for row in rows[:-1]] == [row.unused for row in rows[1:]] == [0, 0]
    assert [row.effective for row in rows] == [row.effective for row in audit(model)]


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
    assert [each.training for each in model] == [True, True, False, True, True]
    x = torch.randn(3, 80)
    torch.testing.assert_close(small.eval()(x), model.eval()(x))


def test_a_bias_is_added_where_constants_have_a_sum_alone():
    without = shrink(head(bias=False))
    assert [without[place].bias for place in (0, 2, 4)] == [None] * 3
    function, x = nn.Softplus(), torch.randn(3, 80)
    model = head(function=function, bias=False)
    small = shrink(model)
    assert small[0].bias is None
    assert small[2].bias.requires_grad
    torch.testing.assert_close(small(x), model(x))
    assert not any(own.requires_grad for own in shrink(model.requires_grad_(False)).parameters())


def test_zeros_of_a_plain_layer_train_and_are_no_prune():
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(40, 30, 2), nn.ReLU(), nn.Linear(30, 5))
    prune(model, 0.99)
    model[2].weight.requires_grad_(False)[:3] = 0
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


def hooked(kind):
    return lambda model: getattr(model["one"][2], kind)(lambda *_: None)


HOOKED = ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
HOOKED += ["register_state_dict_post_hook", "register_load_state_dict_post_hook"]


@pytest.mark.parametrize("share", [shared_layer, shared_weight, *map(hooked, HOOKED), None])
def test_what_something_else_uses_stays_as_wide(share):
    torch.manual_seed(0)
    model = nn.ModuleDict({"one": nn.Sequential(NISTLinear(30, 30, 2), nn.ReLU(), nn.Linear(30, 20))})
    prune(model, 0.99)
    if share:
        share(model)
    assert (shrink(model)["one"][0].out_features < 30) == (share is None)


class Listed(nn.Module):
    """Calls the layers of its Sequential by a list of its own, which nothing replaces them in."""

    def __init__(self):
        super().__init__()
        self.net = head()
        self.order = [*self.net]

    def forward(self, x):
        for each in self.order:
            x = each(x)
        return x


def test_a_wide_layer_that_is_still_called_is_named():
    with pytest.raises(ValueError, match="this NISTLinear has been shrunk, and is used where the narrower one is not"):
        shrink(Listed())(torch.randn(2, 80))


def test_a_model_is_pruned_once_also_after_it_has_been_shrunk():
    small = shrink(head())
    with pytest.raises(ValueError, match="already pruned"):
        prune(small, 0.99)
    assert PruneOnce(small, 0.99, epoch=1)(2) is None


def test_other_modules_are_not_told_that_they_are_evaluated():
    model = nn.Sequential(Merging(), head()).train()
    small = shrink(model)
    assert small.training
    assert small[0].merged is False


class Merging(nn.Identity):
    """Merges adapters into its weights where it is evaluated, as others do."""

    merged = False

    def train(self, mode=True):
        self.merged = not mode
        return super().train(mode)


def test_what_cannot_be_changed_is_refused():
    model = head()
    with torch.inference_mode(), pytest.raises(ValueError, match="shrink outside torch.inference_mode"):
        shrink(model)
    with pytest.raises(ValueError, match="shrink takes a torch module, got str"):
        shrink("model")


def test_a_saved_small_model_is_small():
    sizes = []
    model = nn.Sequential(NISTLinear(4096, 512, 2), nn.ReLU(), NISTLinear(512, 10, 2))
    prune(model, 0.999, scope="uniform")
    for one in (model, shrink(model)):
        file = io.BytesIO()
        torch.save(one, file)
        sizes.append(file.tell())
    assert sizes[1] < sizes[0]


@pytest.mark.filterwarnings("ignore:the prune left nothing")
def test_a_head_without_a_path_stays_as_wide():
    model = nn.ModuleDict({"dead": head(), "other": head()})
    model["dead"][0].keep(torch.zeros_like(model["dead"][0].stored).bool())
    small = shrink(model)
    assert [each.out_features for each in small["dead"][::2]] == [60, 50, 7]
    assert small["other"][0].out_features < 60


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

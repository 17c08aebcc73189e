import pytest
import torch
from torch import nn

from nist import NISTLinear, densify, prune
from nist.sparse.kernels import FORMS


@pytest.mark.parametrize("form", FORMS)
def test_plain_layers_compute_the_same_and_the_model_stays(form):
    model = nn.Sequential(NISTLinear(30, 20, 3, form=form), nn.ReLU(), nn.Sequential(NISTLinear(20, 5, 5, form=form)))
    prune(model, 0.9)
    dense, x = densify(model.eval()), torch.randn(7, 30)
    assert [type(dense[0]), type(dense[2][0])] == [nn.Linear, nn.Linear]
    assert isinstance(model[0], NISTLinear)
    assert not dense[0].training
    assert int((dense[0].weight != 0).sum()) == model[0].active_weights
    torch.testing.assert_close(dense(x), model(x))


def test_frozen_layers_stay_frozen():
    model = nn.Sequential(NISTLinear(6, 4, 2), NISTLinear(4, 4, 2, form="banded"))
    model[1].requires_grad_(False)
    assert [parameter.requires_grad for parameter in densify(model).parameters()] == [True, True, False, False]


def test_a_single_layer_without_bias():
    layer = NISTLinear(6, 4, 2, bias=False, form="banded", dtype=torch.float64)
    dense = densify(layer)
    assert (dense.bias, dense.weight.dtype) == (None, torch.float64)
    x = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(dense(x), layer(x))


def test_the_copy_can_be_exported():
    model = densify(nn.Sequential(NISTLinear(30, 20, 3, form="banded"), nn.ReLU(), NISTLinear(20, 5, 5)))
    x = torch.randn(2, 30)
    torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model(x))


def test_a_layer_used_twice_stays_one_layer():
    layer = NISTLinear(6, 6, 2)
    model = densify(nn.Sequential(layer, nn.ReLU(), layer))
    assert type(model[0]) is nn.Linear
    assert model[0] is model[2]

"""Initial values of heads other than torch's."""

import pytest
import torch
from torch import nn

from nist import NISTLinear
from nist.models.build import initialise
from nist.sparse.kernels import FORMS


def head(form="masked"):
    torch.manual_seed(0)
    return nn.Sequential(NISTLinear(200, 60, 4, form=form), nn.Tanh(), nn.Linear(60, 30))


@pytest.mark.parametrize("form", FORMS)
def test_the_fan_in_of_each_output_inside_its_mask(form):
    before, after = head(form), head(form)
    initialise(after, "kaiming_uniform_masked_fan_in")
    fan_in = (before[0].dense_weight() != 0).sum(1)
    assert len({*fan_in.tolist()}) > 1
    scale = (200 / fan_in) ** 0.5
    torch.testing.assert_close(after[0].dense_weight(), before[0].dense_weight() * scale[:, None])
    torch.testing.assert_close(after[0].bias, before[0].bias * scale)
    assert (after[0].dense_weight().abs().amax(1) <= fan_in**-0.5).all()
    assert torch.equal(after[2].weight, before[2].weight)


@pytest.mark.parametrize("form", FORMS)
def test_glorots_bounds_and_biases_of_zero(form):
    model = head(form)
    initialise(model, "glorot_uniform")
    for layer, weight in ((model[0], model[0].dense_weight()), (model[2], model[2].weight)):
        bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
        assert 0.95 * bound < weight.abs().max() <= bound
        assert not layer.bias.any()


@pytest.mark.parametrize("kind", ["kaiming_uniform_dense_fan_in", "model"])
def test_torchs_own_stay(kind):
    model = head()
    initialise(model, kind)
    assert torch.equal(model[0].stored, head()[0].stored)

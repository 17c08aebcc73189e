"""Readings of magnitude, against plain loops and SynFlow by autograd."""

import pytest
import torch
from torch import nn

from nist import audit, prune, sparsify
from nist.sparse.kernels import FORMS
from nist.sparse.scores import ROUNDS, scores


def network(form="masked"):
    torch.manual_seed(0)
    model = sparsify(nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 5)).double(), [3, 4], form=form)
    with torch.no_grad():
        model[0].stored.mul_(3)
    return model


def values(model, found):
    """Scores by layer, output and input; NaN where there is no connection."""
    dense = []
    for layer, each in zip((model[0], model[2]), found, strict=True):
        inputs, outputs = layer.connections()
        matrix = torch.full((layer.out_features, layer.in_features), torch.nan, dtype=torch.float64)
        matrix[outputs, inputs] = layer.values(each)
        dense.append(matrix)
    return dense


@pytest.mark.parametrize("form", FORMS)
def test_magnitudes_over_the_spread_of_their_layer(form):
    model = network(form)
    for layer, found in zip(
        (model[0], model[2]), values(model, scores([model[0], model[2]], "scaled", 10)), strict=True
    ):
        weights = layer.dense_weight().detach()
        there = ~found.isnan()
        torch.testing.assert_close(found[there], weights[there].abs() / weights[there].std())


@pytest.mark.parametrize("form", FORMS)
def test_lamp_is_its_formula(form):
    model = network(form)
    with torch.no_grad():
        model[2].stored.copy_((10 * model[2].stored).round() / 10)  # with ties
    for layer, found in zip((model[0], model[2]), values(model, scores([model[0], model[2]], "lamp", 10)), strict=True):
        weights = layer.dense_weight().detach()
        active = [
            weights[place].item()
            for place in (~found.isnan()).nonzero(as_tuple=False).unbind()
            for place in [tuple(place)]
        ]
        for place in (~found.isnan()).nonzero():
            square = weights[tuple(place)].item() ** 2
            larger = sum(other**2 for other in active if other**2 >= square)
            assert found[tuple(place)].item() == pytest.approx(square / larger if square else 0)


@pytest.mark.parametrize("form", FORMS)
def test_synflow_is_that_of_the_network_with_absolute_weights(form):
    model, n_keep = network(form), 12
    weights = [layer.dense_weight().detach().abs() for layer in (model[0], model[2])]
    there = [weight != 0 for weight in weights]
    total = sum(int(each.sum()) for each in there)
    for number in range(1, ROUNDS + 1):
        leaves = [weight.clone().requires_grad_() for weight in weights]
        (leaves[1] @ leaves[0] @ torch.ones(9, dtype=torch.float64)).sum().backward()
        flow = [leaf.detach() * leaf.grad for leaf in leaves]
        left = max(n_keep, round(total * (n_keep / total) ** (number / ROUNDS)))
        least = torch.cat([each[mask] for each, mask in zip(flow, there, strict=True)]).topk(left).values.min()
        weights = [weight * (each >= least) for weight, each in zip(weights, flow, strict=True)]
    assert prune(model, 1 - n_keep / (72 + 40) - 1e-9, magnitude="synflow") == n_keep
    for layer, weight in zip((model[0], model[2]), weights, strict=True):
        assert torch.equal(layer.dense_weight() != 0, weight != 0)


@pytest.mark.parametrize("magnitude", ["scaled", "lamp", "synflow"])
def test_counts_are_exact_and_forms_agree(magnitude):
    kept = []
    for form in FORMS:
        model = network(form)
        assert prune(model, 0.8, magnitude=magnitude) == 22 == sum(row.active_weights for row in audit(model))
        kept.append([layer.dense_weight() != 0 for layer in (model[0], model[2])])
    for other in kept[1:]:
        assert all(map(torch.equal, other, kept[0]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="unknown magnitude 'x'; there are raw, scaled, lamp, synflow"):
        prune(network(), 0.8, magnitude="x")
    with pytest.raises(ValueError, match="magnitude='lamp' is for one ranking over all layers"):
        prune(network(), 0.8, magnitude="lamp", scope="layer")
    with pytest.raises(ValueError, match="magnitude='synflow': the NIST layers do not follow each other"):
        prune(nn.ModuleList([*network()]), 0.8, magnitude="synflow")

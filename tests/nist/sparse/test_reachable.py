"""A prune that leaves every output a path, against all paths of small networks."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from nist import audit, prune, sparsify
from nist.sparse.audit import unreached_outputs
from nist.sparse.kernels import FORMS
from nist.sparse.reachable import best_paths


def network(seed=0, form="masked", sizes=(12, 10, 8), factors=(3, 4)):
    torch.manual_seed(seed)
    layers = [nn.Linear(*ends) for ends in pairwise(sizes)]
    model = nn.Sequential(*[each for layer in layers for each in (layer, nn.ReLU())][:-1])
    return sparsify(model, [*factors], form=form)


def layers_of(model):
    return [layer for layer in model if not isinstance(layer, nn.ReLU)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_every_output_keeps_a_path_where_magnitudes_alone_cut_some_off(form, seed):
    plain, model = network(seed, form), network(seed, form)
    prune(plain, 0.9)
    assert unreached_outputs(layers_of(plain)) > 0
    kept = prune(model, 0.9, reachable=True)
    assert unreached_outputs(layers_of(model)) == 0
    assert kept == sum(row.active_weights for row in audit(model)) == sum(row.active_weights for row in audit(plain))


def test_nothing_changes_where_every_output_has_a_path():
    plain, model = network(form="masked"), network(form="masked")
    prune(plain, 0.7)
    assert unreached_outputs(layers_of(plain)) == 0
    prune(model, 0.7, reachable=True)
    assert all(torch.equal(one.mask, other.mask) for one, other in zip(layers_of(plain), layers_of(model), strict=True))


def test_a_path_is_the_one_whose_smallest_weight_is_largest():
    model = network(sizes=(4, 5, 3), factors=(5, 3))  # dense
    first, last = layers_of(model)
    one, two = (layer.stored.detach().abs() for layer in (first, last))
    masks = best_paths([first, last])
    expected = [torch.zeros_like(mask) for mask in masks]
    for output in range(3):
        paths = [
            (min(one[hidden, image], two[output, hidden]), image, hidden) for hidden in range(5) for image in range(4)
        ]
        _, image, hidden = max(paths)
        expected[0][hidden, image] = expected[1][output, hidden] = True
    assert all(map(torch.equal, masks, expected))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (network(), {"sparsity": 0.98}, r"the best paths to all outputs take \d+ weights, and 4 are kept"),
        (
            network(),
            {"sparsity": 0.8, "scope": "layer"},
            "reachable is for one ranking over all layers: scope='global'",
        ),
        (
            network(),
            {"sparsity": 0.8, "generator": torch.Generator()},
            "a generator and reachable: each ranks the weight",
        ),
        (network(), {"sparsity": 0.8, "magnitude": "lamp"}, "reachable and magnitude='lamp': each ranks the weights"),
        (nn.ModuleList([network(), network()]), {"sparsity": 0.8}, "do not follow each other in an nn.Sequential"),
    ],
)
def test_what_cannot_keep_paths_is_refused_before_anything_changes(model, options, message):
    before = [row.active_weights for row in audit(model)]
    with pytest.raises(ValueError, match=message):
        prune(model, reachable=True, **options)
    assert [row.active_weights for row in audit(model)] == before

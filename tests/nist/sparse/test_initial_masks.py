"""Masks at initialisation by other methods, against closed forms and plain loops."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nist import NISTLinear, audit, densify, initial_masks, prune, sparsify
from nist.sparse.budgets import erk
from nist.sparse.initial_masks import RANDOM, SCORES, shuffled
from nist.sparse.kernels import FORMS

METHODS = [*RANDOM, *SCORES]


def mlp(bias=True):
    torch.manual_seed(0)
    layers = nn.Linear(20, 12, bias), nn.ReLU(), nn.Linear(12, 9, bias), nn.ReLU(), nn.Linear(9, 4, bias)
    return nn.Sequential(*layers).double()


def batch():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(16, 20, dtype=torch.float64, generator=draw), torch.arange(16) % 4


def masks(method, model=None, sparsity=0.9, **options):
    options = {"generator": torch.Generator().manual_seed(2), **options}
    return initial_masks(model or mlp(), method, sparsity=sparsity, batch=batch(), **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.98, 0.995])
def test_every_method_keeps_exactly_as_many_weights_as_a_prune(method, sparsity):
    model = mlp()
    before = copy.deepcopy(model.state_dict())
    found = masks(method, model, sparsity)
    assert sum(int(mask.sum()) for mask in found.values()) == int((1 - sparsity) * 384 + 1e-9)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    sparsify(model, masks=found, form="compressed")
    assert [row.active_weights for row in audit(model)] == [int(mask.sum()) for mask in found.values()]


def test_magnitudes_are_those_of_the_initial_weights():
    model = mlp()
    weights = {name: model.get_submodule(name).weight.detach().abs() for name in "024"}
    least = torch.cat([weight.flatten() for weight in weights.values()]).sort(descending=True).values[37]
    assert all(torch.equal(mask, weights[name] >= least) for name, mask in masks("magnitude", model).items())


def test_snip_scores_by_the_gradient_of_a_mask():
    """Lee et al. 2019, Eq. 3: the derivative of the loss by c where the weights are c ⊙ w, at c = 1."""
    model, (x, y) = mlp(), batch()
    connections = [torch.ones_like(model[place].weight, requires_grad=True) for place in (0, 2, 4)]
    hidden = x
    for place, c in zip((0, 2, 4), connections, strict=True):
        hidden = F.linear(hidden, c * model[place].weight, model[place].bias)
        hidden = hidden.relu() if place < 4 else hidden
    F.cross_entropy(hidden, y).backward()
    scores = torch.cat([c.grad.abs().flatten() for c in connections])
    least = scores.sort(descending=True).values[37]
    for mask, c in zip(masks("snip", model).values(), connections, strict=True):
        assert torch.equal(mask, c.grad.abs() >= least)


def test_grasp_keeps_what_gradient_flow_hangs_on():
    """Wang et al. 2020, Eq. 8 with the Hessian of a small network in full: keep the largest w · Hg."""
    model, (x, y) = nn.Sequential(nn.Linear(3, 4, False), nn.Tanh(), nn.Linear(4, 2, False)).double(), batch()
    x, y = x[:, :3], y % 2
    flat = torch.cat([model[0].weight.flatten(), model[2].weight.flatten()]).detach()

    def loss(flat):
        hidden = F.linear(x, flat[:12].view(4, 3)).tanh()
        return F.cross_entropy(F.linear(hidden, flat[12:].view(2, 4)) / 200, y)

    gradient = torch.func.grad(loss)(flat)
    scores = flat * (torch.autograd.functional.hessian(loss, flat) @ gradient)
    found = initial_masks(model, "grasp", sparsity=0.6, batch=(x, y))
    kept = torch.cat([mask.flatten() for mask in found.values()]).nonzero().flatten().tolist()
    assert sorted(kept) == sorted(scores.argsort(descending=True)[:8].tolist())


def test_synflow_keeps_every_layer_alive():
    model = mlp(bias=False)
    whole = masks("synflow", model, sparsity=0.0)
    assert all(mask.all() for mask in whole.values())
    assert all(mask.any() for mask in masks("synflow", model, sparsity=0.98).values())


def synflow_by_loops(weights, n):
    weights = [weight.copy() for weight in weights]
    total = sum(weight.size for weight in weights)
    for step in range(1, 101):
        first, second, third = weights
        out = third.sum(0)
        scores = [
            first * (second.T @ out)[:, None],
            second * out[:, None] * first.sum(1)[None, :],
            third * (second @ first.sum(1))[None, :],
        ]
        count = max(n, round(total * (n / total) ** (step / 100)))
        least = np.sort(np.concatenate([score.ravel() for score in scores]))[-count]
        weights = [weight * (score >= least) for weight, score in zip(weights, scores, strict=True)]
    return weights


def test_synflow_is_iterated_with_exponential_densities():
    model = mlp(bias=False)
    expected = synflow_by_loops([model[place].weight.detach().abs().numpy() for place in (0, 2, 4)], 38)
    for mask, weight in zip(masks("synflow", model).values(), expected, strict=True):
        np.testing.assert_array_equal(mask.numpy(), weight != 0)


def test_random_masks_share_out_the_budget_and_come_from_their_generator():
    uniform, kernel = (masks(method) for method in ("uniform", "erk"))
    assert [int(mask.sum()) for mask in uniform.values()] == [24, 11, 3]
    assert [int(mask.sum()) for mask in kernel.values()] == erk([(20, 12), (12, 9), (9, 4)], 38) == [18, 12, 8]
    again, other = masks("erk"), masks("erk", generator=torch.Generator().manual_seed(3))
    assert all(torch.equal(mask, again[name]) for name, mask in kernel.items())
    assert not all(torch.equal(mask, other[name]) for name, mask in kernel.items())


@pytest.mark.parametrize("total", [0, 1, 38, 100, 300, 383, 384])
def test_the_kernel_gives_every_weight_and_no_layer_more_than_it_has(total):
    counts = erk([(20, 12), (12, 9), (9, 4)], total)
    assert sum(counts) == total
    assert all(count <= whole for count, whole in zip(counts, (240, 108, 36), strict=True))


def test_shuffling_keeps_the_counts_of_layers_alone():
    found = masks("snip")
    mixed = shuffled(found, torch.Generator().manual_seed(0))
    assert [int(mask.sum()) for mask in mixed.values()] == [int(mask.sum()) for mask in found.values()]
    assert not torch.equal(mixed["0"], found["0"])


@pytest.mark.parametrize("form", ["auto", *FORMS])
def test_a_given_mask_is_a_nist_layer_in_every_way(form):
    model = mlp()
    dense = {name: model.get_submodule(name).weight.detach().clone() for name in "024"}
    found = masks("snip", model)
    sparsify(model, masks=found, form=form)
    assert {layer.form for layer in model if isinstance(layer, NISTLinear)} <= {"masked", "compressed"}
    assert all(torch.equal(model.get_submodule(name).weight, dense[name] * mask) for name, mask in found.items())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(batch()[0]), batch()[1]).backward()
        optimizer.step()
    assert prune(model, 0.95, optimizer, scope="uniform") == 19
    torch.testing.assert_close(densify(model)(batch()[0]), model(batch()[0]))
    other = sparsify(mlp(), masks=masks("magnitude"), form=form)
    other.load_state_dict(model.state_dict())  # with the connections that it has
    torch.testing.assert_close(other(batch()[0]), model(batch()[0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masks("lamp"), "unknown method 'lamp'; there are uniform, erk, magnitude, snip, grasp, synflow"),
        (lambda: initial_masks(mlp(), "snip", sparsity=0.5), "snip needs a batch of inputs and targets"),
        (lambda: masks("snip", sparsity=1), r"sparsity must be in \[0, 1\), got 1"),
        (lambda: masks("snip", include="7"), "pattern '7' matches no linear layer; there are 0, 2, 4"),
        (
            lambda: sparsify(mlp(), masks={"0": torch.ones(20, 12, dtype=torch.bool)}),
            r"of 0 must be booleans of shape \(12, 20\)",
        ),
        (
            lambda: sparsify(mlp(), masks={"0": torch.ones(12, 20)}),
            r"the mask of 0 must be booleans of shape \(12, 20\)",
        ),
        (lambda: sparsify(mlp(), masks=masks("snip"), density=0.5), "and one of them alone"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

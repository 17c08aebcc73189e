"""SET and RigL, against plain loops."""

from math import cos, pi

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nist import SET, NISTLinear, RigL, audit, densify, initial_masks, reform, sparsify

X, Y = torch.randn(24, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.arange(24) % 3


def network(form="masked"):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    masks = initial_masks(model, "erk", sparsity=0.6, generator=torch.Generator().manual_seed(1))
    return sparsify(model, masks=masks, form=form)


def backward(model):
    model.zero_grad()
    F.cross_entropy(model(X), Y).backward()


def train(model, optimizer, dynamic, steps):
    for _ in range(steps):
        backward(model)
        if not dynamic.step():
            optimizer.step()


@pytest.mark.parametrize("kind", [SET, RigL])
def test_counts_stay_and_what_is_outside_stays_zero(kind):
    model = network()
    before = [row.active_weights for row in audit(model)]
    masks = [layer.mask.clone() for layer in model[::2]]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    dynamic = kind(model, until=40, every=5, drop=0.5)
    for _ in range(60):
        train(model, optimizer, dynamic, 1)
        for layer in model[::2]:
            assert not layer.stored[~layer.mask].any()
    assert [row.active_weights for row in audit(model)] == before
    assert not any(torch.equal(layer.mask, mask) for layer, mask in zip(model[::2], masks, strict=True))
    for layer in model[::2]:
        assert not optimizer.state[layer.stored]["exp_avg"][~layer.mask].any()
        assert not layer.is_pruned
    torch.testing.assert_close(densify(model)(X), model(X))
    other = network()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(X), model(X))


def rewired(weight, mask, growth, n):
    """The mask after a change, one connection at a time."""
    active = sorted(zip(*mask.nonzero(), strict=True), key=lambda place: (-abs(weight[place]), place))
    stay = active[: len(active) - n]
    free = [place for place in np.ndindex(mask.shape) if place not in stay]
    grown = sorted(free, key=lambda place: (-growth[place], place))[:n]
    new = np.zeros_like(mask)
    for place in stay + grown:
        new[place] = True
    return new


def test_rigl_grows_where_the_gradient_of_the_dense_network_is_largest():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    dynamic = RigL(model, until=100, every=4, drop=0.4)
    train(model, optimizer, dynamic, 3)
    before = [(layer.dense_weight().detach().numpy().copy(), layer.mask.numpy().copy()) for layer in model[::2]]
    dense = densify(model)
    backward(dense)
    averages = [optimizer.state[layer.stored]["momentum_buffer"].clone() for layer in model[::2]]
    backward(model)
    assert dynamic.step()
    share = 0.4 * (1 + cos(pi * 4 / 100)) / 2
    for layer, plain, (weight, mask), average in zip(model[::2], dense[::2], before, averages, strict=True):
        expected = rewired(weight, mask, plain.weight.grad.abs().numpy(), int(share * mask.sum()))
        np.testing.assert_array_equal(layer.mask.numpy(), expected)
        np.testing.assert_array_equal(layer.stored.detach().numpy(), weight * expected)  # what is grown is zero
        assert not average[torch.from_numpy(expected & ~mask)].any()


def test_set_grows_at_random_places_of_its_generator():
    model, other = network(), network()
    for each, seed in ((model, 5), (other, 5)):
        SET(each, until=10, every=1, drop=0.5, generator=torch.Generator().manual_seed(seed)).step()
    assert all(torch.equal(ours.mask, theirs.mask) for ours, theirs in zip(model[::2], other[::2], strict=True))
    weight, mask = network()[0].dense_weight().detach().numpy(), network()[0].mask.numpy()
    growth = torch.rand((8, 10), generator=torch.Generator().manual_seed(5)).numpy()
    n = int(0.5 * (1 + cos(pi / 10)) / 2 * mask.sum())
    np.testing.assert_array_equal(model[0].mask.numpy(), rewired(weight, mask, growth, n))


def test_the_schedule():
    model = network()
    dynamic = SET(model, until=12, every=5, drop=0.3)
    assert [dynamic.step() for _ in range(20)] == [step in (5, 10) for step in range(1, 21)]


def test_the_connections_of_a_band_can_be_rewired_too():
    torch.manual_seed(0)
    model = nn.Sequential(NISTLinear(10, 8, 2, form="masked")).double()
    SET(model, until=9, every=1, drop=0.5).step()
    assert model[0].active_weights == 20
    reform(model, "compressed")
    torch.testing.assert_close(densify(model)(X), model(X))
    other = nn.Sequential(NISTLinear(10, 8, 8, form="masked")).double()
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(X), model(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SET(nn.Linear(3, 2), until=5), "nothing to rewire: the module has no NIST layer"),
        (lambda: RigL(network("compressed"), until=5), r"in the masked form alone: nist.reform\(model, 'masked'\)"),
        (lambda: RigL(network(), until=0), "every and until count from 1"),
        (lambda: SET(network(), until=5, drop=0), r"drop is in \(0, 1\], got 100, 5, 0"),
        (lambda: RigL(network(), until=5, every=1).step(), r"RigL grows by gradients: call step\(\) after backward"),
        (
            lambda: network("compressed")[0].rewire(torch.ones(8, 10, dtype=torch.bool)),
            "no place for other connections",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_optimizer_of_whole_weights_fills_no_mask_before_a_step_of_rigl():
    model = network()
    optimizer = torch.optim.Muon([layer.stored for layer in model if isinstance(layer, NISTLinear)], lr=0.05)
    dynamic = RigL(model, until=100, every=3)
    for _ in range(3):
        backward(model)
        if not dynamic.step():
            optimizer.step()
        assert not any(layer.stored[~layer.mask].any() for layer in model if isinstance(layer, NISTLinear))

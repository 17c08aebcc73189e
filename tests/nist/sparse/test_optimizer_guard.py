"""No step with averages of a weight as it was before its layer laid it out anew."""

import copy

import pytest
import torch
from torch import nn

import nist
from nist.errors import InputError
from nist.sparse import optimizer_state

OPTIMIZERS = {
    "Adam": (torch.optim.Adam, {}),
    "fused Adam": (torch.optim.Adam, {"fused": True}),
    "fused SGD": (torch.optim.SGD, {"fused": True, "lr": 0.01, "momentum": 0.9}),
    "fused Adagrad": (torch.optim.Adagrad, {"fused": True}),
    "RMSprop": (torch.optim.RMSprop, {}),
}


def dense():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10))


def banded():
    return nist.sparsify(dense(), factors=[2, 3], form="banded")


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(16, 20)).square().mean().backward()
    optimizer.step()


def restored(model, optimizer):
    """Weights of an epoch before the prune, as early stopping puts them back."""
    best = copy.deepcopy(model.state_dict())
    nist.prune(model, 0.95, optimizer)
    step(model, optimizer)
    model.load_state_dict(best)


CHANGES = {
    "prune": (banded, lambda model, _: nist.prune(model, 0.95)),
    "reform": (banded, lambda model, _: nist.reform(model, "masked")),
    "sparsify": (dense, lambda model, _: nist.sparsify(model, factors=[2, 3], form="banded")),
    "load": (banded, restored),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_step_with_averages_of_another_shape_is_refused(kind, change):
    model, (create, settings) = CHANGES[change][0](), OPTIMIZERS[kind]
    optimizer = create(model.parameters(), **settings)
    step(model, optimizer)
    CHANGES[change][1](model, optimizer)
    before = [parameter.clone() for parameter in model.parameters()]
    with pytest.raises(
        ValueError, match=r"the optimizer's \w+ has shape .* pass optimizer= to sparsify, prune and reform"
    ):
        step(model, optimizer)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    step(model, create(model.parameters(), **settings))  # made anew


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_state_of_another_form_is_refused_at_the_first_step(kind):
    states = {}
    create, settings = OPTIMIZERS[kind]
    for form in ("masked", "banded"):
        model = nist.sparsify(dense(), factors=[2, 3], form=form)
        optimizer = create(model.parameters(), **settings)
        step(model, optimizer)
        states[form] = optimizer.state_dict()
    optimizer.load_state_dict(states["masked"])
    with pytest.raises(ValueError, match="has shape"):
        step(model, optimizer)
    optimizer.load_state_dict(states["banded"])
    step(model, optimizer)


def test_what_an_optimizer_remembers_is_put_back_in_the_layout_of_its_weights_and_in_no_other_form():
    masked, other = (nist.sparsify(dense(), factors=[2, 3], form="masked") for _ in range(2))
    optimizer, fresh = (torch.optim.Adam(model.parameters()) for model in (masked, other))
    step(masked, optimizer)
    optimizer.state[masked[2].bias]["nothing"] = None
    remembered = optimizer_state.tensors(optimizer)
    assert {name for name in remembered if name.startswith("3.")} == {"3.step", "3.exp_avg", "3.exp_avg_sq"}
    other[0].stored.data = other[0].stored.detach().T.contiguous().T
    optimizer_state.restore(fresh, remembered)
    again = optimizer_state.tensors(fresh)
    assert all(torch.equal(again[name], value) for name, value in remembered.items())
    assert again["0.exp_avg"].stride() == other[0].stored.stride() != remembered["0.exp_avg"].stride()
    with pytest.raises(
        InputError, match=r"optimizer state of shape \(30, 20\) for \(2, 20\) weights; a layer has another"
    ):
        optimizer_state.restore(torch.optim.Adam(banded().parameters()), remembered)


def test_averages_that_have_shapes_of_their_own_are_left_alone():
    model = banded()
    optimizer = torch.optim.Adafactor(model.parameters())
    for _ in range(2):
        step(model, optimizer)
    assert {"row_var", "col_var"} <= optimizer.state[model[0].stored].keys()


def test_a_compiled_step_steps():
    model = banded()
    optimizer = torch.optim.Adam(model.parameters())
    compiled = torch.compile(optimizer.step, backend="eager")
    model(torch.randn(16, 20)).square().mean().backward()
    before = model[0].stored.clone()
    compiled()
    assert not torch.equal(model[0].stored, before)

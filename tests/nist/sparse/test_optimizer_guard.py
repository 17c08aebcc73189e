"""No step with averages of a weight as it was before its layer laid it out anew."""

import copy

import pytest
import timm.optim
import torch
from torch import nn

import nist
from nist.errors import InputError
from nist.sparse import optimizer_guard, optimizer_state

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


def muon(model, **settings):
    return torch.optim.Muon([weight for weight in model.parameters() if weight.dim() == 2], **settings)


WHOLE = {
    "Muon": muon,
    "Adafactor": lambda model: torch.optim.Adafactor(model.parameters()),
    "timm's Adafactor": lambda model: timm.optim.Adafactor(model.parameters()),
    "timm's Adafactor of big_vision": lambda model: timm.optim.AdafactorBigVision(model.parameters(), lr=0.01),
    "LBFGS": lambda model: torch.optim.LBFGS(model.parameters(), max_iter=3),
}
BY_ENTRY = {
    **{
        name: lambda model, kind=kind, settings=settings: kind(model.parameters(), **settings)
        for name, (kind, settings) in OPTIMIZERS.items()
    },
    "Lion": lambda model: timm.optim.Lion(model.parameters()),
    "LAMB": lambda model: timm.optim.Lamb(model.parameters()),
    "NAdam": lambda model: torch.optim.NAdam(model.parameters()),
    "Rprop": lambda model: torch.optim.Rprop(model.parameters()),
}


def closed_step(model, optimizer, seed):
    """A step that every optimizer can take, on a batch of its own."""
    x = torch.randn(16, 20, generator=torch.Generator().manual_seed(seed))

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)


def trained(create, form, steps=4):
    model = nist.sparsify(dense(), factors=[2, 3], form=form)
    optimizer = create(model)
    for seed in range(steps):
        closed_step(model, optimizer, seed)
    return model, optimizer


@pytest.mark.parametrize("name", BY_ENTRY)
def test_an_optimizer_that_works_by_entry_trains_every_form_alike(name):
    (masked, optimizer), (other, _) = (trained(BY_ENTRY[name], form) for form in ("masked", "banded"))
    assert optimizer_guard.works_by_entry(optimizer)
    for position in (0, 2):
        torch.testing.assert_close(masked[position].dense_weight(), other[position].dense_weight())


@pytest.mark.parametrize("name", WHOLE)
def test_one_that_treats_a_weight_as_a_whole_needs_a_form_and_leaves_what_is_masked_at_zero(name):
    model, optimizer = trained(WHOLE[name], "masked")
    assert not optimizer_guard.works_by_entry(optimizer)
    nist.prune(model, 0.9, optimizer)
    for seed in range(4, 8):
        closed_step(model, optimizer, seed)
    assert [int((model[position].stored != 0).sum()) for position in (0, 2)] == [
        row.active_weights for row in nist.audit(model)
    ]
    with pytest.raises(
        ValueError,
        match=r"treats a weight as a whole, or could not be tried, so its steps .* nist.reform\(model, 'masked'",
    ):
        trained(WHOLE[name], "auto")


class LowRank(torch.optim.Optimizer):
    """As GaLore has them: averages of a gradient's projection to four rows."""

    def __init__(self, parameters):
        super().__init__(parameters, {"lr": 0.01})

    def step(self, closure=None):
        if closure:
            closure()
        for weight in self.param_groups[0]["params"]:
            projection = torch.ones(4, len(weight)) / len(weight)
            average = self.state[weight].setdefault("exp_avg", torch.zeros(4, weight.shape[1]))
            weight.data -= 0.01 * projection.T @ average.add_(projection @ weight.grad)


class Sign(torch.optim.Optimizer):
    """Keeps a setting as an attribute."""

    def __init__(self, parameters, rate=0.01):
        super().__init__(parameters, {})
        self.rate = rate

    def step(self, closure=None):
        if closure:
            closure()
        for weight in self.param_groups[0]["params"]:
            weight.data -= self.rate * weight.grad.sign()


def test_averages_of_low_rank_are_of_the_same_weight_as_long_as_it_keeps_its_shape():
    create = lambda model: LowRank([weight for weight in model.parameters() if weight.dim() == 2])  # noqa: E731
    model, optimizer = trained(create, "masked")
    assert len(optimizer.state[model[0].stored]["exp_avg"]) == 4
    assert int((model[0].stored != 0).sum()) == model[0].active_weights


def test_settings_that_an_optimizer_keeps_as_attributes_are_tried_with_it():
    _, optimizer = trained(lambda model: Sign(model.parameters()), "auto")
    assert optimizer_guard.works_by_entry(optimizer)


@pytest.mark.parametrize("name", WHOLE)
def test_what_it_remembers_cannot_follow_a_change_of_shape(name):
    model, optimizer = trained(WHOLE[name], "banded")
    with pytest.raises(ValueError, match="what it remembers cannot follow the prune of a banded layer: prune without"):
        nist.prune(model, 0.9, optimizer)
    with pytest.raises(ValueError, match="what it remembers cannot follow the reform of a banded layer"):
        nist.reform(model, "masked", optimizer=optimizer)
    assert [(row.form, row.active_weights) for row in nist.audit(model)] == [("banded", 40), ("banded", 90)]
    nist.prune(model, 0.9)
    with pytest.raises(ValueError, match=r"has shape .*, and the parameter of its NIST layer is .* anew"):
        closed_step(model, optimizer, 9)


def test_averages_of_before_a_prune_fill_nothing_up_again():
    model, optimizer = trained(BY_ENTRY["fused Adam"], "masked")
    nist.prune(model, 0.9)  # without the optimizer
    for seed in range(4, 8):
        closed_step(model, optimizer, seed)
    assert sum(int((model[position].stored != 0).sum()) for position in (0, 2)) == 90


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("form", ["banded", "compressed"])
def test_a_state_and_an_optimizers_state_of_another_form_are_never_stepped_with(form, fused):
    (theirs, its), (model, _) = (
        trained(lambda model: torch.optim.AdamW(model.parameters(), fused=fused), each) for each in (form, "masked")
    )
    model.load_state_dict(theirs.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), fused=fused)
    optimizer.load_state_dict(its.state_dict())
    before = model[0].stored.clone()
    with pytest.raises(ValueError, match=r"the optimizer's exp_avg has shape .* \(30, 20\) now: pass optimizer="):
        closed_step(model, optimizer, 9)
    assert torch.equal(model[0].stored, before)


@pytest.mark.parametrize(
    "change", [lambda model, its: nist.prune(model, 0.9, its), lambda model, its: nist.reform(model, optimizer=its)]
)
def test_another_models_optimizer_is_noticed(change):
    with pytest.raises(ValueError, match="the optimizer trains none of the module's layers: is it another model's"):
        change(banded(), torch.optim.Adam(banded().parameters()))
    with pytest.raises(ValueError, match="optimizer must be a torch optimizer, got 'layer'"):
        change(banded(), "layer")
    with pytest.raises(ValueError, match="the optimizer trains none of the module's layers"):
        nist.sparsify(dense(), [1, 1], optimizer=torch.optim.Adam(dense().parameters()))


def test_a_wrapper_around_an_optimizer_follows_a_prune():
    model = banded()
    optimizer = timm.optim.Lookahead(torch.optim.Adam(model.parameters()), k=2)
    for seed in range(4):
        closed_step(model, optimizer, seed)
    other = copy.deepcopy(model)
    nist.prune(model, 0.9, optimizer)
    for seed in range(4, 8):
        closed_step(model, optimizer, seed)
    optimizer = timm.optim.Lookahead(torch.optim.Adam(other.parameters()), k=2)
    for seed in range(4):
        closed_step(other, optimizer, seed)
    nist.prune(other, 0.9)
    with pytest.raises(ValueError, match="has shape"):
        closed_step(other, optimizer, 4)


@pytest.mark.parametrize("fused", [False, True])
def test_a_compiled_step_steps_and_is_watched(fused):
    model = banded()
    optimizer = torch.optim.Adam(model.parameters(), fused=fused)
    compiled = torch.compile(optimizer.step, backend="eager")
    model(torch.randn(16, 20)).square().mean().backward()
    before = model[0].stored.clone()
    compiled()
    assert not torch.equal(model[0].stored, before)
    nist.prune(model, 0.95)
    model(torch.randn(16, 20)).square().mean().backward()
    with pytest.raises(ValueError, match="the optimizer's exp_avg has shape"):
        compiled()


def test_a_parameter_that_was_replaced_is_watched_too():
    model = banded()
    wide, pruned = copy.deepcopy(model.state_dict()), banded()
    nist.prune(pruned, 0.95)
    model.load_state_dict(pruned.state_dict(), assign=True)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    step(model, optimizer)
    model.load_state_dict(wide)
    with pytest.raises(ValueError, match="the optimizer's exp_avg has shape"):
        step(model, optimizer)


def test_trying_an_optimizer_leaves_it_and_random_numbers_as_they_are():
    model = banded()
    optimizer = timm.optim.Lamb(model.parameters())
    step(model, optimizer)
    before, random = copy.deepcopy(optimizer.state_dict()), torch.get_rng_state()
    optimizer_guard._by_entry.clear()
    assert optimizer_guard.works_by_entry(optimizer)
    assert torch.equal(torch.get_rng_state(), random)
    assert str(optimizer.state_dict()) == str(before)


@pytest.mark.parametrize("form", ["masked", "banded", "compressed"])
def test_modules_that_swap_tensors_and_replicas_of_data_parallel_work(form):
    layer = nist.NISTLinear(6, 4, 2, form=form)
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        assert layer.double().stored.dtype == torch.float64
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    replica = layer._replicate_for_data_parallel()
    replica.weight, replica.bias = layer.stored.detach().clone(), layer.bias  # as torch.nn.parallel.replicate does
    x = torch.randn(2, 6, dtype=torch.float64)
    torch.testing.assert_close(replica(x), layer(x))
    with pytest.raises(TypeError, match="cannot assign 'torch.FloatTensor' as parameter 'weight'"):
        layer.weight = torch.zeros(4, 6)


def test_a_gradient_of_before_a_prune_is_refused():
    layer = nist.NISTLinear(20, 10, 5, form="compressed")
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, fused=True)
    loss = layer(torch.randn(4, 20)).square().sum()
    nist.prune(layer, 0.9, optimizer)
    loss.backward()
    with pytest.raises(ValueError, match=r"has shape \(100,\) and its parameter \(20,\): it is of a loss from before"):
        optimizer.step()

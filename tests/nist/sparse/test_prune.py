import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nist import NISTLinear, PruneOnce, prune, reform, sparsify
from nist.sparse.kernels import FORMS
from nist.sparse.mask import kept_weights
from nist.sparse.selection import Weights, largest


def head(seed=0, form="masked"):
    torch.manual_seed(seed)
    return nn.Sequential(NISTLinear(120, 84, 1, form=form), nn.Tanh(), NISTLinear(84, 10, 10, form=form))


def train(network, optimizer, steps=10):
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(16, 120)).square().mean().backward()
        optimizer.step()


def supports(network):
    return [layer.dense_weight() != 0 for layer in (network[0], network[2])]


# Layers of random weights have different scales, and some prunes here rightly take the whole of one.
pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")

OPTIMIZERS = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-2, weight_decay=1e-2),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.05),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9, weight_decay=1e-2),
    "fused adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-2, fused=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_largest_weights_of_both_layers_together_are_kept(form):
    network = head(form=form)
    before = torch.cat([layer.values().abs() for layer in (network[0], network[2])])
    kept = prune(network, 0.98)
    after = torch.cat([layer.values().abs() for layer in (network[0], network[2])])
    assert kept == 218 == len(after) == network[0].active_weights + network[2].active_weights
    torch.testing.assert_close(after.sort().values, before.sort().values[-218:])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_support_stays_through_momentum_and_decay(name, form):
    network = head(form=form)
    optimizer = OPTIMIZERS[name](network.parameters())
    train(network, optimizer)
    assert [int(s.sum()) for s in supports(network)] == [120, 840]
    prune(network, 0.995, optimizer)
    pruned = supports(network)
    assert sum(int(s.sum()) for s in pruned) == 54
    train(network, optimizer)
    for before, after in zip(pruned, supports(network), strict=True):
        assert not (after & ~before).any(), "a pruned weight came back"


@pytest.mark.parametrize("form", [form for form in FORMS if form != "masked"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_form_is_trained_and_pruned_alike(name, form):
    networks = [head(form="masked").double(), head(form=form).double()]
    for network in networks:
        parameters = list(network.parameters())
        optimizer = OPTIMIZERS[name](parameters)
        torch.manual_seed(1)
        for step in range(10):
            if step == 5:
                prune(network, 0.98, optimizer)
            optimizer.zero_grad()
            network(torch.randn(16, 120, dtype=torch.float64)).square().mean().backward()
            optimizer.step()
        assert all(ours is theirs for ours, theirs in zip(parameters, network.parameters(), strict=True))
    for position in (0, 2):
        ours, theirs = (network[position].dense_weight() for network in networks)
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_running_averages_of_pruned_weights_are_cleared():
    network = head()
    optimizer = OPTIMIZERS["adam"](network.parameters())
    train(network, optimizer, 5)
    prune(network, 0.98, optimizer)
    state = optimizer.state[network[2].stored]
    assert (state["exp_avg"][~network[2].mask] == 0).all()
    assert (state["exp_avg_sq"][~network[2].mask] == 0).all()
    assert (state["exp_avg"][network[2].mask] != 0).any()


def test_biases_and_dense_layers_are_left_alone():
    network = nn.Sequential(NISTLinear(20, 10, 2), nn.Linear(10, 5))
    bias, dense = network[0].bias.clone(), network[1].weight.clone()
    prune(network, 0.95)
    assert torch.equal(network[0].bias, bias)
    assert torch.equal(network[1].weight, dense)


@pytest.mark.parametrize("form", FORMS)
def test_ties_go_to_the_lower_input_then_output(form):
    layer = NISTLinear(4, 3, 3, form=form)
    with torch.no_grad():
        layer.stored.fill_(0.5)
    prune(layer, 0.6)  # keeps floor(0.4 * 12) = 4 of 12 equal weights
    assert layer.dense_weight().T.flatten().nonzero().flatten().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["banded", "blocked"])
def test_a_pruned_band_is_compressed_and_an_intact_one_stays(form):
    network = nn.Sequential(NISTLinear(20, 10, 2, form=form), NISTLinear(10, 5, 5, form=form))
    with torch.no_grad():
        network[1].stored.fill_(9.0)
    prune(network, 0.7)
    assert [layer.form for layer in network] == ["compressed", form]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 2**-20, 0.25, 0.5, 1.0, float("inf"), float("nan")]), min_size=1, max_size=30),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.data(),
)
def test_largest_keeps_exactly_n_and_the_lowest_rank_of_equals(values, dtype, data):
    """NaN and infinity, of a diverged run, are equally large; signs do not count."""
    n, split = data.draw(st.integers(0, len(values))), data.draw(st.integers(0, len(values)))
    rank = data.draw(st.permutations(range(len(values))))
    size = [float("inf") if value != value else value for value in values]
    expected = sorted(range(len(values)), key=lambda i: (-size[i], i >= split, rank[i]))[:n]
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(values), max_size=len(values)))
    signed = [sign * value for sign, value in zip(signs, values, strict=True)]
    parts = [torch.tensor([9.0, *part], dtype=dtype) for part in (signed[:split], signed[split:])]
    there = [torch.tensor([False, *[True] * (len(part) - 1)]) for part in parts]
    ranks = [torch.tensor([-1, *part]).__getitem__ for part in (rank[:split], rank[split:])]
    found = torch.cat([kept[1:] for kept in largest([*map(Weights, parts, there, ranks)], n)])
    assert found.nonzero().flatten().tolist() == sorted(expected)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 100), st.sampled_from([0.9, 0.92, 0.95, 0.98, 0.995, 0.9995]))
def test_the_count_is_exact_and_the_mask_only_shrinks(seed, sparsity):
    layer = head(seed)[2]  # 84 → 10, dense
    before = layer.mask
    assert prune(layer, sparsity) == kept_weights(840, sparsity) == layer.active_weights
    assert not (layer.mask & ~before).any()


def test_a_number_in_place_of_a_generator_is_an_error():
    with pytest.raises(ValueError, match="generator must be a torch.Generator, .* got 5"):
        prune(head(), 0.98, generator=5)


def test_nothing_to_prune_is_an_error():
    with pytest.raises(ValueError, match="no NIST layer"):
        prune(nn.Linear(3, 2), 0.5)


def test_a_target_below_the_initial_sparsity_is_an_error():
    with pytest.raises(ValueError, match="would keep 5460 weights, but only 960 are active"):
        prune(head(), 0.5)


def test_each_layer_by_itself():
    network = head()
    assert prune(network, 0.995, scope="layer") == 50 + 4
    assert [network[0].active_weights, network[2].active_weights] == [50, 4]


@pytest.mark.parametrize("sparsity", [0.98, 0.995])
def test_a_second_prune_is_an_error(sparsity):
    network = head()
    prune(network, 0.98)
    with pytest.raises(ValueError, match="already pruned: the method prunes once"):
        prune(network, sparsity)
    assert network[0].active_weights + network[2].active_weights == 218


def test_an_impossible_layer_leaves_every_layer_as_it_was():
    network = head()  # 120 of 10,080 weights and 840 of 840: the first layer starts sparser than 98 %
    with pytest.raises(ValueError, match="sparsity 0.98 would keep 201 weights, but only 120 are active"):
        prune(network[::-1], 0.98, scope="layer")
    assert [network[0].active_weights, network[2].active_weights] == [120, 840]


def test_an_unknown_scope_is_an_error():
    with pytest.raises(ValueError, match="unknown scope 'block'; there are global, layer, uniform"):
        prune(head(), 0.98, scope="block")


def test_a_layer_that_loses_everything_is_named():
    network = head()
    with torch.no_grad():
        network[0].stored.mul_(1e-3)
    with pytest.warns(UserWarning, match=r"left nothing of 0, whose weights are the smallest: see scope"):
        prune(network, 0.98)


def test_the_callback_prunes_at_its_epoch_and_once():
    network = head()
    optimizer = OPTIMIZERS["adam"](network.parameters())
    train(network, optimizer, 3)
    callback = PruneOnce(network, 0.98, epoch=2)
    assert [callback(epoch, optimizer=optimizer) for epoch in (1, 2, 3)] == [None, 218, None]
    assert (optimizer.state[network[2].stored]["exp_avg"][~network[2].mask] == 0).all()


def test_a_head_with_as_many_weights_as_are_to_be_kept_is_not_pruned():
    layer = NISTLinear(100, 10, 1)
    callback = PruneOnce(layer, 0.9, epoch=1)
    assert [callback(epoch) for epoch in (1, 2)] == [None, None]
    assert layer.active_weights == 100


def test_an_epoch_that_was_passed_over_is_made_up_for():
    # Saved after epoch 2, killed before the call, and gone on with at epoch 3.
    assert PruneOnce(head(), 0.98, epoch=1)(2) == 218


def test_the_callback_prunes_at_a_share_of_the_plateau():
    callback = PruneOnce(head(), 0.98, plateau=0.8, share=0.5)
    assert [callback(epoch, accuracy) for epoch, accuracy in ((1, 0.39), (2, 0.41), (3, 0.2), (4, 0.9))] == [
        None,
        218,
        None,
        None,
    ]


def test_a_plateau_its_share_and_an_accuracy_may_be_all():
    callback = PruneOnce(head(), 0.98, plateau=1, share=1)
    assert [callback(1, accuracy) for accuracy in (0, 0.99, 1)] == [None, None, 218]


def test_the_callback_leaves_a_model_that_was_loaded_pruned():
    network = head()
    prune(network[:1], 0.995)  # 50 weights, and with the 840 of the other layer fewer than the 928 to be kept
    assert PruneOnce(network, 0.915, epoch=4)(4) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give the epoch at which to prune, or the accuracy of the plateau, and not both"),
        ({"epoch": 4, "plateau": 0.5}, "and not both"),
        ({"epoch": 0}, "epochs count from 1, got 0"),
        ({"plateau": 78.5}, r"plateau and share must be fractions in \(0, 1\], got 78.5 and 0.5"),
        ({"plateau": 1.1}, r"plateau and share must be fractions in \(0, 1\], got 1.1 and 0.5"),
        ({"plateau": 0}, r"plateau and share must be fractions in \(0, 1\], got 0 and 0.5"),
        ({"plateau": 0.7, "share": 1.1}, r"plateau and share must be fractions in \(0, 1\], got 0.7 and 1.1"),
        ({"plateau": 0.7, "share": 0}, r"plateau and share must be fractions in \(0, 1\], got 0.7 and 0"),
        ({"epoch": 4, "sparsity": 98}, r"sparsity must be in \[0, 1\), got 98"),
        ({"epoch": 4, "scope": "block"}, "unknown scope 'block'; there are global, layer, uniform"),
        ({"epoch": 4, "sparsity": 0.5}, "would keep 5460 weights, but only 960 are active"),
        ({"epoch": 4, "scope": "layer"}, "would keep 201 weights, but only 120 are active"),
    ],
)
def test_when_and_how_to_prune_must_be_clear_from_the_start(arguments, message):
    with pytest.raises(ValueError, match=message):
        PruneOnce(head(), **{"sparsity": 0.98, **arguments})


def test_a_callback_may_wait_for_layers_but_not_with_a_sparsity_that_none_have():
    PruneOnce(nn.Linear(3, 2), 0.5, epoch=4)
    with pytest.raises(ValueError, match="sparsity must be in"):
        PruneOnce(nn.Linear(3, 2), 99, epoch=4, scope="layer")


@pytest.mark.parametrize("accuracy", [10.0, -0.1, float("nan")])
def test_an_accuracy_in_percent_is_no_fraction(accuracy):
    network = head()
    with pytest.raises(ValueError, match=f"accuracy must be a fraction in \\[0, 1\\], got {accuracy}"):
        PruneOnce(network, 0.98, plateau=0.8)(1, accuracy)
    assert not network[2].is_pruned


@pytest.mark.parametrize("change", ["prune", "reform", "sparsify"])
def test_a_replica_is_kept_as_it_is_however_deep_its_wrapper_lies(change):
    wrapper = type("DistributedDataParallel", (nn.Sequential,), {})  # a real one wants other processes
    calls = {
        "prune": lambda model: prune(model, 0.98),
        "reform": lambda model: reform(model, "banded"),
        "sparsify": lambda model: sparsify(model, density=0.5),
    }
    for model in (wrapper(*head(), nn.Linear(10, 3)), nn.ModuleDict({"inner": wrapper(*head(), nn.Linear(10, 3))})):
        with pytest.raises(ValueError, match=f"delete the wrapper, {change}, and wrap it again"):
            calls[change](model)
    with pytest.raises(ValueError, match="delete the wrapper, prune, and wrap it again"):
        PruneOnce(model, 0.98, epoch=4)


def test_a_callback_for_a_plateau_needs_the_accuracy():
    with pytest.raises(ValueError, match="call with the epoch's accuracy: the prune waits for 0.4"):
        PruneOnce(head(), 0.98, plateau=0.8)(1)


@pytest.mark.parametrize("form", FORMS)
def test_a_random_prune_draws_by_layer_then_output_then_input_in_every_form(form):
    network = head(form=form)
    whole = torch.cat([support.flatten() for support in supports(network)])
    numbers = torch.rand(960, generator=torch.Generator().manual_seed(5))
    n_keep = prune(network, 0.95, generator=torch.Generator().manual_seed(5))
    kept = torch.cat([support.flatten() for support in supports(network)])
    assert torch.equal(kept[whole], numbers >= numbers.sort(descending=True).values[n_keep - 1])


@pytest.mark.parametrize("change", [lambda model: prune(model, 0.95), lambda model: reform(model, "banded")])
def test_in_inference_mode_nothing_is_changed(change):
    network = head()
    with torch.inference_mode(), pytest.raises(ValueError, match="outside torch.inference_mode"):
        change(network)
    assert network[0].form == "masked"
    train(network, torch.optim.SGD(network.parameters(), lr=0.1), steps=1)


def test_what_a_prune_leaves_nothing_of_is_said_where_it_was_called():
    network = nn.Sequential(NISTLinear(6, 4, 2), NISTLinear(4, 2, 2))
    nn.init.zeros_(network[1].stored)
    with pytest.warns(UserWarning, match="the prune left nothing of") as found:
        prune(network, 0.9)
    assert found[0].filename == __file__

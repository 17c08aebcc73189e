"""Masks and prunes that are as large as the method's and not the method's: the controls of a study."""

import numpy as np
import pytest
import torch
from torch import nn

from nist import NISTLinear, prune
from nist.data import packed
from nist.models import build
from nist.sparse import cost_model
from nist.sparse.budgets import shared_out
from nist.sparse.mask import Band
from nist.sparse.random_masks import CONTROLS, RandomMask, band
from nist.studies import study
from tests.nist.training.block import train_block

SHAPES = [(120, 84, 1), (84, 10, 5), (10, 84, 3), (7, 5, 5)]


@pytest.mark.parametrize("scheme", CONTROLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_control_has_as_many_connections_as_the_band_each_once(scheme, shape):
    control = RandomMask(*shape, scheme, seed=3)
    inputs, outputs = control.edges()
    assert len({*zip(inputs.tolist(), outputs.tolist(), strict=True)}) == len(inputs) == shape[0] * shape[2]
    mask = np.zeros(shape[:2], dtype=bool)
    mask[inputs, outputs] = True
    np.testing.assert_array_equal(control.contains(*np.indices(shape[:2])), mask)
    assert inputs.min() >= 0
    assert inputs.max() < shape[0]
    assert outputs.min() >= 0
    assert outputs.max() < shape[1]


@pytest.mark.parametrize("shape", SHAPES)
def test_permuting_keeps_fan_outs_and_the_multiset_of_fan_ins(shape):
    n_in, n_out, k = shape
    inputs, outputs = RandomMask(*shape, "permuted", seed=3).edges()
    assert (np.bincount(inputs, minlength=n_in) == k).all()
    fan_in = np.bincount(Band(*shape).edges()[1], minlength=n_out)
    assert sorted(np.bincount(outputs, minlength=n_out)) == sorted(fan_in)


def test_a_control_is_drawn_from_its_seed_and_is_not_the_band():
    one, same, other = (RandomMask(120, 84, 1, "permuted", seed=seed).edges()[1] for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()
    assert (one != Band(120, 84, 1).edges()[1]).any()


def test_random_connections_spare_no_place():
    counts = np.zeros((6, 4))
    for seed in range(3000):
        counts[RandomMask(6, 4, 1, "random", seed=seed).edges()] += 1
    assert abs(counts / 3000 - 0.25).max() < 6 * (0.25 * 0.75 / 3000) ** 0.5


def test_a_control_has_no_form_without_an_index():
    with pytest.raises(TypeError, match="is no band, and has no form without an index"):
        cost_model.work("banded", RandomMask(10, 84, 3, "permuted"), active_weights=30, rows=64)


def test_an_unknown_scheme_is_an_error():
    with pytest.raises(ValueError, match="unknown scheme 'odd'; there are literal, even, permuted, random"):
        band(4, 3, 1, "odd")


@pytest.mark.parametrize("scheme", CONTROLS)
@pytest.mark.parametrize("form", ["masked", "compressed", "auto", "banded"])
def test_a_layer_on_a_control_computes_its_masked_product(scheme, form):
    control = RandomMask(20, 12, 3, scheme, seed=5)
    torch.manual_seed(0)
    dense = nn.Linear(20, 12)
    x, weight = torch.randn(4, 20), dense.weight.detach().clone()
    inside = torch.zeros(12, 20)
    inside[control.edges()[::-1]] = 1
    layer = NISTLinear.from_dense(dense, control, form)
    assert layer.form in ("masked", "compressed")
    torch.testing.assert_close(layer(x), nn.functional.linear(x, weight * inside, dense.bias))
    assert layer.active_weights == 60
    assert not layer.is_pruned


def test_a_saved_layer_is_refused_by_one_with_other_connections():
    def layer(seed):
        return NISTLinear.from_dense(nn.Linear(20, 12), RandomMask(20, 12, 3, "random", seed=seed), "masked")

    saved, same, other = layer(1), layer(1), layer(2)
    same.load_state_dict(saved.state_dict())
    torch.testing.assert_close(same.dense_weight(), saved.dense_weight())
    with pytest.raises(RuntimeError, match="its connections are not among those of factor 3"):
        other.load_state_dict(saved.state_dict())


def test_a_control_starts_with_the_values_of_the_band_in_every_layer(load_study, study_content):
    study_content["variants"]["nist-1-10-p98"]["changes"] = {"model.head.scheme": "random"}
    experiment = load_study(study_content)
    heads = []
    for variant in ("nist-1-10-p98", "nist-1-10-p99.5"):
        torch.manual_seed(11)
        heads.append(build.head(experiment.configuration(variant)["model"]))
    control, literal = (each[0].dense_weight() for each in heads)
    common = (control != 0) & (literal != 0)
    assert common.any()
    assert (control != literal).any()
    torch.testing.assert_close(control[common], literal[common])
    torch.testing.assert_close(*(each[2].dense_weight() for each in heads))  # with k = n_out it is full in both


@pytest.mark.parametrize(
    ("total", "sizes", "parts"), [(54, [120, 840], [7, 47]), (5, [1, 1], [3, 2]), (4, [1, 3], [1, 3])]
)
def test_a_budget_is_shared_out_by_largest_remainders(total, sizes, parts):
    assert shared_out(total, sizes) == parts


def head():
    torch.manual_seed(0)
    return nn.Sequential(NISTLinear(120, 84, 1, form="masked"), nn.Tanh(), NISTLinear(84, 10, 10, form="masked"))


def test_a_uniform_prune_keeps_the_same_share_of_every_layer_and_its_largest_weights():
    network = head()
    before = network[2].values().abs().sort().values
    assert prune(network, 0.995, scope="uniform") == 54
    assert [network[0].active_weights, network[2].active_weights] == [7, 47]
    torch.testing.assert_close(network[2].values().abs().sort().values, before[-47:])


@pytest.mark.parametrize(
    "changes",
    [
        {"model.head.scheme": "random"},
        {"model.head.scheme": "permuted"},
        {"training.pruning.magnitude": "random"},
        {"training.pruning.scope": "uniform"},
    ],
    ids=str,
)
def test_a_control_trains_alone_as_in_a_stack_and_differs_from_the_method(load_study, changes):
    content = study.load("lenet5-digits").content
    content["training"].update(epochs=2)
    method, control = content["variants"]["nist-1-10-p98"], content["variants"]["nist-1-10-p99.5"]
    method["prune"] = control["prune"] = {"epoch": 1, "sparsity": 0.98}
    control["changes"] = changes
    content["variants"] = {"dense": content["variants"]["dense"], "method": method, "control": control}
    experiment, images = load_study(content), packed.Images(*(array[::8] for array in packed.digits()))

    def losses(variant, together):
        rows, _ = train_block(experiment, variant, range(2), images, torch.device("cpu"), together=together)
        assert {row["active_weights"] for row in rows} == {960, 218}
        return [row["train_loss"] for row in rows]

    alone = losses("control", 1)
    assert alone == pytest.approx(losses("control", 2), abs=1e-4)
    assert abs(np.array(alone) - losses("method", 1)).max() > 1e-3

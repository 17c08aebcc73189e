import re

import pytest
import torch
from torch import nn

from nist import NISTLinear, prune, sparsify, suggest, summary
from nist.sparse.effective import effective_weights
from nist.sparse.summary import HEADINGS


def mlp(**options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU())
    return sparsify(model.append(nn.Linear(100, 10)), **options)


def test_a_model_is_summed_up_layer_by_layer_in_its_forms():
    model = mlp(factors=[1, 50, 10], form="masked")
    model[1].change_form("banded")
    table = summary(model)
    assert [row[:6] for row in table] == [
        ("1", "784 → 300", 1, "banded", 784, 235_200),
        ("3", "300 → 100", 50, "masked", 15_000, 30_000),
        ("5", "100 → 10", 10, "masked", 1_000, 1_000),
    ]
    assert [(row.macs, row.flops) for row in table] == [(784, 1_868), (30_000, 60_100), (1_000, 2_010)]
    assert (len(table), table.total.active, table.total.dense) == (3, 16_784, 266_200)


def test_it_prints_well_in_a_terminal_and_in_a_notebook():
    table = summary(mlp(factors=[1, 50, 10], form="masked"))
    lines = str(table).splitlines()
    assert lines[0].split() == [*HEADINGS]
    assert lines[-1].split()[:3] == ["total", "16,784", "266,200"]
    ends = [[match.end() for match in re.finditer(r"[\d,]+(?=\s|$)", line)][-4:] for line in (lines[2], lines[-1])]
    assert ends[0] == ends[1]  # numbers end in one column
    assert repr(table) == str(table)
    html = table._repr_html_()
    assert html.count("<tr>") == 5
    assert "<td>235,200</td>" in html
    assert "→" in html


def kept(layer, edges):
    mask = torch.zeros(layer.out_features, layer.in_features, dtype=torch.bool)
    for i, o in edges:
        mask[o, i] = True
    layer.keep(mask)
    return layer


def test_effective_weights_lie_on_a_path_from_an_input_to_an_output():
    first = kept(NISTLinear(2, 3, 3, form="masked"), [(0, 0), (1, 1), (0, 2)])
    second = kept(NISTLinear(3, 2, 2, form="masked"), [(0, 0), (1, 0)])  # hidden unit 2 leads nowhere
    third = kept(NISTLinear(2, 2, 2, form="masked"), [(0, 0), (1, 1)])  # input 1 is never reached
    model = nn.Sequential(first, nn.ReLU(), second, nn.Dropout(), third)
    assert list(effective_weights(model).values()) == [2, 2, 1]
    assert [row.effective for row in summary(model)] == [2, 2, 1]
    assert list(effective_weights(nn.Sequential(first, nn.LayerNorm(3), second)).values()) == [3, 2]  # which mixes
    assert list(effective_weights(nn.Sequential(first, nn.Linear(3, 3), second)).values()) == [3, 2]
    assert list(effective_weights(nn.ModuleList([first, second])).values()) == [3, 2]


@pytest.mark.parametrize(
    ("sparsity", "factors"),
    [(0.8, [49, 50, 5]), (0.9, [15, 50, 5]), (0.95, [1, 50, 5]), (0.99, [1, 50, 5]), (0.3, [218, 50, 5])],
)
def test_the_papers_rule_within_a_budget(sparsity, factors):
    """k = 1 first and half of the outputs after, and a first factor that suffices where that is too few."""
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    found = suggest(model, sparsity=sparsity)
    assert found.factors == dict(zip("024", factors, strict=True))
    sparsify(model, found.factors, form="masked")
    assert sum(row.active for row in summary(model)) == found.initial_weights >= found.kept_weights
    assert prune(model, found.sparsity) == found.kept_weights


@pytest.mark.filterwarnings("ignore:the prune left nothing of")
@pytest.mark.parametrize("rule", ["paper", "erk"])
@pytest.mark.parametrize("parameters", [1, 999, 26_620, 200_000, 266_200])
def test_a_number_of_weights_is_kept_exactly(rule, parameters):
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    found = suggest(model, parameters=parameters, rule=rule)
    sparsify(model, found.factors, form="masked")
    assert prune(model, found.sparsity) == parameters


def test_erk_gives_the_densities_of_its_formula_and_leaves_small_layers_whole():
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    factors = suggest(model, sparsity=0.9, rule="erk").factors
    scale = (26_620 - 1_000) / (784 + 300 + 300 + 100)  # the last layer is whole
    assert [factors[name] for name in "02"] == [-(-scale * 1_084 // 784), -(-scale * 400 // 300)]
    assert factors["4"] == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give the sparsity, or the parameters to keep, and not both"),
        ({"sparsity": 0.5, "parameters": 3}, "and not both"),
        ({"sparsity": "0.5"}, "sparsity must be a number, got '0.5'"),
        ({"parameters": float("nan")}, "parameters must be a whole number, got nan"),
        ({"parameters": 5.7}, "parameters must be a whole number, got 5.7"),
        ({"parameters": 0}, "the layers have 24 weights, and 0 of them cannot be kept"),
        ({"parameters": 25}, "the layers have 24 weights, and 25 of them cannot be kept"),
        ({"sparsity": 0.5, "rule": "lamp"}, "unknown rule 'lamp'; there are paper and erk"),
        ({"sparsity": 0.5, "include": "1"}, "pattern '1' matches no linear layer"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        suggest(nn.Sequential(nn.Linear(6, 4)), **options)


def test_factors_go_by_the_names_of_layers():
    model = sparsify(nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3)), {"1": 2}, form="masked")
    assert [type(layer) for layer in model] == [nn.Linear, NISTLinear]
    with pytest.raises(ValueError, match="names of layers say which ones are meant: give no include"):
        sparsify(nn.Sequential(nn.Linear(6, 4)), {"0": 2}, include="0")
    with pytest.raises(ValueError, match="pattern .7. matches no linear layer; there are 0"):
        sparsify(nn.Sequential(nn.Linear(6, 4)), {"7": 2})

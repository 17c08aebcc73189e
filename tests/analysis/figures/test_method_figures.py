"""Figures and the table of studies that compare methods."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from analysis.figures import accuracysparsity, mean_ranks
from analysis.figures.item import draw
from analysis.study_results import Item, Source
from analysis.tables import methods
from nist.studies import study

NAMES = ["mlp-fmnist-comparison-98", "mlp-fmnist-comparison-80"]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def source(name):
    """A study whose variants are a point of accuracy apart, in its order, over three runs."""
    one, sparsity = study.load(name), 0.98 if name.endswith("98") else 0.8
    rows = [
        {
            "study": name,
            "variant": variant,
            "score": "last",
            "metric": "last",
            "n": 3,
            "mean": 0.9 - 0.01 * place,
            "sd": 0.002,
            "margin": 0.005,
            "rank": float(place),
            "p": 0.01,
            "variants": 3,
            "alike": "",
            "final": 5324,
            "difference": -0.01 * place,
            "low": -0.01 * place - 0.002,
            "high": -0.01 * place + 0.002,
        }
        for place, variant in enumerate(one.variants)
    ]
    frame = pd.DataFrame(rows)
    ranked = frame[frame["variant"] != "dense"]
    runs = [
        {
            "variant": variant,
            "seed": seed,
            "sparsity": 0 if variant == "dense" else sparsity,
            "effective_sparsity": 0 if variant == "dense" else sparsity + 0.01,
            "effective": 5000,
            "unused": seed,
            "unreached": 0,
            "extra_epochs": 30.0 if variant == "one-shot" else 0.0,
            "extra_seconds": 60.0 if variant == "one-shot" else 0.0,
        }
        for variant in one.variants
        for seed in range(3)
    ]
    beside = frame[frame["variant"] != "nist"]
    statistics = {"accuracy": frame, "cost": frame, "paired_difference": beside, "ranks": ranked}
    return Source(one, {**statistics, "paths": pd.DataFrame(runs)})


def test_methods_stand_by_rank_and_the_dense_network_last():
    table = methods.build([source(NAMES[0])]).set_index("Method")
    assert [*table.index[:2], table.index[-1]] == ["NIST", "Random (uniform)", "Dense"]
    assert table.loc["NIST", "Difference from NIST"] == "–"
    assert table.loc["SNIP", "Difference from NIST"] == "−5.00 points (−5.20 to −4.80)"
    assert table.loc["SNIP", "Accuracy, last epoch (%)"] == "85.0 ± 0.50"
    assert table.loc["Dense", "Mean rank"] == "–"
    assert table.loc["Magnitude after training", "Extra epochs"] == "30"
    assert table.loc["SNIP", "Effective sparsity (%)"] == "99.00"
    assert table.loc["SNIP", "Unused features"] == "1.0"


def test_ranks_are_drawn_from_the_best_down():
    one = source(NAMES[0])
    frame = one.statistic("ranks")
    axes = plt.subplots()[1]
    mean_ranks.plot(frame.iloc[::-1], one.study, axes, "ranks")
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[:2] == ["NIST", "Random (uniform)"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [line.get_marker() for line in axes.lines[:2]] == ["D", "o"]


@pytest.mark.parametrize(("n", "bars"), [(10, 0), (11, 1)])
def test_with_too_few_seeds_there_is_no_bar_and_why(n, bars):
    one = source(NAMES[0])
    frame = one.statistic("ranks").head(10).assign(n=n)
    frame["alike"] = " ".join(frame["variant"])
    axes = plt.subplots()[1]
    mean_ranks.plot(frame, one.study, axes, "ranks")
    assert len(axes.lines) == 10 + bars
    assert ("Too few seeds to tell any pair apart: its p is at least 0.088" in axes.get_xlabel()) == (not bars)


def test_bars_join_the_longest_runs_of_which_no_two_differ():
    alike = {"a": "b", "b": "a c", "c": "b d", "d": "c", "e": ""}
    rows = pd.DataFrame({"variant": [*alike], "alike": [*alike.values()]})
    assert mean_ranks.groups(rows) == [(0, 1), (1, 2), (2, 3)]
    rows["alike"] = ["b c", "a c", "a b", np.nan, np.nan]
    assert mean_ranks.groups(rows) == [(0, 2)]


def test_accuracy_is_drawn_by_both_sparsities_over_studies():
    figure = draw(Item("accuracysparsity", accuracysparsity.__name__, [source(name) for name in NAMES]))
    nominal, effective = figure.axes
    for axes, left in ((nominal, [0.2, 0.02]), (effective, [0.19, 0.01])):
        snip = next(each for each in axes.containers if each.get_label() == "SNIP")
        np.testing.assert_allclose(sorted(snip[0].get_xdata(), reverse=True), left)
        assert [line.get_label() for line in axes.lines].count("Dense") == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == len({*labels}) == len(study.load(NAMES[0]).variants)


def test_it_names_what_has_no_runs():
    given = [source(NAMES[0]), Source(study.load(NAMES[1]))]
    figure = draw(Item("accuracysparsity", accuracysparsity.__name__, given))
    assert f"Not run: {given[1].study.title}." in figure._supxlabel.get_text()

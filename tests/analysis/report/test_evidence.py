"""What the page shows of a study's statistics: the answer in words, every run, spreads, effects beside the baseline."""

import numpy as np
import pandas as pd
import pytest

from analysis import study_results
from analysis.report import evidence, plots
from analysis.statistics.study_runs import StudyRuns
from analysis.study_results import Source
from analysis.tables import comparisons

NAMES = ["dense", "nist-1-10-p98", "nist-1-10-p99.5"]
RUNS, EPOCHS = 20, 6  # of 4 the least one-sided p is 0.062


@pytest.fixture(scope="module")
def written():
    """Sources that several tests read."""
    return {}


@pytest.fixture
def make_source(written, metrics_file, load_study, study_content, tmp_path):
    """A study of three heads: the second like the dense one, the third worse and less steady."""

    def make(runs):
        if runs not in written:
            study_content["statistics"] |= {"resamples": 199, "calibration_splits": 100, "calibration_resamples": 19}
            study_content["variants"] = {name: study_content["variants"][name] for name in NAMES}
            experiment, rng = load_study(study_content), np.random.default_rng(3)
            curves = {
                name: level + sd * rng.standard_normal((runs, 1)) + 0.01 * rng.standard_normal((runs, EPOCHS))
                for name, level, sd in zip(NAMES, (0.8, 0.8, 0.5), (0.01, 0.01, 0.1), strict=True)
            }
            metrics = [metrics_file(name, one, study=experiment.name, variant=name) for name, one in curves.items()]
            StudyRuns(experiment, metrics).write(tmp_path / experiment.name)
            written[runs] = study_results.read([experiment], sorted((tmp_path / experiment.name).glob("*.csv")))[0]
        return written[runs]

    return make


def test_the_answer_is_a_word_before_its_size(make_source):
    accuracy, spread = evidence.answer(make_source(RUNS))
    assert accuracy.startswith(
        "Accuracy at the best epoch with the final weights, compared with Dense (n = 20 seeds, 95 % CI in brackets): "
    )
    assert "; lower for NIST (1, 10), 99.5 % (−" in accuracy
    assert "; larger for NIST (1, 10), 99.5 % (× " in spread


def test_one_run_of_each_head_has_no_answer_and_no_interval(make_source):
    shown = evidence.section(make_source(1))
    (answer,) = shown["answer"]
    assert answer.startswith("So far 1 run of each head: too few to tell whether accuracy at the best epoch with the ")
    assert answer.endswith(" or spread over seeds differs.")
    assert shown["spread"] is None
    assert {row["bar"] for row in shown["accuracy"]["rows"]} == {None}
    assert [one["word"] for row in shown["steadiness"]["rows"] for one in row["tests"]] == ["no answer"] * 4


def test_of_many_heads_those_that_differ_are_named_and_the_others_counted():
    effects = {name: pd.Series({"value": value}) for name, value in zip("abcd", (0.001, -0.02, 0.003, 0), strict=True)}

    def said(word, heads):
        return evidence._heads(comparisons.MORE_ACCURATE, word, {head: effects[head] for head in heads}, of=4)

    assert said("not significant", "abc") == "3 heads"
    assert said("not significant", "abcd") == "all 4 heads"
    assert said("not significant", "a") == said("lower", "a") == "a (+0.10 points)"
    assert said("lower", "abc") == "a, b and c (−2.00 to +0.30 points)"
    effects["e"] = pd.Series({"value": np.nan})
    assert said("undefined", "e") == "e (–)"


def test_every_run_is_a_dot_and_seeds_are_joined(make_source):
    plot, _ = evidence.section(make_source(RUNS))["scores"]
    assert [len(column["dots"]) for column in plot["columns"]] == [RUNS] * 3
    assert len(plot["joined"]) == RUNS
    assert {line.count("L") for line in plot["joined"]} == {2}
    low, high = plot["columns"][2]["mean"]["bar"]
    assert low < plot["columns"][2]["mean"]["dot"] < high


def test_margins_of_few_runs_are_drawn_whole(make_source):
    plot, _ = evidence.section(make_source(3))["scores"]
    assert all(0 < end < plots.FULL for column in plot["columns"] for end in column["mean"]["bar"])


def test_the_spread_has_a_line_a_head(make_source):
    shown = evidence.section(make_source(RUNS))["spread"]
    assert len(shown["lines"]) == 3
    assert [line["line"].count("L") for line in shown["lines"]] == [EPOCHS - 1] * 3
    first, last = (shown["lines"][place]["line"].partition("L")[0].split()[1] for place in (0, 2))
    assert int(last) < int(first)  # higher up: it spreads more


def test_effects_have_both_tests_side_by_side(make_source):
    source = make_source(RUNS)
    shown = evidence.section(source)
    same, worse = shown["steadiness"]["rows"]
    assert [one["word"] for one in worse["tests"]] == ["less steady"] * 2
    assert same["bar"][0] < shown["steadiness"]["null"] < same["bar"][1]
    assert shown["accuracy"]["rows"][1]["dot"] < shown["accuracy"]["rows"][1]["bar"][1] < shown["accuracy"]["null"]
    told = source.statistic("holm").query("metric == 'val_accuracy'").groupby("test")["false_positive_rate"]
    assert (told.nunique() > 1).any()
    expected = [told.max()[one.test] for one in (comparisons.PAPERS_TEST, comparisons.STEADIER)]
    assert shown["steadiness"]["errors"] == [f"{100 * rate:.0f} %" for rate in expected]


def test_bands_are_of_accuracies(make_source):
    source = make_source(RUNS)
    found = evidence.bands(source)
    assert [*found] == NAMES[1:]  # of differences from the baseline
    means = (
        source.statistic("learning_curve")
        .query("metric == 'val_accuracy'")
        .pivot(index="epoch", columns="variant", values="mean")
    )
    low, high = found[NAMES[1]]
    assert ((low <= means[NAMES[1]]) & (means[NAMES[1]] <= high)).all()
    band = source.statistic("simultaneous_band")
    source.statistics["simultaneous_band"] = band.assign(low=band["low"] - 1, high=band["high"] + 1)
    assert evidence.bands(source)[NAMES[1]] == [[0.0] * EPOCHS, [1.0] * EPOCHS]
    source.statistics["simultaneous_band"] = band


def test_without_its_statistics_nothing_is_shown(make_source):
    source = make_source(RUNS)
    assert evidence.section(Source(source.study, {"accuracy": source.statistic("accuracy")})) == {}


@pytest.mark.parametrize(
    ("low", "high", "is_log", "expected"),
    [(0, 10, False, ["0", "2", "4", "6", "8", "10"]), (0.02, 3, True, ["0.03", "0.1", "0.3", "1", "3"])],
)
def test_ticks_are_round(low, high, is_log, expected):
    axis = plots.Axis(low, high, is_log=is_log)
    assert [text for _, text in axis.ticks()] == expected
    assert [axis.at(low), axis.at(high)] == [0, 1000]


def test_an_axis_holds_all_values_and_one_of_none_is_no_error():
    axis = plots.axis([1.0, float("nan"), 3.0])
    assert 0 < axis.at(1.0) < 500 == axis.at(2.0) < axis.at(3.0) < 1000
    assert plots.axis([float("nan")]).ticks()
    assert plots.axis([2.0]).at(2.0) == 500
    assert plots.axis([], is_log=True).at(0.0) == 0


def test_runs_that_are_all_the_same_are_not_called_steadier(make_source):
    source = make_source(RUNS)
    rows = source.statistic("sd_permutation")
    is_same = rows["variant"] == NAMES[2]
    undefined = {name: rows[name].mask(is_same) for name in ("low", "high")}
    constant = rows.assign(log_sd_ratio=rows["log_sd_ratio"].mask(is_same, -np.inf), **undefined)
    _, spread, same = evidence.answer(Source(source.study, source.statistics | {"sd_permutation": constant}))
    assert "99.5 %" not in spread
    assert same == "All runs of NIST (1, 10), 99.5 % are the same."
    alone = {name: table[table["variant"] != NAMES[1]] for name, table in source.statistics.items() if name == "holm"}
    found = evidence.answer(Source(source.study, source.statistics | {"sd_permutation": constant} | alone))
    assert len(found) == 2
    assert found[1] == same

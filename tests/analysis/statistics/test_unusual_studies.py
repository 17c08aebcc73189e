"""Studies that are poor in something: every statistic answers, or says in one line why it cannot."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import rejections
from analysis.statistics.aa_calibration import aa_calibration
from analysis.statistics.accuracy import accuracy
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.brown_forsythe import brown_forsythe
from analysis.statistics.epochs_to_accuracy import epochs_to_accuracy
from analysis.statistics.epochs_to_converge import epochs_to_converge
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.equivalence import equivalence
from analysis.statistics.gap_at_accuracy import gap_at_accuracy
from analysis.statistics.holm import holm
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.overfitting_gap import overfitting_gap
from analysis.statistics.paired_difference import paired_difference
from analysis.statistics.power import power
from analysis.statistics.run_curves import run_curves
from analysis.statistics.run_epochs import run_epochs
from analysis.statistics.run_scores import run_scores
from analysis.statistics.sd_permutation import sd_permutation
from analysis.statistics.simultaneous_band import simultaneous_band
from analysis.statistics.superiority import superiority
from analysis.statistics.wilcoxon import wilcoxon
from analysis.statistics.wilson import wilson
from nist.errors import InputError

TESTS = ["wilcoxon", "sd_permutation", "brown_forsythe", "superiority", "paired_difference", "equivalence"]
INTERVALS = ["sd_permutation", "wilson", "superiority", "paired_difference", "simultaneous_band", "gap_at_accuracy"]


def compute(runs):
    """Every statistic of the runs, by name."""
    sampled = {"resamples": 99, "rng": np.random.default_rng(0)}
    sd, one_a_run = epochwise_sd(runs), run_scores(runs)
    settings = rejections.Settings(alternative="less", confidence=0.95, margin=0.005)
    result = {
        "learning_curve": learning_curve(runs),
        "epochwise_sd": sd,
        "auc_sd": auc_sd(sd),
        "overfitting_gap": overfitting_gap(runs),
        "accuracy": accuracy(runs),
        "epochs_to_converge": epochs_to_converge(runs, "dense"),
        "run_scores": one_a_run,
        "wilcoxon": wilcoxon(sd, "dense"),
        "wilson": wilson(sd, "dense"),
        "sd_permutation": sd_permutation(runs, "dense", **sampled),
        "run_curves": run_curves(runs),
        "run_epochs": run_epochs(runs, "dense"),
        "simultaneous_band": simultaneous_band(runs, "dense", confidence=0.95),
        "brown_forsythe": brown_forsythe(one_a_run, "dense"),
        "superiority": superiority(one_a_run, "dense"),
        "paired_difference": paired_difference(one_a_run, "dense"),
        "equivalence": equivalence(one_a_run, "dense", margin=0.005),
        "epochs_to_accuracy": epochs_to_accuracy(runs, "dense"),
        "gap_at_accuracy": gap_at_accuracy(runs, "dense"),
        "power": power(runs, "dense"),
        "aa_calibration": aa_calibration(runs, "dense", splits=5, target_share=0.95, settings=settings, **sampled),
    }
    return result | {
        "holm": holm(
            [result[name] for name in [*TESTS, "gap_at_accuracy", "epochs_to_accuracy"]], result["aa_calibration"]
        )
    }


def curves(n, epochs, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 0.9, (n, epochs))


pytestmark = pytest.mark.filterwarnings("error")  # a statistic that knows its limits leaves numpy nothing to warn of


# Accuracies of the variant and of the baseline, shape (seeds, epochs).
STUDIES = {
    "one run": (curves(1, 5), curves(1, 5, 1)),
    "two runs": (curves(2, 5), curves(2, 5, 1)),
    "three runs": (curves(3, 5), curves(3, 5, 1)),
    "one epoch": (curves(12, 1), curves(12, 1, 1)),
    "constants alike": (np.full((12, 5), 0.1), np.full((12, 5), 0.1)),
    "constants apart": (np.full((12, 5), 0.3), np.full((12, 5), 0.1)),
    "a constant variant": (np.full((12, 5), 0.3), curves(12, 5)),
    "a constant baseline": (curves(12, 5), np.full((12, 5), 0.3)),
    "the same runs twice": (curves(12, 5), curves(12, 5)),
    "ties": (np.round(curves(12, 5), 1), np.round(curves(12, 5, 1), 1)),
    "zeros": (np.zeros((12, 5)), curves(12, 5)),
    "chance": (np.insert(curves(12, 4), 0, 0.1, axis=1), np.insert(curves(12, 4, 1), 0, 0.1, axis=1)),
    "nothing unusual": (curves(12, 5), curves(12, 5, 1)),
}


@pytest.fixture(scope="module")
def computed():
    """What was computed of ``STUDIES`` so far."""
    return {}


@pytest.fixture
def statistics_of(computed, two_variants):
    """Every statistic of one of ``STUDIES``."""

    def get(name):
        if name not in computed:
            computed[name] = compute(two_variants(*STUDIES[name]))
        return computed[name]

    return get


@pytest.mark.parametrize("study", STUDIES)
def test_every_statistic_answers(statistics_of, study):
    result = statistics_of(study)
    for name, table in result.items():
        if name != "aa_calibration":  # it needs ten runs
            assert "sparse" in set(table["variant"]), name
    for name in [*TESTS, "gap_at_accuracy", "epochs_to_accuracy", "holm"]:
        p = result[name]["p"].dropna()
        assert p.between(0, 1).all(), name
    for name in INTERVALS:
        ends = result[name][["low", "high"]].dropna()
        assert np.isfinite(ends).all(axis=None), name
        assert (ends["low"] <= ends["high"]).all(), name
        assert result[name]["interval"].notna().all(), name


def test_a_single_run_has_no_p_and_no_interval(statistics_of):
    result = statistics_of("one run")
    for name in [*TESTS, "gap_at_accuracy", "epochs_to_accuracy"]:
        assert result[name]["p"].isna().all(), name
    for name in INTERVALS:
        assert result[name]["low"].isna().all(), name


def test_nothing_is_significant_between_the_same_runs(statistics_of):
    result = statistics_of("the same runs twice")
    found = result["holm"].set_index("test")["p"]
    assert (found.pop("two one-sided paired t tests") == 0).all()  # that they are equal is shown
    assert found.dropna().min() > 0.3
    assert result["superiority"]["probability"].tolist() == pytest.approx([0.5] * 3)
    for name, value in {"superiority": 0.5, "wilson": 0.5, "paired_difference": 0, "sd_permutation": 0}.items():
        assert result[name]["low"].notna().all(), name
        assert ((result[name]["low"] <= value) & (value <= result[name]["high"])).all(), name
    assert result["equivalence"]["equivalent"].all()


@pytest.mark.parametrize("study", ["a constant variant", "a constant baseline"])
def test_a_constant_arm_has_no_ratio_of_spreads(statistics_of, study):
    rows = statistics_of(study)["sd_permutation"]
    assert np.isinf(rows["log_sd_ratio"]).all()
    assert rows[["low", "high"]].isna().all(axis=None)
    assert set(rows["interval"]) == {"undefined"}


def test_constants_apart_differ_but_no_t_says_so(statistics_of):
    result = statistics_of("constants apart")
    assert result["paired_difference"]["p"].isna().all()
    assert (result["superiority"]["p"] < 0.001).all()
    assert (result["sd_permutation"]["p"] == 1).all()


def test_a_study_of_one_variant_has_headers_and_no_comparisons(frame, statistics_of):
    alone, beside = compute(frame(curves(12, 5), variant="dense")), statistics_of("the same runs twice")
    for name in [*TESTS, "gap_at_accuracy", "wilson", "simultaneous_band", "power", "holm"]:
        assert alone[name].empty, name
        assert alone[name].columns.tolist() == beside[name].columns.tolist(), name
    assert alone["epochs_to_accuracy"]["variant"].tolist() == ["dense"]
    assert not alone["aa_calibration"].empty


def test_diverged_runs_stay_in(two_variants, statistics_of):
    kept = statistics_of("nothing unusual")
    diverged = compute(two_variants(*STUDIES["nothing unusual"], diverged={3, 4}))  # their losses are NaN
    for name in ["sd_permutation", "superiority", "equivalence", "power"]:
        table = diverged[name]
        assert set(table["n_diverged"]) == set(table["n_diverged_baseline"]) == {2}, name
        same = table.drop(columns=["n_diverged", "n_diverged_baseline"])
        assert same.equals(kept[name].drop(columns=["n_diverged", "n_diverged_baseline"])), name


@pytest.mark.parametrize(
    "statistic",
    [
        lambda runs: sd_permutation(runs, "dense", resamples=99, rng=np.random.default_rng(0)),
        lambda runs: simultaneous_band(runs, "dense", confidence=0.95),
        lambda runs: epochs_to_accuracy(runs, "dense"),
        lambda runs: gap_at_accuracy(runs, "dense"),
        lambda runs: power(runs, "dense"),
        lambda runs: superiority(run_scores(runs), "dense"),
    ],
)
def test_what_does_not_pair_is_named(frame, statistic):
    whole = [frame(curves(12, 5), variant=name) for name in ("dense", "sparse-1")]
    with pytest.raises(InputError, match="sparse-3 and dense do not pair: seed 11 is in one of them only"):
        statistic(pd.concat([*whole, frame(curves(11, 5), variant="sparse-3")]))
    with pytest.raises(InputError, match="no runs of the baseline 'dense'"):
        statistic(frame(curves(12, 5), variant="sparse"))


def test_variants_of_different_length_do_not_pair(frame):
    runs = pd.concat([frame(curves(12, 5), variant="dense"), frame(curves(12, 4), variant="sparse")])
    with pytest.raises(InputError, match="sparse and dense do not pair: epoch 5 is in one of them only"):
        epochs_to_accuracy(runs, "dense")

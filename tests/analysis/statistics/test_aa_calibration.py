"""A/A calibration: what the naive tests do to correlated epochs, and that the others keep their level."""

import numpy as np
import pandas as pd
import pytest

from analysis.coverage import processes
from analysis.statistics import rejections, sd_permutation, superiority, wilcoxon
from analysis.statistics.aa_calibration import aa_calibration, count_rejections, halves

SETTINGS = rejections.Settings(alternative="two-sided", confidence=0.95, margin=0.005)


@pytest.mark.parametrize(("rho", "naive"), [(0.0, 0.045), (0.7, 0.25), (0.9, 0.52)])
def test_wilcoxon_over_epochs_takes_chance_for_a_finding_and_permuted_runs_do_not(rho, naive):
    # 20 runs of 30 epochs in either arm, drawn from one and the same process, 1000 times.
    rng = np.random.default_rng(1)
    arms = zip(*processes.runs("normal", rho, (2, 20, 50, 20), rng), strict=True)
    tests = rejections.of_curves(20, 199, SETTINGS, rng)
    chosen = {name: tests[name] for name in (wilcoxon.TEST, sd_permutation.TEST)}
    counts = count_rejections(arms, chosen)
    error = np.sqrt(naive * (1 - naive) / 1000)
    assert counts[wilcoxon.TEST] / 1000 == pytest.approx(naive, abs=3 * error)
    assert 0.035 <= counts[sd_permutation.TEST] / 1000 <= 0.065


@pytest.mark.parametrize(("n", "left_out"), [(12, 0), (13, 1)])
def test_halves_are_disjoint_and_random(n, left_out):
    drawn = list(halves(n, 500, np.random.default_rng(2)))
    for ours, other in drawn:
        assert len(ours) == len(other) == n // 2
        assert len({*ours, *other}) == n - left_out
    in_first = np.bincount(np.concatenate([ours for ours, _ in drawn]), minlength=n) / 500
    np.testing.assert_allclose(in_first, (n // 2) / n, atol=0.09)


@pytest.mark.parametrize(("n", "ways"), [(4, 6), (5, 30), (8, 70)])
def test_where_there_are_few_halves_each_is_there_once(n, ways):
    drawn = [(tuple(ours), tuple(other)) for ours, other in halves(n, 1000, np.random.default_rng(0))]
    assert len(drawn) == len(set(drawn)) == ways
    assert all((other, ours) in drawn for ours, other in drawn)
    assert all(len({*ours, *other}) == 2 * (n // 2) for ours, other in drawn)


def test_rejections_counts_each_test():
    tests = {"larger": lambda ours, other: ours > other, "never": lambda ours, other: ours < ours}
    arms = [(np.array([1, 0]), np.array([0, 1])), (np.array([2]), np.array([1]))]
    assert count_rejections(arms, tests) == {"larger": 2, "never": 0}


@pytest.fixture
def calibrate(frame):
    """What calibration says of some runs of correlated epochs around a rising curve."""

    def make(runs, splits, margin):
        curves, others = processes.runs("normal", 0.9, (2, runs), np.random.default_rng(3))
        rising = np.linspace(0.5, 0.7, 30)
        arms = {"dense": rising + 0.01 * curves, "sparse": rising + 0.1 + 0.01 * others}
        both = pd.concat([frame(noisy, variant=name) for name, noisy in arms.items()])
        settings, rng = SETTINGS._replace(margin=margin), np.random.default_rng(4)
        return aa_calibration(
            both, "dense", splits=splits, resamples=199, target_share=0.95, settings=settings, rng=rng
        )

    return make


@pytest.fixture(scope="module")
def known():
    """What was calibrated so far."""
    return {}


@pytest.fixture
def calibrated(calibrate, known):
    """The same, computed once for all tests; of twenty runs if nothing else is said."""

    def get(runs=20, splits=100, margin=SETTINGS.margin):
        key = runs, splits, margin
        if key not in known:
            known[key] = calibrate(*key)
        return known[key]

    return get


def test_every_test_has_a_rate(calibrated):
    result = calibrated()
    of_curves = {wilcoxon.TEST, rejections.WILSON, sd_permutation.TEST}
    of_scores = {
        "Brown–Forsythe",
        superiority.TEST,
        "two one-sided paired t tests",
        "paired Student t",
    }
    assert result.groupby(["variant", "metric"])["test"].agg(set).loc["sparse"].to_dict() == {
        **dict.fromkeys(["val_accuracy", "train_accuracy"], of_curves),
        **dict.fromkeys(["peak", "peak_final", "last"], of_scores),
        "epochs_to_accuracy": {"paired Student t"},
    }
    assert set(result["n"]) == {10}
    assert result["variant"].value_counts().to_dict() == {"dense": 19, "sparse": 19}
    by_arm = result.set_index("variant")["rejected"]
    assert by_arm["dense"].tolist() != by_arm["sparse"].tolist()
    np.testing.assert_allclose(result["false_positive_rate"], result["rejected"] / 100)
    assert (result["low"] <= result["false_positive_rate"]).all()
    assert (result["false_positive_rate"] <= result["high"]).all()


def test_the_naive_tests_stand_out(calibrated):
    rates = calibrated().query("variant == 'dense' and metric in ['val_accuracy', 'last']")
    rates = rates.set_index("test")["false_positive_rate"]
    assert rates[wilcoxon.TEST] > 0.3
    assert rates[rejections.WILSON] > 0.3
    for sound in (sd_permutation.TEST, "Brown–Forsythe", superiority.TEST, "paired Student t"):
        assert rates[sound] <= 0.08


def test_equivalence_is_tried_at_the_margin(calibrated):
    # Halves that agree would be found equivalent nearly always; shifted by the margin, in 5 % of splits.
    rates = calibrated(margin=0.02).query("variant == 'dense' and metric == 'last'")
    rates = rates.set_index("test")["false_positive_rate"]
    assert rates["two one-sided paired t tests"] == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize("runs", [1, 2, 9])
def test_too_few_runs_to_halve(calibrated, runs):
    result = calibrated(runs=runs)
    assert result.empty
    assert result.columns.tolist() == calibrated(runs=10, splits=20).columns.tolist()


def test_the_same_generator_gives_the_same_digits(calibrate, calibrated):
    assert calibrated(runs=10, splits=20).equals(calibrate(10, 20, SETTINGS.margin))


def test_arms_of_too_few_runs_are_left_out(frame):
    rng = np.random.default_rng(6)
    arms = pd.concat([frame(rng.random((12, 3)), variant="dense"), frame(rng.random((9, 3)), variant="sparse")])
    result = aa_calibration(arms, "dense", splits=5, resamples=9, target_share=0.95, settings=SETTINGS, rng=rng)
    assert set(result["variant"]) == {"dense"}

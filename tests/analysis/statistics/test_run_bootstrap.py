"""Bootstrap of whole runs: quantities by hand, every sample enumerated, against scipy, and coverage."""

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import resampling
from analysis.statistics.run_bootstrap import difference_interval, run_bootstrap, spread, spread_intervals
from tests.analysis.processes import autoregressive_arms


def test_spread_by_hand():
    result = spread(np.array([[0.1, 0.2, 0.3]]), np.array([[0.2, 0.2, 0.8]]))
    assert result["log_sd_ratio"] == pytest.approx(np.log(0.5))
    assert result["share_lower_sd"] == pytest.approx(2 / 3)  # 0.1 and 0.3; 0.2 is not strictly lower
    assert result["auc_sd_difference"] == pytest.approx(-0.6)


def test_percentiles_of_all_27_samples_of_three_runs():
    # The random weights are replaced by every sample there is, so that the distribution is known.
    every = np.array([np.bincount(sample, minlength=3) for sample in itertools.product(range(3), repeat=3)], float)
    ours, reference = np.array([0.5, 0.6, 0.8]), np.array([0.4, 0.6, 0.5])
    means = np.sort(every @ (ours - reference) / 3)
    result = difference_interval(ours, reference, every, 0.5)
    assert result["estimate"] == pytest.approx(0.4 / 3)
    assert result["interval"] == "BCa"
    assert result["low"] in means
    assert means[0] < result["low"] < result["estimate"] < result["high"] < means[-1]


def test_paired_bca_is_that_of_scipy():
    rng = np.random.default_rng(0)
    ours, reference = rng.normal(0.7, 0.1, (20, 3)), rng.normal(0.7, 0.15, (20, 3))

    def statistic(index):
        return np.log(ours[index].std(axis=0, ddof=1).mean() / reference[index].std(axis=0, ddof=1).mean())

    expected = stats.bootstrap(
        (np.arange(20),), statistic, vectorized=False, method="BCa", n_resamples=5000, rng=np.random.default_rng(1)
    )
    weights = resampling.bootstrap_weights(20, 20_000, rng)
    bca = spread_intervals(ours, reference, weights, 0.95)[0]
    assert (bca["quantity"], bca["interval"]) == ("log_sd_ratio", "BCa")
    width = expected.confidence_interval.high - expected.confidence_interval.low
    np.testing.assert_allclose([bca["low"], bca["high"]], expected.confidence_interval, atol=0.05 * width)


def test_pairs_are_drawn_together():
    # Runs differ by far more than the arms do; only a bootstrap of pairs knows the difference so well.
    rng = np.random.default_rng(2)
    reference = np.linspace(0.1, 0.8, 20)
    ours = reference + 0.1 + 0.001 * rng.normal(size=20)
    result = difference_interval(ours, reference, resampling.bootstrap_weights(20, 999, rng), 0.95)
    assert result["high"] - result["low"] < 0.002


def test_the_mean_differences_interval_approaches_students():
    rng = np.random.default_rng(3)
    difference = rng.normal(0.01, 0.02, 400)
    result = difference_interval(difference, np.zeros(400), resampling.bootstrap_weights(400, 9999, rng), 0.95)
    expected = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    np.testing.assert_allclose([result["low"], result["high"]], expected, atol=3e-4)


def test_coverage_of_the_log_sd_ratio():
    # 400 nulls of 20 runs. The jackknife's interval holds its 95 %; BCa is known to fall short, by less than 6 points.
    rng = np.random.default_rng(4)
    weights = resampling.bootstrap_weights(20, 499, rng)
    missed = {"BCa": 0, "jackknife, Student t": 0}
    for ours, reference in autoregressive_arms(0.7, 20, 10, 400, rng):
        for row in spread_intervals(ours, reference, weights, 0.95)[:2]:
            missed[row["interval"]] += not row["low"] <= 0 <= row["high"]
    assert 0.02 <= missed["jackknife, Student t"] / 400 <= 0.08
    assert 0.03 <= missed["BCa"] / 400 <= 0.11


def test_the_table(two_variants):
    rng = np.random.default_rng(5)
    runs = two_variants(0.7 + 0.01 * rng.normal(size=(8, 4)), 0.6 + 0.05 * rng.normal(size=(8, 4)), active=[9, 9, 4, 4])
    result = run_bootstrap(runs, "dense", resamples=499, rng=np.random.default_rng(0), confidence=0.95)
    quantities = ["log_sd_ratio", "share_lower_sd", "auc_sd_difference"]
    assert result.groupby("metric", sort=False)["quantity"].agg(lambda q: list(dict.fromkeys(q))).to_dict() == {
        "val_accuracy": quantities,
        "train_accuracy": quantities,
        **{score: ["mean_difference"] for score in ("peak", "peak_final", "last")},
    }
    assert set(result["n"]) == {8}
    rows = result[result["interval"] != "jackknife, Student t"].set_index(["metric", "quantity"])
    assert rows.loc[("val_accuracy", "log_sd_ratio"), "high"] < 0
    assert rows.loc[("last", "mean_difference"), "low"] > 0
    assert (result["low"] <= result["estimate"]).all()
    assert (result["estimate"] <= result["high"]).all()


def test_a_share_that_is_always_one_is_a_percentile_interval(two_variants):
    rng = np.random.default_rng(6)
    runs = two_variants(0.5 + 1e-6 * rng.normal(size=(20, 3)), 0.5 + 0.1 * rng.normal(size=(20, 3)))
    result = run_bootstrap(runs, "dense", resamples=99, rng=rng, confidence=0.95).set_index(["metric", "quantity"])
    row = result.loc[("val_accuracy", "share_lower_sd")]
    assert (row["estimate"], row["low"], row["high"], row["interval"]) == (1, 1, 1, "percentile")

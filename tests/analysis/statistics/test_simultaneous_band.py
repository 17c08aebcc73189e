"""Simultaneous bands: by hand, against the definition sample by sample, and how often they hold the whole curve."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import resampling
from analysis.statistics.simultaneous_band import band, largest_deviation, simultaneous_band
from tests.analysis.processes import autoregressive_arms


def test_the_largest_deviation_is_that_of_the_repeated_runs():
    rng = np.random.default_rng(0)
    curves, weights = rng.random((12, 5)), resampling.bootstrap_weights(12, 30, rng)
    expected = []
    for row in weights:
        sample = np.repeat(curves, row.astype(int), axis=0)
        error = sample.std(axis=0, ddof=1) / np.sqrt(12)
        expected.append((abs(sample.mean(axis=0) - curves.mean(axis=0)) / error).max())
    np.testing.assert_allclose(largest_deviation(curves, weights), expected)


def test_the_band_is_the_quantile_of_the_largest_deviation():
    rng = np.random.default_rng(1)
    curves, weights = rng.random((12, 5)), resampling.bootstrap_weights(12, 99, rng)
    result = band(curves, weights, 0.9)
    deviations = largest_deviation(curves, weights)
    assert result["critical"] in deviations
    assert (deviations <= result["critical"]).mean() == pytest.approx(0.9, abs=0.01)
    half = result["critical"] * curves.std(axis=0, ddof=1) / np.sqrt(12)
    np.testing.assert_allclose(result["high"] - result["mean"], half)
    np.testing.assert_allclose(result["mean"] - result["low"], half)


def test_few_runs_take_bonferronis_quantile():
    curves = np.array([[0.1, 0.5], [0.2, 0.4], [0.6, 0.3]])
    result = band(curves, np.ones((1, 3)), 0.95)
    # t(1 - 0.05 / 4, 2) = 6.205347; SD of 0.1, 0.2, 0.6 is √0.07.
    assert result["high"][0] == pytest.approx(0.3 + 6.205347 * np.sqrt(0.07 / 3), rel=1e-6)
    assert result["method"] == "Bonferroni, Student t"


def test_one_epoch_is_nearly_students_interval():
    values = np.random.default_rng(2).normal(size=(200, 1))
    result = band(values, resampling.bootstrap_weights(200, 9999, np.random.default_rng(3)), 0.95)
    assert result["critical"] == pytest.approx(stats.t.ppf(0.975, 199), abs=0.1)


def test_an_epoch_without_spread_has_no_width_and_changes_nothing():
    rng = np.random.default_rng(4)
    curves, weights = rng.random((15, 3)), resampling.bootstrap_weights(15, 199, rng)
    with_constant = np.insert(curves, 1, 0.1, axis=1)
    result, expected = band(with_constant, weights, 0.95), band(curves, weights, 0.95)
    assert result["critical"] == expected["critical"]
    assert result["low"][1] == result["high"][1] == pytest.approx(0.1)


def test_a_single_run_has_no_band():
    result = band(np.array([[0.1, 0.2]]), np.ones((5, 1)), 0.95)
    assert np.isnan(result["low"]).all()
    assert result["mean"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize(("n", "rho"), [(20, 0.0), (20, 0.9), (5, 0.7)])
def test_the_whole_curve_is_held_as_often_as_said(n, rho):
    rng = np.random.default_rng(5)
    weights = resampling.bootstrap_weights(n, 499, rng)
    held = pointwise = 0
    for curves, _ in autoregressive_arms(rho, n, 30, 200, rng):  # the true curve is 0
        result = band(curves, weights, 0.95)
        held += (abs(result["mean"]) <= result["high"] - result["mean"]).all()
        error = curves.std(axis=0, ddof=1) / np.sqrt(n)
        pointwise += (abs(result["mean"]) <= stats.t.ppf(0.975, n - 1) * error).all()
    assert held / 200 >= 0.92
    assert pointwise / 200 < 0.8  # so that the test can tell


def test_the_table(two_variants):
    rng = np.random.default_rng(6)
    ours, baseline = rng.random((12, 3)), rng.random((12, 3))
    runs = two_variants(ours, baseline, diverged={0})
    result = simultaneous_band(runs, "dense", resamples=99, rng=np.random.default_rng(0), confidence=0.95)
    table = result.set_index(["curve", "variant", "epoch"])
    assert list(dict.fromkeys(zip(result["curve"], result["variant"], strict=True))) == [
        ("mean", "dense"),
        ("mean", "sparse"),
        ("difference", "sparse"),
    ]
    assert set(table["n"]) == {12}
    assert set(table["n_diverged"]) == {1}
    difference = table.loc[("difference", "sparse", 2)]
    assert difference["mean"] == pytest.approx((ours - baseline)[:, 1].mean())
    assert difference["low"] < difference["mean"] < difference["high"]

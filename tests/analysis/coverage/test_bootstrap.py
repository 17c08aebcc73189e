"""Intervals from a bootstrap of whole runs, as they are tried: by hand, run by run, and against scipy."""

import numpy as np
import pytest
from scipy import stats

from analysis.coverage import bootstrap
from analysis.statistics.sd_permutation import log_sd_ratio


def test_weights_are_counts_of_a_sample_with_replacement():
    drawn = bootstrap.weights(5, 4000, np.random.default_rng(0))
    assert (drawn.sum(axis=1) == 5).all()
    # Binomial(5, 1/5): mean 1, variance 0.8.
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(drawn.var(axis=0), 0.8, atol=0.08)


def test_moments_are_those_of_the_repeated_runs():
    rng = np.random.default_rng(1)
    curves, drawn = rng.random((3, 7, 4)), bootstrap.weights(7, 20, rng)
    mean, sd = bootstrap.moments(drawn, curves)
    for sample, values in enumerate(curves):
        repeated = [np.repeat(values, row.astype(int), axis=0) for row in drawn]
        np.testing.assert_allclose(
            mean[sample], [one.mean(axis=0) - values.mean(axis=0) for one in repeated], atol=1e-12
        )
        np.testing.assert_allclose(sd[sample], [one.std(axis=0, ddof=1) for one in repeated], atol=1e-7)


@pytest.mark.parametrize("statistic", [np.mean, np.var])
def test_bca_is_that_of_scipy(statistic):
    data = np.random.default_rng(3).exponential(size=15)
    expected = stats.bootstrap(
        (data,), statistic, method="BCa", n_resamples=9999, rng=np.random.default_rng(4), confidence_level=0.9
    )
    leaving_one_out = np.array([statistic(np.delete(data, run)) for run in range(15)])
    found = bootstrap.bca(np.array(statistic(data)), expected.bootstrap_distribution, leaving_one_out, 0.9)
    np.testing.assert_allclose(found, expected.confidence_interval, rtol=2e-3)  # scipy interpolates between samples


def test_percentiles_where_bca_is_undefined():
    with np.errstate(all="ignore"):
        found = bootstrap.bca(
            np.array([-1.0, 50]), np.tile(np.arange(101.0), (2, 1)), np.array([[1.0, 2, 3], [2, 2, 2]]), 0.9
        )
    np.testing.assert_array_equal(found, [[5, 5], [95, 95]])


def test_the_studentised_interval_by_hand():
    # t of the samples: -4, 0, 1 and 2 of errors of 1 around 10; ends at 10 - 2 · 3 and 10 + 4 · 3.
    found = bootstrap.studentised(np.array(10.0), np.array(3.0), np.array([6.0, 10, 11, 12]), np.ones(4))
    np.testing.assert_allclose(found, [4, 22])


def test_errors_of_the_log_sd_ratio_are_near_the_jackknifes():
    rng = np.random.default_rng(5)
    ours, reference = rng.normal(size=(2, 400, 3))
    drawn = bootstrap.weights(400, 2, rng)
    ratio, error = bootstrap.log_sd_ratio_errors(drawn, ours, reference)
    for sample, row in enumerate(drawn):
        arms = [np.repeat(arm, row.astype(int), axis=0) for arm in (ours, reference)]
        assert ratio[sample] == pytest.approx(log_sd_ratio(*(arm.std(axis=0, ddof=1) for arm in arms)))
        without = [
            log_sd_ratio(*(np.delete(arm, run, axis=0).std(axis=0, ddof=1) for arm in arms)) for run in range(400)
        ]
        assert error[sample] == pytest.approx(399 / 20 * np.std(without, ddof=1), rel=0.02)


def test_the_largest_deviation_is_that_of_the_repeated_runs():
    rng = np.random.default_rng(0)
    curves, drawn = rng.random((12, 5)), bootstrap.weights(12, 30, rng)
    expected = []
    for row in drawn:
        sample = np.repeat(curves, row.astype(int), axis=0)
        error = sample.std(axis=0, ddof=1) / np.sqrt(12)
        expected.append((abs(sample.mean(axis=0) - curves.mean(axis=0)) / error).max())
    np.testing.assert_allclose(bootstrap.largest_deviation(drawn, curves), expected)

"""Bootstrap weights, flips, and the SDs and intervals that come from them."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import resampling


def test_weights_are_counts_of_a_sample_with_replacement():
    weights = resampling.bootstrap_weights(5, 4000, np.random.default_rng(0))
    assert weights.shape == (4000, 5)
    assert (weights.sum(axis=1) == 5).all()
    # Binomial(5, 1/5): mean 1, variance 0.8.
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.06)
    np.testing.assert_allclose(weights.var(axis=0), 0.8, atol=0.08)


def test_all_flips_where_there_are_few_else_random_ones():
    patterns, complete = resampling.flips(3, 8, np.random.default_rng(0))
    assert complete
    assert sorted(map(tuple, patterns)) == [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    patterns, complete = resampling.flips(3, 7, np.random.default_rng(0))
    assert not complete
    assert patterns.shape == (7, 3)


@pytest.mark.parametrize("ddof", [0, 1])
def test_sds_of_samples_are_those_of_the_repeated_runs(ddof):
    rng = np.random.default_rng(1)
    values, weights = rng.random((7, 4)), resampling.bootstrap_weights(7, 20, rng)
    expected = [np.repeat(values, row.astype(int), axis=0).std(axis=0, ddof=ddof) for row in weights]
    np.testing.assert_allclose(resampling.weighted_sd(weights, values, ddof), expected, rtol=1e-9)
    means = [np.repeat(values, row.astype(int), axis=0).mean(axis=0) for row in weights]
    np.testing.assert_allclose(resampling.weighted_mean(weights, values), means)
    np.testing.assert_allclose(resampling.sd(values, ddof), values.std(axis=0, ddof=ddof))


@pytest.mark.parametrize("ddof", [0, 1])
def test_jackknife_sds_leave_one_run_out(ddof):
    values = np.random.default_rng(2).random((6, 3))
    expected = [np.delete(values, run, axis=0).std(axis=0, ddof=ddof) for run in range(6)]
    np.testing.assert_allclose(resampling.jackknife_sd(values, ddof), expected)


def test_no_spread_is_exactly_none_whatever_the_rounding():
    values = np.array([[0.1, 0.3], [0.1, 0.3], [0.1, 0.7]])
    assert resampling.sd(values)[0] == 0
    assert (resampling.weighted_sd(np.array([[3.0, 0, 0], [1, 2, 0], [0, 0, 3]]), values) == 0).all()
    one_run_over_and_over = 20 * np.eye(20)
    assert (resampling.weighted_sd(one_run_over_and_over, np.random.default_rng(0).random((20, 50))) == 0).all()
    assert (resampling.jackknife_sd(values)[2] == 0).all()  # without the one run that differs


def test_too_few_runs_have_no_sd():
    assert np.isnan(resampling.sd(np.ones((1, 2)))).all()
    assert np.isnan(resampling.jackknife_sd(np.ones((2, 2)))).all()
    assert np.isnan(resampling.jackknife_sd(np.ones((1, 2)), ddof=0)).all()
    assert np.isnan(resampling.weighted_sd(np.ones((3, 1)), np.ones((1, 2)))).all()


@pytest.mark.parametrize("statistic", [np.mean, np.var])
def test_bca_is_that_of_scipy(statistic):
    data = np.random.default_rng(3).exponential(size=15)
    expected = stats.bootstrap(
        (data,), statistic, method="BCa", n_resamples=9999, rng=np.random.default_rng(4), confidence_level=0.9
    )
    leaving_one_out = np.array([statistic(np.delete(data, run)) for run in range(15)])
    result = resampling.interval(statistic(data), expected.bootstrap_distribution, leaving_one_out, 0.9)
    assert result["interval"] == "BCa"
    ends = [result["low"], result["high"]]
    np.testing.assert_allclose(ends, expected.confidence_interval, rtol=2e-3)  # scipy interpolates between samples


def test_bca_without_bias_and_acceleration_is_the_percentile_interval():
    resampled = np.arange(-50.0, 51.0)
    symmetric = np.array([-1.0, 0.0, 1.0])
    result = resampling.interval(0.0, resampled, symmetric, 0.9)
    assert (result["interval"], result["low"], result["high"]) == ("BCa", -45, 45)


@pytest.mark.parametrize(
    ("observed", "leaving_one_out"), [(-1.0, [1.0, 2, 3]), (101.0, [1.0, 2, 3]), (50.0, [2.0, 2, 2]), (50, [np.nan, 1])]
)
def test_percentiles_where_bca_is_undefined(observed, leaving_one_out):
    result = resampling.interval(observed, np.arange(101.0), np.array(leaving_one_out), 0.9)
    assert (result["interval"], result["low"], result["high"]) == ("percentile", 5, 95)


def test_infinite_samples_leave_an_interval_open():
    resampled = np.concatenate([np.full(10, -np.inf), np.linspace(0, 1, 90)])
    result = resampling.interval(0.5, resampled, np.array([0.4, 0.5, 0.7]), 0.9)
    assert result["low"] == -np.inf
    assert 0.9 < result["high"] <= 1


def test_nothing_observed_no_interval():
    result = resampling.interval(np.nan, np.arange(9.0), np.arange(3.0), 0.9)
    assert result["interval"] == "undefined"
    assert np.isnan([result["low"], result["high"]]).all()


def test_the_jackknife_interval_of_a_mean_is_students():
    values = np.array([0.3, 0.9, 0.4, 0.7])
    leaving_one_out = (values.sum() - values) / 3
    result = resampling.jackknife_interval(values.mean(), leaving_one_out, 0.95)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([result["low"], result["high"]], expected)


def test_a_jackknife_value_that_is_not_finite_leaves_no_interval():
    result = resampling.jackknife_interval(0.5, np.array([0.1, -np.inf, 0.2]), 0.95)
    assert np.isnan([result["low"], result["high"]]).all()

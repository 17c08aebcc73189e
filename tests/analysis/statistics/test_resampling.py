"""Flips within pairs of runs, and SDs over runs and without each of them."""

import numpy as np
import pytest

from analysis.statistics import resampling


def test_all_flips_where_there_are_few_else_random_ones():
    patterns, complete = resampling.flips(3, 8, np.random.default_rng(0))
    assert complete
    assert sorted(map(tuple, patterns)) == [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    patterns, complete = resampling.flips(3, 7, np.random.default_rng(0))
    assert not complete
    assert patterns.shape == (7, 3)


@pytest.mark.parametrize("ddof", [0, 1])
def test_sds_are_over_runs_and_without_each_of_them(ddof):
    values = np.random.default_rng(2).random((4, 6, 3))
    np.testing.assert_allclose(resampling.sd(values, ddof), values.std(axis=1, ddof=ddof))
    expected = [[np.delete(one, run, axis=0).std(axis=0, ddof=ddof) for run in range(6)] for one in values]
    np.testing.assert_allclose(resampling.jackknife_sd(values, ddof), expected)


def test_no_spread_is_exactly_none_whatever_the_rounding():
    values = np.array([[0.1, 0.3], [0.1, 0.3], [0.1, 0.7]])
    assert resampling.sd(values)[0] == 0
    assert (resampling.jackknife_sd(values)[2] == 0).all()  # without the one run that differs


def test_too_few_runs_have_no_sd():
    assert np.isnan(resampling.sd(np.ones((1, 2)))).all()
    assert np.isnan(resampling.jackknife_sd(np.ones((2, 2)))).all()
    assert np.isnan(resampling.jackknife_sd(np.ones((1, 2)), ddof=0)).all()


def test_what_is_equal_but_for_rounding_is_a_tie():
    assert 0.1 + 0.2 != 0.3
    assert resampling.difference(np.array([0.1 + 0.2, 0.3001]), np.array([0.3, 0.3])).tolist() == [0, 0.0001]


def test_the_jackknife_error_of_a_mean_is_its_standard_error():
    values = np.array([[0.3, 0.9, 0.4, 0.7], [0.1, 0.2, 0.3, 0.4]])
    without = (values.sum(axis=1, keepdims=True) - values) / 3
    np.testing.assert_allclose(resampling.jackknife_error(without), values.std(axis=1, ddof=1) / 2)

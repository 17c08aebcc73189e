"""Epochs to a fixed accuracy, by hand and against R's survival."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.epochs_to_accuracy import epochs_to_accuracy, first_epochs, survival

# Nine runs watched for ten epochs, of which two never got there.
EPOCHS, REACHED = np.array([3, 5, 5, 6, 8, 10, 10, 10, 4]), np.array([1, 1, 1, 1, 1, 1, 0, 0, 1], dtype=bool)


def test_first_epochs_by_hand():
    curves = pd.DataFrame([[0.1, 0.8, 0.7], [0.1, 0.2, 0.3], [0.9, 0.1, 0.1], [0.1, 0.2, 0.8]], columns=[1, 2, 3])
    epochs, reached = first_epochs(curves, 0.8)
    assert epochs.tolist() == [2, 3, 1, 3]
    assert reached.tolist() == [True, False, True, True]


def test_against_r():
    # summary(survfit(Surv(epochs, reached) ~ 1))$table
    result = survival(EPOCHS, REACHED)
    assert (result["median"], result["reached"]) == (6, 7)
    assert result["restricted_mean"] == pytest.approx(6.7777778)


def test_the_median_is_at_half_of_the_runs_whatever_rounding_leaves():
    # 1 - 2/10, then × 6/8, × 5/6: in floating point a little more than one half.
    result = survival(np.array([2, 2, 3, 3, 8, 9, 10, 30, 30, 30]), np.arange(10) < 7)
    assert result["median"] == 8


def test_the_interval_of_the_median_by_hand():
    # Order statistics 2 and 8 of 9 hold the median with probability 1 - 2 P(Binomial(9, 1/2) <= 1) = 0.961; the eighth
    # run never got there. With fewer than six runs, no two of them hold it with 95 %.
    result = survival(EPOCHS, REACHED)
    assert result["median_low"] == 4
    assert np.isnan(result["median_high"])
    assert survival(EPOCHS, REACHED, confidence=0.8)["median_high"] == 10
    few = survival(EPOCHS[:5], REACHED[:5])
    assert np.isnan([few["median_low"], few["median_high"]]).all()


def test_never_reached():
    result = survival(np.full(5, 30), np.zeros(5, dtype=bool))
    assert (result["reached"], result["restricted_mean"]) == (0, 30)
    assert np.isnan([result["median"], result["median_low"], result["median_high"]]).all()


def test_all_at_once():
    result = survival(np.full(5, 3), np.ones(5, dtype=bool))
    assert (result["median"], result["restricted_mean"]) == (3, 3)


def test_a_poor_variant_is_no_longer_fast(two_variants):
    # Dense ends at 0.8, so that the target is 0.76. By its own last accuracy the poor one would converge at epoch 1.
    baseline = [[0.5, 0.7, 0.8], [0.5, 0.8, 0.8], [0.4, 0.6, 0.8]]
    poor = [[0.3, 0.3, 0.3], [0.3, 0.3, 0.3], [0.3, 0.8, 0.3]]
    result = epochs_to_accuracy(two_variants(poor, baseline, diverged={1}), "dense").set_index("variant")
    assert result["target"].tolist() == pytest.approx([0.76, 0.76])
    assert result["reached"].tolist() == [3, 1]
    assert result.loc["dense", "median"] == 3
    assert np.isnan(result.loc["sparse", "median"])
    assert result["restricted_mean"].tolist() == pytest.approx([8 / 3, 8 / 3])
    assert (result["n"].tolist(), result["n_diverged"].tolist()) == ([3, 3], [1, 1])


def test_the_comparison_is_paired(two_variants):
    slow = [[0.1, 0.2, 0.8, 0.8], [0.1, 0.8, 0.8, 0.8], [0.1, 0.1, 0.1, 0.8]]
    fast = [[0.8] * 4, [0.8] * 4, [0.1, 0.8, 0.8, 0.95]]
    result = epochs_to_accuracy(two_variants(fast, slow), "dense").set_index("variant")
    assert result["target"].tolist() == pytest.approx([0.76, 0.76])  # the baseline's, whatever the variant's
    expected = stats.ttest_rel([1, 1, 2], [3, 2, 4])
    assert result.loc["sparse", "difference"] == pytest.approx(-5 / 3)
    assert result.loc["sparse", "p"] == pytest.approx(expected.pvalue)
    assert np.isnan(result.loc["dense", "p"])

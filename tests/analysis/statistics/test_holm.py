"""Holm's correction within a family, and what stands beside it."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.statistics.holm import corrected, holm


def table(test, p, variants="abcd", metric="last"):
    rows = [(variant, value) for variant, value in zip(variants, p, strict=False)]
    return pd.DataFrame(rows, columns=["variant", "p"]).assign(
        study="s", test=test, metric=metric, baseline="dense", n=20, alternative="two-sided", other=1
    )


def rates(rate=0.05, arms=("dense",)):
    row = {"study": "s", "test": "t", "metric": "last", "low": 0.04, "high": 0.07, "splits": 1000, "n": 10}
    return pd.DataFrame([{**row, "variant": arm, "false_positive_rate": rate + 0.01 * i} for i, arm in enumerate(arms)])


def test_against_r():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    np.testing.assert_allclose(corrected([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("size", range(1, 30))
def test_against_statsmodels(size):
    p = np.random.default_rng(size).choice([0.001, 0.01, 0.03, 0.2, 0.6, 1], size)  # with ties
    np.testing.assert_array_equal(corrected(p), multipletests(p, method="holm")[1])


def test_an_undefined_p_stays_so_and_counts_in_the_family():
    np.testing.assert_allclose(corrected([0.01, np.nan]), [0.02, np.nan])


def test_comparisons_that_were_planned_count_whether_they_are_there_or_not():
    np.testing.assert_allclose(corrected([0.01, 0.5], family=4), [0.04, 1])
    result = holm([table("t", [0.01, 0.02])], rates(), planned=5)
    np.testing.assert_allclose(result["p_holm"], [0.05, 0.08])
    assert set(result["family"]) == {5}


def test_one_comparison_needs_no_correction():
    assert corrected([0.03]) == [0.03]


def test_a_family_is_one_test_of_one_metric():
    tables = [table("t", [0.01, 0.02]), table("t", [0.03], metric="peak"), table("u", [0.04, 0.01])]
    result = holm(tables, rates())
    assert result["family"].tolist() == [2, 2, 1, 2, 2]
    np.testing.assert_allclose(result["p_holm"], [0.02, 0.02, 0.03, 0.04, 0.02])


def test_the_baseline_is_no_comparison():
    result = holm([table("t", [np.nan, 0.02], variants=["dense", "sparse"])], rates())
    assert (result["variant"].tolist(), result["family"].tolist()) == (["sparse"], [1])


def test_each_p_has_its_tests_false_positive_rate():
    result = holm([table("t", [0.01]), table("u", [0.01])], rates(rate=0.31)).set_index("test")
    assert result.loc["t", ["false_positive_rate", "rate_low", "rate_high", "splits"]].tolist() == [
        0.31,
        0.04,
        0.07,
        1000,
    ]
    assert np.isnan(result.loc["u", "false_positive_rate"])
    assert result.loc["t", "n"] == 20  # of the comparison, not of the halves


def test_the_rate_is_that_of_the_arm_on_which_the_test_errs_more():
    found = holm([table("t", [0.01] * 3)], rates(arms=("a", "dense", "b"))).set_index("variant")["false_positive_rate"]
    assert found.to_dict() == pytest.approx({"a": 0.06, "b": 0.07, "c": 0.06})

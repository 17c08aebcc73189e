"""Every statistic against numbers worked by hand, or printed in the paper, or found by enumeration."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.accuracy import accuracy, margin_of_error
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.epochs_to_converge import epochs_to_converge, first_epoch_at
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.overfitting_gap import overfitting_gap
from analysis.statistics.run_curves import run_curves
from analysis.statistics.run_epochs import run_epochs
from analysis.statistics.wilcoxon import p_values, signed_rank, wilcoxon
from analysis.statistics.wilson import wilson, wilson_interval
from nist.errors import InputError

THREE_RUNS = [[0.1, 0.4], [0.2, 0.4], [0.6, 0.7]]  # SDs by hand: √0.07 and √0.03; with ddof 0, √(0.14/3) and √0.02


def sds(values, baseline):
    """An epochwise_sd frame of a variant and a baseline."""
    return pd.DataFrame(
        [
            {
                "study": "s",
                "variant": name,
                "metric": "val_accuracy",
                "epoch": epoch,
                "sd": sd,
                "n": 20,
                "n_diverged": 0,
            }
            for name, curve in (("sparse-3", values), ("dense-1", baseline))
            for epoch, sd in enumerate(curve, start=1)
        ]
    )


class TestEpochwiseSD:
    def test_by_hand(self, frame):
        result = epochwise_sd(frame(THREE_RUNS))
        np.testing.assert_allclose(result["sd"], np.sqrt([0.07, 0.03]))
        assert result["n"].tolist() == [3, 3]

    def test_ddof_0_divides_by_the_number_of_runs(self, frame):
        result = epochwise_sd(frame(THREE_RUNS), ddof=0)
        np.testing.assert_allclose(result["sd"], np.sqrt([0.14 / 3, 0.02]))

    def test_diverged_runs_stay_in_and_are_counted(self, frame):
        result = epochwise_sd(frame(THREE_RUNS, diverged={2}))
        np.testing.assert_allclose(result["sd"], np.sqrt([0.07, 0.03]))
        assert result["n_diverged"].tolist() == [1, 1]

    def test_training_accuracy_on_request(self, frame):
        result = epochwise_sd(frame([[0.5], [0.5]], train_accuracy=[[0.1], [0.3]]), "train_accuracy")
        np.testing.assert_allclose(result["sd"], [np.sqrt(0.02)])


class TestAucSd:
    def test_it_is_the_sum_over_epochs(self):
        result = auc_sd(sds([0.1, 0.3, 0.2], [0.2, 0.2, 0.2]).assign(ddof=1)).set_index("variant")
        assert result.loc["sparse-3", "auc_sd"] == pytest.approx(0.6)
        assert result.loc["sparse-3", "mean_sd"] == pytest.approx(0.2)
        assert result.loc["sparse-3", "auc_sd_trapezoid"] == pytest.approx(0.45)
        assert result.loc["sparse-3", "epochs"] == 3

    def test_the_paper_prints_the_same_quantity_twice(self):
        # Table A6: 0.4880 and 0.7778 are 30 epochs times the mean SDs 0.01627 and 0.02593.
        means = {"sparse-3": 0.01627, "dense-1": 0.02593}
        table = sds([means["sparse-3"]] * 30, [means["dense-1"]] * 30).assign(ddof=1)
        result = auc_sd(table).set_index("variant")["auc_sd"]
        assert result["sparse-3"] == pytest.approx(0.4880, abs=2e-4)
        assert result["dense-1"] == pytest.approx(0.7778, abs=2e-4)
        assert 1 - result["sparse-3"] / result["dense-1"] == pytest.approx(0.3725, abs=5e-4)


def differences_with(w, n=30):
    """n differences of distinct sizes 1 … n whose positive ranks add up to ``w``: the largest that fit, greedily."""
    sizes, rest = np.arange(1, n + 1, dtype=float), w
    for rank in range(n, 0, -1):
        if rank <= rest:
            rest -= rank
        else:
            sizes[rank - 1] *= -1
    return sizes


class TestWilcoxon:
    def test_the_papers_p(self):
        # Section 4.3: p = 4.76e-4 is the exact one-sided p of W = 78 over 30 epochs (assumption D4).
        result = signed_rank(differences_with(78))
        assert (result["w"], result["pairs"], result["method"]) == (78, 30, "exact")
        assert result["p"] == pytest.approx(4.76e-4, abs=5e-7)
        assert result["p_two_sided"] == pytest.approx(9.52e-4, abs=1e-6)

    @pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
    def test_against_all_sign_patterns(self, alternative):
        difference = np.array([-0.3, 0.1, -0.7, -0.2, 0.5, -0.9])
        ranks = stats.rankdata(abs(difference))
        every_w = np.array([np.dot(ranks, signs) for signs in itertools.product([0, 1], repeat=len(ranks))])
        w = ranks[difference > 0].sum()
        below, above = (every_w <= w).mean(), (every_w >= w).mean()
        expected = {"less": below, "greater": above, "two-sided": min(1, 2 * min(below, above))}
        assert signed_rank(difference, alternative)["p"] == pytest.approx(expected[alternative])

    @pytest.mark.parametrize("n", [5, 30, 120])
    def test_against_scipy_without_ties(self, n):
        difference = np.random.default_rng(n).normal(-0.1, 1, n)
        expected = stats.wilcoxon(difference, alternative="less", method="exact")
        result = signed_rank(difference)
        assert (result["w"], result["ties"], result["zeros"]) == (expected.statistic, 0, 0)
        assert result["p"] == pytest.approx(expected.pvalue, rel=1e-9)

    def test_ties_share_ranks_and_zeros_are_dropped(self):
        result = signed_rank(np.array([-1.0, -1.0, 2.0, 0.0, -3.0, -4.0]))
        assert (result["zeros"], result["ties"], result["w"]) == (1, 1, 3)
        # Signs of the ranks 1.5, 1.5, 3, 4, 5: {}, {1.5}, {1.5}, {1.5, 1.5} and {3} are the 5 of 32 sums up to 3.
        assert result["p"] == 5 / 32

    @pytest.mark.parametrize("alternative", ["less", "greater", "two-sided"])
    def test_many_samples_at_once_are_as_one_after_the_other(self, alternative):
        plain = np.random.default_rng(0).normal(-0.2, 1, (20, 9))
        differences = np.vstack([plain, np.round(plain, 1), np.zeros((1, 9)), -abs(plain[:1]), abs(plain[:1])])
        expected = [signed_rank(row, alternative)["p"] for row in differences]
        np.testing.assert_allclose(p_values(differences, alternative), expected, atol=1e-12)

    def test_sds_that_are_equal_but_for_rounding_are_zeros(self):
        result = wilcoxon(sds([0.1 + 0.2, 0.1, 0.2], [0.3, 0.2, 0.4]), "dense-1").iloc[0]
        assert (result["zeros"], result["w"]) == (1, 0)

    def test_no_difference_at_all(self):
        assert signed_rank(np.zeros(5))["p"] == 1

    def test_the_difference_is_variant_minus_baseline(self):
        result = wilcoxon(sds([0.1] * 5, np.linspace(0.2, 0.3, 5)), "dense-1").iloc[0]
        assert (result["variant"], result["baseline"], result["w"]) == ("sparse-3", "dense-1", 0)
        assert result["p"] == pytest.approx(1 / 32)
        assert result["n"] == result["n_baseline"] == 20

    def test_a_missing_epoch_is_an_error_and_not_a_shorter_array(self):
        table = sds([0.1] * 5, [0.2] * 5).iloc[:-1]
        with pytest.raises(InputError, match="sparse-3 and dense-1 do not pair: epoch 5 is in one of them only"):
            wilcoxon(table, "dense-1")

    def test_a_missing_baseline_is_an_error(self):
        with pytest.raises(InputError, match="no runs of the baseline 'dense'"):
            wilcoxon(sds([0.1], [0.2]), "dense")


class TestWilson:
    def test_the_papers_interval(self):
        # Table A6: 80 % (0.627–0.905) of 30 epochs.
        low, high = wilson_interval(24, 30)
        assert (round(low, 4), round(high, 4)) == (0.6269, 0.9049)

    @pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (3, 10), (19, 30)])
    def test_against_the_closed_formula(self, k, n):
        z, p = stats.norm.ppf(0.975), k / n
        centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        expected = np.array([centre - half, centre + half]) / (1 + z**2 / n)
        np.testing.assert_allclose(wilson_interval(k, n), np.clip(expected, 0, 1), atol=1e-12)

    def test_ties_but_for_rounding_count_half(self):
        result = wilson(sds([0.1, 0.1 + 0.2, 0.4, 0.1], [0.2, 0.3, 0.2, 0.2]), "dense-1").iloc[0]
        assert result[["epochs_lower", "epochs_tied", "epochs", "share"]].tolist() == [2, 1, 4, 0.625]

    def test_identical_arms_do_not_leave_out_one_half(self):
        result = wilson(sds([0.1] * 30, [0.1] * 30), "dense-1").iloc[0]
        assert (result["low"] + result["high"]) / 2 == pytest.approx(0.5)
        assert result["coverage"] < 0.5  # of epochs that are not independent


TWO_RUNS = [[0.5, 0.9, 0.7], [0.6, 0.8, 0.8]]


class TestAccuracy:
    def test_three_readings(self, frame):
        result = accuracy(frame(TWO_RUNS, active=[10, 10, 4])).set_index("score")
        assert result.loc["peak", "mean"] == pytest.approx(0.85)  # 0.9 and 0.8, before the prune
        assert result.loc["peak_final", "mean"] == pytest.approx(0.75)  # 0.7 and 0.8, after it
        assert result.loc["last", "mean"] == pytest.approx(0.75)
        assert result["max"].tolist() == [0.9, 0.8, 0.8]
        assert result["n"].tolist() == [2, 2, 2]

    def test_without_a_prune_the_peaks_agree(self, frame):
        result = accuracy(frame(TWO_RUNS)).set_index("score")
        assert result.loc["peak_final", "mean"] == result.loc["peak", "mean"]

    def test_the_margin_is_students(self):
        # t(0.975, 2) = 4.302653; SD of 1, 2, 6 is √7; margin 4.302653 · √7 / √3.
        assert margin_of_error(np.array([1.0, 2.0, 6.0])) == pytest.approx(4.302653 * np.sqrt(7 / 3), rel=1e-6)

    def test_a_margin_says_how_often_it_holds(self, frame):
        few, more = (accuracy(frame(np.random.default_rng(0).random((n, 2))))["coverage"] for n in (5, 20))
        assert few.iloc[0] < more.iloc[0] < 0.95

    def test_a_single_run_has_no_margin(self, frame):
        assert accuracy(frame([[0.5, 0.6]]))["margin"].isna().all()


class TestConvergence:
    @pytest.mark.parametrize(
        ("curve", "epoch"), [([0.1, 0.95, 1.0], 2), ([1.0, 0.2, 0.5], 1), ([0.5, 0.6, 0.7], 3), ([0.0, 0.0], 1)]
    )
    def test_first_epoch_at_95_percent_of_the_last(self, curve, epoch):
        assert first_epoch_at(pd.Series(curve, index=range(1, len(curve) + 1)), 0.95) == epoch

    def test_mean_curve_and_runs_differ(self, frame):
        # Runs reach 0.95 of their last value at epochs 1 and 3; the mean curve 0.45, 0.5, 0.9 at epoch 3.
        result = epochs_to_converge(frame([[0.9, 0.9, 0.9], [0.0, 0.1, 0.9]]), "v").iloc[0]
        assert (result["epochs"], result["run_mean"]) == (3, 2)
        assert result["n"] == 2
        assert np.isnan(result["difference"])

    def test_the_difference_to_the_baseline_is_paired_by_seed(self, frame):
        dense = frame([[0.9, 0.9, 0.9], [0.1, 0.9, 0.9], [0.1, 0.1, 0.9]], variant="dense")  # epochs 1, 2 and 3
        sparse = frame([[0.1, 0.1, 0.9], [0.1, 0.1, 0.9], [0.1, 0.1, 0.9]], variant="sparse")
        rows = epochs_to_converge(pd.concat([dense, sparse]), "dense").set_index("variant")
        half = stats.t.ppf(0.975, 2) / np.sqrt(3)
        found = rows.loc["sparse", ["difference", "low", "high"]].tolist()
        assert found == pytest.approx([1, 1 - half, 1 + half])


def test_epochs_of_runs_by_hand(frame):
    # The target is 0.95 of 0.8; runs reach 0.95 of their own last accuracy at epochs 2, 3 and 1.
    dense, sparse = (
        frame([[0.4, 0.8, 0.8]], variant="dense"),
        frame([[0.1, 0.2, 0.7], [0.5, 0.9, 0.5]], variant="sparse"),
    )
    result = run_epochs(pd.concat([sparse, dense]), "dense").set_index(["variant", "seed"]).sort_index()
    assert result["epochs_to_converge"].tolist() == [2, 3, 1]
    assert result["epochs_to_accuracy"].tolist() == [2, 3, 2]  # one never gets there


def test_curves_of_runs_have_the_gap(frame):
    result = run_curves(frame([[0.5, 0.6]], train_accuracy=[[0.4, 0.9]]))
    assert result["gap"].tolist() == pytest.approx([-0.1, 0.3])
    assert result[["val_accuracy", "train_accuracy", "val_loss"]].to_numpy().tolist() == [[0.5, 0.4, 1], [0.6, 0.9, 1]]


def test_learning_curve_by_hand(frame):
    result = learning_curve(frame(THREE_RUNS, train_accuracy=[[0.0, 0.0]] * 3)).set_index(["metric", "epoch"])
    assert result.loc[("val_accuracy", 1), "mean"] == pytest.approx(0.3)
    assert result.loc[("val_accuracy", 2), "sd"] == pytest.approx(np.sqrt(0.03))
    assert result.loc[("train_accuracy", 1), "mean"] == 0
    assert set(result["n"]) == {3}


def test_overfitting_gap_by_hand(frame):
    result = overfitting_gap(frame([[0.5, 0.6], [0.7, 0.6]], train_accuracy=[[0.6, 0.9], [0.6, 0.8]]))
    np.testing.assert_allclose(result["gap"], [0.0, 0.25])
    np.testing.assert_allclose(result["sd"], [np.sqrt(0.02), np.sqrt(0.005)])

"""The permutation test of whole runs: by hand, against scipy, on every pattern, and under the null hypothesis."""

import numpy as np
import pytest
from scipy import stats

from analysis.coverage import processes
from analysis.statistics import resampling
from analysis.statistics.sd_permutation import (
    CLOSE,
    Permuted,
    inverted,
    log_sd_ratio,
    p_values,
    permutation_test,
    sd_permutation,
)

EVERY = {n: resampling.flips(n, 2**n, np.random.default_rng(0)) for n in (1, 2, 3, 6)}


def test_two_pairs_by_hand():
    # Centred: ±1 against ±3. No flip or both: ratios 1/3 and 3. One flip: 1 with 3 against -3 with -1, both SDs alike.
    result = permutation_test(np.array([[1.0], [3.0]]), np.array([[0.0], [6.0]]), *EVERY[2])
    assert result["sd_ratio"] == pytest.approx(1 / 3)
    assert (result["p"], result["method"], result["patterns"]) == (0.5, "exact", 4)


def test_against_scipys_permutation_test():
    rng = np.random.default_rng(4)
    ours, reference = rng.normal(0, 1, (6, 5)), rng.normal(0, 2, (6, 5))
    values = np.stack([arm - np.median(arm, axis=0) for arm in (ours, reference)])

    def statistic(first, second):  # which arm each run of the first and of the second group is from
        sds = (values[arms, np.arange(6)].std(axis=0, ddof=1).mean() for arms in (first, second))
        return np.log(next(sds) / next(sds))

    expected = stats.permutation_test(
        (np.zeros(6, int), np.ones(6, int)),
        statistic,
        permutation_type="samples",
        vectorized=False,
        n_resamples=np.inf,
    )
    result = permutation_test(ours, reference, *EVERY[6])
    assert result["log_sd_ratio"] == pytest.approx(expected.statistic)
    assert result["p"] == pytest.approx(expected.pvalue)


def test_a_random_part_of_the_patterns_agrees_with_all_of_them():
    rng = np.random.default_rng(1)
    ours, reference = rng.normal(0, 1, (12, 4)), rng.normal(0, 1.5, (12, 4))
    exact = permutation_test(ours, reference, *resampling.flips(12, 4096, rng))
    part = permutation_test(ours, reference, *resampling.flips(12, 4000, rng))
    assert (exact["method"], part["method"]) == ("exact", "Monte Carlo")
    error = np.sqrt(exact["p"] * (1 - exact["p"]) / 4000)
    assert part["p"] == pytest.approx(exact["p"], abs=4 * error)


def test_monte_carlo_counts_the_observed_pattern():
    flips = np.zeros((9, 3))
    flips[:, 0] = 1  # nine times the same flip, which makes the ratio larger
    ours, reference = np.array([[0.0], [0.1], [-0.1]]), np.array([[9.0], [-9.0], [0.0]])
    result = permutation_test(ours, reference, flips, complete=False)
    assert result["p"] == 1 / 10


def test_means_do_not_matter():
    rng = np.random.default_rng(2)
    ours, reference = rng.normal(0, 1, (6, 3)), rng.normal(0, 1, (6, 3))
    plain, shifted = (permutation_test(ours + shift, reference, *EVERY[6]) for shift in (0, [[5, -3, 100]]))
    assert shifted["p"] == plain["p"]
    assert shifted["log_sd_ratio"] == pytest.approx(plain["log_sd_ratio"])


def test_swapping_the_arms_turns_the_question_round():
    rng = np.random.default_rng(3)
    ours, reference = rng.normal(0, 1, (6, 3)), rng.normal(0, 2, (6, 3))
    one, other = permutation_test(ours, reference, *EVERY[6]), permutation_test(reference, ours, *EVERY[6])
    assert one["log_sd_ratio"] == pytest.approx(-other["log_sd_ratio"])
    assert one["p"] == other["p"]


def test_without_any_spread_nothing_is_rejected():
    constant = np.full((6, 3), 0.7)
    result = permutation_test(constant, constant + 0.1, *EVERY[6])
    assert (result["log_sd_ratio"], result["p"]) == (0, 1)


def test_a_constant_arm_beside_a_varying_one():
    # SDs 0 and 0.1. Only the patterns that leave one arm constant are as extreme: none flipped, or all.
    result = permutation_test(np.full((3, 1), 0.5), np.array([[0.4], [0.5], [0.6]]), *EVERY[3])
    assert result["log_sd_ratio"] == -np.inf
    assert result["p"] == 4 / 8  # flipping the middle pair, both of whose values are centred, changes nothing


def test_a_single_pair_has_no_p():
    result = permutation_test(np.ones((1, 3)), np.ones((1, 3)), *EVERY[1])
    assert np.isnan([result["p"], result["log_sd_ratio"]]).all()


def test_the_ratio_is_of_means_over_epochs():
    assert log_sd_ratio(np.array([[1.0, 3.0]]), np.array([[3.0, 1.0]])) == 0


def test_p_is_uniform_under_the_null_hypothesis():
    # Centring makes the test of 20 runs approximate; that p is uniform in 500 nulls shows how well it holds.
    rng = np.random.default_rng(11)
    flips = resampling.flips(20, 499, rng)
    p = permutation_test(*processes.runs("normal", 0.9, (2, 500, 20), rng), *flips)["p"]
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("n", [10, 20])
def test_skewed_accuracies_keep_the_level(n):
    rng = np.random.default_rng(12)
    flips = resampling.flips(n, 199, rng)
    p = permutation_test(*processes.runs("lognormal", 0.8, (2, 600, n), rng, epochs=8), *flips)["p"]
    assert 0.02 <= np.mean(p <= 0.05) <= 0.075


def test_many_samples_at_once_are_as_one_after_the_other():
    rng = np.random.default_rng(13)
    ours, reference = processes.runs("normal", 0.5, (2, 4, 6), rng, epochs=3)
    together = permutation_test(ours, reference, *EVERY[6])
    apart = [permutation_test(*arms, *EVERY[6]) for arms in zip(ours, reference, strict=True)]
    for name in ("log_sd_ratio", "p"):
        np.testing.assert_allclose(together[name], [one[name] for one in apart])


@pytest.fixture(scope="module")
def arms():
    rng = np.random.default_rng(14)
    return rng.normal(0, 1, (8, 4)), rng.normal(0, 2, (8, 4))


ALL = resampling.flips(8, 256, np.random.default_rng(0))


def test_the_interval_holds_what_the_test_does_not_reject(arms):
    low, high = inverted(*arms, *ALL, 0.95)
    permuted = Permuted(*arms, ALL[0])

    def p(log_ratio):
        return p_values(permuted.log_ratios(log_ratio), complete=True)

    assert low < permutation_test(*arms, *ALL)["log_sd_ratio"] < high
    assert max(p(low), p(high)) <= 0.05 < min(p(low + 2 * CLOSE), p(high - 2 * CLOSE))
    assert p(0.0) == pytest.approx(permutation_test(*arms, *ALL)["p"])
    assert (high < 0) == (p(0.0) <= 0.05)


def test_the_interval_moves_with_the_ratio(arms):
    ours, reference = arms
    plain, larger = (inverted(factor * ours, reference, *ALL, 0.95) for factor in (1, 3))
    np.testing.assert_allclose(larger, np.array(plain) + np.log(3), atol=1e-9)


def test_five_pairs_bound_no_ratio_however_far_the_search_goes():
    """Where one arm is scaled by e⁸, the pattern in which all pairs change sides is a tie but for rounding."""
    rng = np.random.default_rng(16)
    flips, complete = resampling.flips(5, 32, rng)
    for ours, reference in rng.normal(0.9, 0.003, (20, 2, 5, 2)):
        assert inverted(ours, reference, flips, complete, 0.95) == (-np.inf, np.inf)


def test_a_constant_arm_has_no_interval(arms):
    assert np.isnan(inverted(np.full((8, 4), 0.5), arms[1], *ALL, 0.95)).all()
    assert np.isnan(inverted(np.full((8, 4), 0.5), np.full((8, 4), 0.1), *ALL, 0.95)).all()


def test_identical_arms_do_not_differ(arms):
    low, high = inverted(arms[0], arms[0], *ALL, 0.95)
    assert low < 0 < high
    assert permutation_test(arms[0], arms[0], *ALL)["p"] == 1


def test_the_table(two_variants):
    rng = np.random.default_rng(5)
    runs = two_variants(0.5 + 0.01 * rng.normal(size=(8, 4)), 0.5 + 0.05 * rng.normal(size=(8, 4)), diverged={3})
    result = sd_permutation(runs, "dense", resamples=999, rng=np.random.default_rng(0)).set_index("metric")
    assert result.index.tolist() == ["val_accuracy", "train_accuracy"]
    row = result.loc["val_accuracy"]
    assert (row["variant"], row["baseline"], row["n"], row["n_diverged"]) == ("sparse", "dense", 8, 1)
    assert (row["method"], row["patterns"]) == ("exact", 256)
    assert row["sd_ratio"] < 0.5
    assert row["p"] == 2 / 256
    assert row["low"] < row["log_sd_ratio"] < row["high"] < 0
    assert (row["interval"], row["confidence"]) == ("permutation of whole runs, inverted", 0.95)
    assert 0.93 <= row["coverage"] <= 0.95


def test_the_same_generator_gives_the_same_digits(two_variants):
    rng = np.random.default_rng(6)
    runs = two_variants(rng.random((20, 3)), rng.random((20, 3)))
    first, again = (sd_permutation(runs, "dense", resamples=99, rng=np.random.default_rng(7)) for _ in range(2))
    other = sd_permutation(runs, "dense", resamples=99, rng=np.random.default_rng(8))
    assert first.equals(again)
    assert not first["p"].equals(other["p"])

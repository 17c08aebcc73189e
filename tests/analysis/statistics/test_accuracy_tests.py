"""Tests of one accuracy a run: Brown–Forsythe, Brunner–Munzel, paired t and equivalence, against R and by hand."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.brown_forsythe import brown_forsythe, brown_forsythe_test
from analysis.statistics.equivalence import equivalence, equivalence_test
from analysis.statistics.paired_difference import paired_difference, paired_test, student
from analysis.statistics.run_scores import run_scores
from analysis.statistics.superiority import rank_effect, superiority, superiority_test
from nist.errors import InputError

# In R 4.2: x <- c(0.91, …); y <- c(0.88, …)
X, Y = np.array([0.91, 0.87, 0.93, 0.89, 0.95, 0.90]), np.array([0.88, 0.88, 0.90, 0.84, 0.93, 0.91])


def nulls(times, n, seed, draw="normal"):
    """Two arms of ``times`` samples of ``n`` from the same distribution."""
    return getattr(np.random.default_rng(seed), f"standard_{draw}")((2, times, n))


class TestReadings:
    def test_by_hand(self, frame):
        result = run_scores(frame([[0.5, 0.9, 0.7], [0.6, 0.8, 0.8]], active=[10, 10, 4], diverged={1}))
        table = result.set_index(["score", "seed"])["accuracy"]
        assert table["peak"].tolist() == [0.9, 0.8]
        assert table["peak_final"].tolist() == [0.7, 0.8]
        assert table["last"].tolist() == [0.7, 0.8]
        assert result["diverged"].tolist() == [False, True] * 3


class TestBrownForsythe:
    def test_against_r(self):
        # anova(lm(abs(v - ave(v, g, FUN = median)) ~ g)) with v <- c(x, y), g <- gl(2, 6)
        result = brown_forsythe_test(X, Y)
        assert (result["f"], result["p"]) == (pytest.approx(0.02907, rel=1e-4), pytest.approx(0.86802, rel=1e-5))

    def test_by_hand(self):
        # Deviations from the medians 2 and 20: 1, 0, 2 and 10, 0, 20. Means 1 and 10; between 121.5, within 2 and 200.
        assert brown_forsythe_test(np.array([1.0, 2, 4]), np.array([10.0, 20, 40]))["f"] == pytest.approx(121.5 / 50.5)

    @pytest.mark.parametrize("values", [[0.5, 0.5, 0.5], [0.1, 0.3], [0.4]])
    def test_undefined_where_deviations_do_not_vary(self, values):
        result = brown_forsythe_test(np.array(values), np.array(values) + 0.1)
        assert np.isnan([result["f"], result["p"]]).all()

    def test_one_constant_sample_is_no_obstacle(self):
        assert brown_forsythe_test(np.full(6, 0.5), X)["p"] < 0.05

    def test_heavy_tails_keep_the_level(self):
        rejected = np.mean(brown_forsythe_test(*nulls(500, 20, 0, "exponential"))["p"] <= 0.05)
        assert 0.02 <= rejected <= 0.08

    def test_the_table(self, two_variants):
        runs = two_variants(np.c_[Y - 0.1, X], np.c_[X - 0.2, Y])
        result = brown_forsythe(run_scores(runs), "dense").set_index("metric")
        assert result.index.tolist() == ["peak", "last"]
        assert result.loc["last", "sd"] == pytest.approx(X.std(ddof=1))
        assert result.loc["last", "sd_baseline"] == pytest.approx(Y.std(ddof=1))
        assert result.loc["last", "p"] == brown_forsythe_test(X, Y)["p"]


class TestSuperiority:
    def test_against_the_formula_in_ranks(self):
        # Konietschke & Pauly 2012, section 2: of all 2 n ranks less those within the own arm, over n, the difference of
        # pair k has mean 2 p - 1; on the logit scale by the delta method. 0.652777777778 is that of rank() in R.
        every, n = stats.rankdata(np.r_[X, Y]), len(X)
        z = (every[:n] - stats.rankdata(X) - every[n:] + stats.rankdata(Y)) / n
        probability, error = (1 + z.mean()) / 2, z.std(ddof=1) / np.sqrt(n)
        logit = np.log(probability / (1 - probability))
        error /= probability * (1 - probability)
        half = stats.t.ppf(0.975, n - 1) * error
        result = superiority_test(X, Y)
        assert result["probability"] == pytest.approx(0.652777777778)
        assert result["p"] == pytest.approx(2 * stats.t.sf(logit / error, n - 1))
        expected = [1 / (1 + np.exp(-end)) for end in (logit - half, logit + half)]
        assert [result["low"], result["high"]] == pytest.approx(expected)

    def test_pairs_count(self):
        # Seeds matter far more than the arms do; only pairs know the difference so well.
        seeds = np.random.default_rng(6).normal(size=20)
        ours, reference = seeds + 0.3, seeds
        shuffled = np.random.default_rng(7).permutation(reference)
        assert superiority_test(ours, reference)["p"] < 0.01 < 0.1 < superiority_test(ours, shuffled)["p"]

    def test_the_probability_is_the_share_of_pairs_won(self):
        won = np.mean([(x > y) + (x == y) / 2 for x in X for y in Y])
        assert superiority_test(X, Y)["probability"] == pytest.approx(won)

    def test_turned_round(self):
        one, other = superiority_test(X, Y), superiority_test(Y, X)
        assert other["probability"] == pytest.approx(1 - one["probability"])
        assert (other["low"], other["high"]) == (pytest.approx(1 - one["high"]), pytest.approx(1 - one["low"]))
        assert other["p"] == pytest.approx(one["p"])

    @pytest.mark.parametrize(("sign", "ends"), [(1, (0.025 ** (1 / 5), 1)), (-1, (0, 1 - 0.025 ** (1 / 5)))])
    def test_samples_wholly_apart_have_an_interval_with_width(self, sign, ends):
        # 5 of 5 pairs won: Clopper–Pearson's end is the fifth root of 0.025. p: 2 of the 32 patterns of signs.
        result = superiority_test(sign * np.array([6.0, 7, 8, 9, 9.5]), sign * np.array([1.0, 1.5, 2, 3, 4]))
        assert result["probability"] == (sign + 1) / 2
        np.testing.assert_allclose([result["low"], result["high"]], ends)
        assert result["p"] == pytest.approx(2 / 32)

    def test_samples_nearly_apart_have_no_p_beyond_belief(self):
        ours, reference = np.linspace(0.6, 0.8, 20), np.linspace(0.4, 0.599, 20)
        reference[-1] = 0.605  # one of 400 pairs is lost
        assert superiority_test(ours, reference)["p"] > 1e-8

    @pytest.mark.parametrize("values", [np.full(4, 0.5), X[:4]])
    def test_equal_samples_say_nothing(self, values):
        result = superiority_test(values, values + 1e-16)
        assert (result["probability"], result["low"], result["high"], result["p"]) == (0.5, 0, 1, 1)

    def test_single_runs_have_no_interval(self):
        result = superiority_test(np.array([0.6]), np.array([0.5]))
        assert result["probability"] == 1
        assert np.isnan([result["low"], result["high"], result["p"]]).all()

    @pytest.mark.parametrize("shift", [0, 1, 2])
    def test_coverage(self, shift):
        true = stats.norm.cdf(shift / np.sqrt(2))
        ours, reference = nulls(1000, 20, 1)
        found = rank_effect(ours + shift, reference)
        assert 0.93 <= np.mean((found["low"] <= true) & (true <= found["high"])) <= 0.995

    def test_p_is_uniform_under_the_null_hypothesis(self):
        p = rank_effect(*nulls(500, 50, 2))["p"]
        assert stats.kstest(p, "uniform").pvalue > 0.01

    def test_the_table(self, two_variants):
        result = superiority(run_scores(two_variants(np.c_[X, X], np.c_[Y, Y])), "dense").set_index("metric")
        assert result.index.tolist() == ["peak", "peak_final", "last"]
        assert result.loc["last", "probability"] == pytest.approx(0.652777777778)


class TestPairedDifference:
    def test_against_r(self):
        # t.test(x, y, paired = TRUE)
        result = paired_test(X, Y)
        assert (result["t"], result["p"]) == (pytest.approx(1.87005610252), pytest.approx(0.12040484090556))
        assert (result["low"], result["high"]) == (pytest.approx(-0.00686769330), pytest.approx(0.04353435997))
        assert result["df"] == 5

    def test_by_hand(self):
        # Differences 1, 2, 3: mean 2, SD 1, t = 2√3; t(0.975, 2) = 4.302653.
        result = paired_test(np.array([2.0, 4, 6]), np.array([1.0, 2, 3]))
        assert (result["difference"], result["sd"], result["t"]) == (2, 1, pytest.approx(2 * np.sqrt(3)))
        assert result["high"] == pytest.approx(2 + 4.302653 / np.sqrt(3))

    def test_identical_arms_do_not_differ(self):
        result = paired_test(X, X)
        assert (result["difference"], result["low"], result["high"], result["p"]) == (0, 0, 0, 1)

    def test_many_samples_at_once_are_as_one_after_the_other(self):
        rng = np.random.default_rng(8)
        differences = np.vstack([rng.normal(size=(3, 5)), np.zeros(5), np.ones(5)])
        together = student(differences)
        for row, difference in enumerate(differences):
            alone = paired_test(difference, np.zeros(5))
            np.testing.assert_allclose(
                [together[name][row] for name in ("low", "high", "t", "p")],
                [alone[name] for name in ("low", "high", "t", "p")],
            )

    @pytest.mark.parametrize("ours", [X + 0.1, X[:1]])
    def test_differences_that_do_not_vary_have_no_p(self, ours):
        result = paired_test(ours, X[: len(ours)])
        assert np.isnan([result["t"], result["p"], result["low"], result["high"]]).all()
        assert result["difference"] == pytest.approx(ours[0] - X[0])

    def test_the_table_pairs_by_seed_and_not_by_row(self, two_variants):
        runs = two_variants(np.c_[X, X], np.c_[Y, Y])
        result = paired_difference(run_scores(runs.iloc[::-1]), "dense").set_index("metric")
        assert result.loc["last", "p"] == pytest.approx(0.12040484090556)
        assert result.loc["last", "difference"] == pytest.approx((X - Y).mean())

    def test_a_seed_of_one_side_only_is_an_error(self, two_variants):
        runs = two_variants(np.c_[X, X], np.c_[Y, Y])
        short = run_scores(runs[(runs["variant"] == "dense") | (runs["seed"] < 5)])
        with pytest.raises(InputError, match="sparse and dense do not pair: seed 5 is in one of them only"):
            paired_difference(short, "dense")


class TestEquivalence:
    def test_against_r(self):
        # t.test(x, y, paired = TRUE, mu = -0.03, alternative = "greater"); …, mu = 0.03, alternative = "less")
        result = equivalence_test(X, Y, 0.03)
        assert result["p_not_worse"] == pytest.approx(0.00217952195708)
        assert result["p_not_better"] == pytest.approx(0.14372565368161)
        assert result["p"] == result["p_not_better"]

    def test_it_is_the_90_percent_interval_inside_the_margin(self):
        rng = np.random.default_rng(4)
        for _ in range(100):
            ours, reference = rng.normal(0, 0.01, (2, 10))
            ends = stats.ttest_rel(ours, reference).confidence_interval(0.9)
            inside = ends.low > -0.005 and ends.high < 0.005
            assert (equivalence_test(ours, reference, 0.005)["p"] < 0.05) == inside

    def test_no_evidence_of_a_difference_is_none_of_equivalence(self):
        assert paired_test(X, Y)["p"] > 0.05
        assert equivalence_test(X, Y, 0.005)["p"] > 0.05

    def test_the_level_at_the_margin(self):
        # With a difference of just the margin, found equivalent in 5 % of cases.
        ours, reference = 0.01 * nulls(600, 20, 5)
        found = equivalence_test(ours + 0.02, reference, 0.02)["p"] <= 0.05
        assert 0.03 <= np.mean(found) <= 0.07

    def test_differences_that_do_not_vary_lie_within_the_margin_or_do_not(self):
        assert list(equivalence_test(X, X, 0.005).values()) == [0, 0, 0]
        assert list(equivalence_test(X + 0.01, X, 0.005).values()) == [0, 1, 1]
        assert np.isnan(list(equivalence_test(X[:1], X[:1], 0.005).values())).all()

    def test_the_table(self, two_variants):
        runs = two_variants(np.c_[X, X], np.c_[X + 0.0001 * np.arange(6), X])
        result = equivalence(run_scores(runs), "dense", margin=0.005).set_index("metric")
        assert result.loc["peak", "equivalent"]
        assert result.loc["last", "equivalent"]  # the last epochs agree exactly
        assert set(result["margin"]) == {0.005}

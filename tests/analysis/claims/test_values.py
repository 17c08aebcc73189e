"""Rules that hold a printed value against the runs, on statistics made by hand: each verdict at its edge."""

import re
from dataclasses import replace
from fractions import Fraction
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims import intervals, values
from analysis.claims.claim import Figure
from analysis.claims.intervals import Sample
from analysis.coverage import processes
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.sd_permutation import sd_permutation
from analysis.statistics.wilcoxon import wilcoxon
from tests.analysis.claims.by_hand import curve, decide, evidence, long, make


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.25, 0.75, "reproduced"),  # as wide as twice the tolerance
        (0.25, np.nextafter(0.75, 1), "inconclusive"),
        (0.125, 0.375, "reproduced"),  # up to where the printed figure begins
        (0.125, np.nextafter(0.375, 0), "contradicted"),
        (0.625, 0.875, "reproduced"),  # from where it ends
        (np.nextafter(0.625, 1), 0.875, "contradicted"),
        (float("nan"), 0.75, "inconclusive"),
    ],
)
def test_an_interval_meets_a_printed_half_and_is_narrow_enough_at_its_very_edges(low, high, verdict):
    half = Figure(Fraction(1, 2), Fraction(1, 4))  # so printed from 0.375 to 0.625
    assert values.meets(half, 0.5, 20, lambda n: (low, high), 0.25).verdict == verdict


class TestInterval:
    RULE = "statistic=accuracy; score=peak; tolerance=0.5"
    HALF = stats.t.ppf(0.975, 19) * 0.006 * sqrt(1 / 20 + 1 / 20)  # 0.4 points

    @pytest.mark.parametrize(
        ("mean", "verdict"),
        [
            (0.5, "reproduced"),
            (0.495 - HALF + 1e-6, "reproduced"),  # 49.5 is printed as 50
            (0.495 - HALF - 1e-6, "contradicted"),
            (0.51 + HALF - 1e-6, "reproduced"),  # and so is 50.99, cut off
            (0.51 + HALF + 1e-6, "contradicted"),
        ],
    )
    def test_edges(self, mean, verdict):
        assert decide(make("interval", self.RULE), evidence({"a": (mean, 0.006)})).verdict == verdict

    @pytest.mark.parametrize(("mean", "verdict"), [(0.054, "reproduced"), (0.059, "contradicted")])
    def test_a_single_digit_is_rounded_and_not_cut_off(self, mean, verdict):
        rule = make("interval", self.RULE, "5")
        assert decide(rule, evidence({"a": (mean, 0.0001)})).verdict == verdict

    def test_a_peak_before_the_prune_is_said_to_be(self):
        given = evidence({"a": (0.5, 0.006)})
        table = given.statistics[("lenet5-cifar10", "accuracy")]
        table.loc[table["score"] == "peak_final", "mean"] = 0.4
        found = decide(make("interval", self.RULE), evidence({"a": (0.5, 0.006)}, accuracy=table))
        assert found.verdict == "reproduced"
        assert "runs peak before the prune: with the final weights their mean is 40.0 %" in found.reason

    def test_too_wide_says_how_many_runs_would_do(self):
        found = decide(make("interval", self.RULE), evidence({"a": (0.5, 0.01)}))
        assert found.verdict == "inconclusive"
        needed = next(n for n in (40, 80, 160) if stats.t.ppf(0.975, n - 1) * 0.01 * sqrt(1 / n + 1 / 20) <= 0.005)
        assert f"; {needed} runs would settle it" in found.reason

    def test_too_wide_for_any_number_of_runs_here(self):
        found = decide(make("interval", self.RULE), evidence({"a": (0.5, 0.02)}))
        assert "more runs here would not settle it" in found.reason  # the paper's mean of 20 is itself that loose

    def test_one_run_has_no_spread(self):
        found = decide(make("interval", self.RULE), evidence({"a": (0.5, np.nan)}, n=1))
        assert found.verdict == "inconclusive"
        assert "one run has no spread" in found.reason

    def test_the_prediction_interval_covers(self):
        rng = np.random.default_rng(1)
        ours, theirs = rng.normal(size=(4000, 8)), rng.normal(size=(4000, 20))
        inside = [
            low <= mean <= high
            for run, mean in zip(ours, theirs.mean(axis=1), strict=True)
            for low, high in [intervals.of_next_mean(Sample(run.mean(), run.std(ddof=1), 8), 20)]
        ]
        assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


class TestMaximumAndSpread:
    def test_the_interval_of_the_next_maximum_covers(self):
        rng = np.random.default_rng(2)
        ours, theirs = rng.normal(size=(4000, 8)), rng.normal(size=(4000, 20)).max(axis=1)
        low, high = intervals.of_next_maximum(Sample(0.0, 1.0, 8), 20)
        pivot = (theirs - ours.mean(axis=1)) / ours.std(axis=1, ddof=1)
        assert np.mean((low <= pivot) & (pivot <= high)) == pytest.approx(0.95, abs=0.01)
        assert intervals.of_next_maximum(Sample(2.0, 3.0, 8), 20) == pytest.approx((2 + 3 * low, 2 + 3 * high))

    def test_the_interval_of_the_next_sd_covers(self):
        rng = np.random.default_rng(3)
        ours, theirs = (rng.normal(size=(4000, n)).std(axis=1, ddof=1) for n in (8, 20))
        low, high = intervals.of_next_sd(1.0, 8, 20)
        assert np.mean((theirs >= low * ours) & (theirs <= high * ours)) == pytest.approx(0.95, abs=0.01)

    @pytest.mark.parametrize(
        ("printed", "verdict"), [("52", "reproduced"), ("49", "contradicted"), ("56", "contradicted")]
    )
    def test_maximum(self, printed, verdict):
        rule = make("maximum", "statistic=accuracy; score=peak; tolerance=1.5", printed)
        found = decide(rule, evidence())
        assert found.verdict == verdict
        assert found.estimate.value == pytest.approx(0.52)

    @pytest.mark.parametrize(
        ("printed", "verdict"), [("0.0100", "reproduced"), ("0.0164", "contradicted"), ("0.0060", "contradicted")]
    )
    def test_spread(self, printed, verdict):
        rule = make("spread", "value=mean_sd; metric=val_accuracy; tolerance=0.6", printed, "fraction")
        auc_sd = pd.DataFrame([{"variant": "a", "metric": "val_accuracy", "mean_sd": 0.01, "n": 20}])
        assert decide(rule, evidence(auc_sd=auc_sd)).verdict == verdict

    def test_margin(self):
        printed = [make("interval", "", "50.0", identifier="m"), make("interval", "", "51.0", identifier="max")]
        rule = make("margin", "mean=m; maximum=max; tolerance=0.6", "0.005", "fraction")
        given = evidence({"a": (0.5, 0.01)}, more=printed)
        assert decide(rule, given).verdict == "reproduced"  # ours is 2.093 · 0.01 / √20 = 0.0047
        assert decide(replace(rule, printed="0.020"), given).verdict == "contradicted"
        assert decide(replace(rule, printed="0.050"), given).verdict == "arithmetic wrong"
        assert decide(replace(rule, printed="0.5"), given).estimate.value == pytest.approx(0.00468, abs=1e-5)

    @pytest.mark.parametrize(("sd", "verdict"), [(0.02, "reproduced"), (0.04, "contradicted"), (0.008, "contradicted")])
    def test_a_margin_that_is_an_sd(self, sd, verdict):
        printed = [make("interval", "", "78.49", identifier="m"), make("interval", "", "79.45", identifier="max")]
        rule = make("margin", "mean=m; maximum=max; tolerance=0.6; is=sd", "0.02", "fraction")
        given = evidence({"a": (0.785, sd)}, more=printed)
        found = decide(rule, given)
        assert found.verdict == verdict
        assert found.estimate.value == pytest.approx(sd)
        assert decide(replace(rule, printed="0.001"), given).verdict == "arithmetic wrong"  # below 0.22 points


def whole_runs(ratio, p):
    """The permutation test of whole runs."""
    return pd.DataFrame([{"variant": "a", "metric": "val_accuracy", "log_sd_ratio": np.log(ratio), "p": p}])


STEADIER, NEITHER, LESS = whole_runs(0.7, 0.05), whole_runs(0.7, 0.051), whole_runs(1.3, 0.05)


class TestShareAndSignificance:
    @pytest.mark.parametrize(
        ("printed", "whole", "verdict"),
        [
            ("80", STEADIER, "reproduced"),
            ("80", NEITHER, "inconclusive"),
            ("90", STEADIER, "inconclusive"),  # the share is another one; that it is steadier is not denied
            ("90", LESS, "contradicted"),
        ],
    )
    def test_share(self, printed, whole, verdict):
        wilson = pd.DataFrame(
            [{"variant": "a", "metric": "val_accuracy", "share": 0.7, "low": 0.52, "high": 0.83, "n": 20}]
        )
        rule = make("share", "metric=val_accuracy; tolerance=20", printed)
        found = decide(rule, evidence(wilson=wilson, sd_permutation=whole))
        assert found.verdict == verdict
        assert "over whole runs the SD is × " in found.reason
        assert ("epochs alone would say" in found.reason) == (verdict == "inconclusive")

    @pytest.mark.parametrize(
        ("p", "two_sided", "whole", "verdict"),
        [
            (0.05, 0.1, STEADIER, "reproduced"),
            (0.05, 0.1, NEITHER, "inconclusive"),
            (0.051, 0.102, STEADIER, "inconclusive"),
            (0.98, 0.04, LESS, "contradicted"),
            (0.98, 0.04, NEITHER, "inconclusive"),
            (0.97, 0.06, LESS, "inconclusive"),
        ],
    )
    def test_significance(self, p, two_sided, whole, verdict):
        row = {"variant": "a", "metric": "val_accuracy", "p": p, "p_two_sided": two_sided, "n": 20}
        rule = make("significance", "metric=val_accuracy; pairs=30; level=0.05", "4.76e-4", "p")
        found = decide(rule, evidence(wilcoxon=pd.DataFrame([row]), sd_permutation=whole))
        assert found.verdict == verdict
        assert "one-sided W = 78" in found.reason

    @pytest.mark.parametrize("times", [20, pytest.param(60, marks=pytest.mark.exhaustive)])
    def test_of_arms_that_do_not_differ_hardly_any_is_decided(self, times):
        # At an autocorrelation of 0.9 the test over epochs alone decides more than half of these.
        rng, verdicts = np.random.default_rng(0), []
        rule = make("significance", "metric=val_accuracy; pairs=30; level=0.05", "4.76e-4", "p", variant="sparse")
        for ours, baseline in zip(*processes.runs("normal", 0.9, (2, times, 20), rng), strict=True):
            curves = {"sparse": 0.5 + 0.01 * ours, "dense": 0.5 + 0.01 * baseline}
            frame = pd.concat([long(name, values) for name, values in curves.items()], ignore_index=True)
            tested = sd_permutation(frame, "dense", resamples=99, rng=rng)
            tables = {"wilcoxon": wilcoxon(epochwise_sd(frame), "dense"), "sd_permutation": tested}
            verdicts.append(decide(rule, evidence({"sparse": (0.5, 0.01)}, **tables)).verdict)
        assert verdicts.count("inconclusive") >= 0.9 * times

    def test_a_p_that_no_rank_sum_has(self):
        rule = make("significance", "metric=val_accuracy; pairs=5; level=0.05", "0.0100", "p")
        assert decide(rule, evidence()).verdict == "arithmetic wrong"  # 1/32 is the least


class TestBound:
    RULE = "statistic=learning_curve; metric=val_accuracy; epoch=1; of=a; relation=>="
    HALF = stats.t.ppf(0.975, 19) * 0.01 / sqrt(20)

    @pytest.mark.parametrize(
        ("mean", "verdict"),
        [(0.5 + HALF + 1e-9, "reproduced"), (0.5 + HALF / 2, "inconclusive"), (0.5 - HALF - 1e-9, "contradicted")],
    )
    def test_edges(self, mean, verdict):
        found = decide(make("bound", self.RULE), evidence(learning_curve=curve([mean, 0.9])))
        assert found.verdict == verdict
        if verdict == "inconclusive":  # half as far as the interval is wide: four times the runs in half of cases
            assert "about 164 runs would settle it" in found.reason


class TestEpochsTo:
    MEANS = np.concatenate([[0.1, 0.3], np.full(118, 0.6)])

    def test_share_of_the_last(self):
        rule = make("epochs_to", "share=0.95; metric=val_accuracy; tolerance=2", "3", "epochs")
        given = evidence(learning_curve=curve(self.MEANS))
        assert decide(rule, given).verdict == "reproduced"
        assert decide(rule, given).estimate.value == 3
        assert decide(replace(rule, printed="5"), given).verdict == "contradicted"

    def test_more_runs_narrow_the_interval_and_are_counted(self):
        rule = make("epochs_to", "share=0.95; metric=val_accuracy; tolerance=4", "57", "epochs")
        rise = curve(np.concatenate([np.linspace(0.1, 0.6, 60), np.full(60, 0.6)]), sd=0.05, n=6)
        found = decide(rule, evidence(n=6, learning_curve=rise))
        assert found.verdict == "inconclusive"
        assert re.search(r"\d+ runs would settle it", found.reason)

    def test_a_slow_rise_has_an_interval(self):
        rule = make("epochs_to", "share=0.95; metric=val_accuracy; tolerance=2", "50", "epochs")
        found = decide(rule, evidence(learning_curve=curve(np.linspace(0.1, 0.6, 120), sd=0.1)))
        assert found.estimate.low < found.estimate.value < found.estimate.high
        assert found.verdict in {"inconclusive", "contradicted"}

    def test_near_the_peak_with_a_bound(self):
        rule = make("epochs_to", "within=0.5; metric=val_accuracy; of=a; relation=<=", "5", "epochs")
        assert decide(rule, evidence(learning_curve=curve(self.MEANS, sd=0.001))).verdict == "reproduced"
        assert decide(replace(rule, printed="2"), evidence(learning_curve=curve(self.MEANS))).verdict == "contradicted"

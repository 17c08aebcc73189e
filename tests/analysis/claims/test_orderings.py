"""Rules that order two variants, on statistics made by hand: each verdict at its edge."""

from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims import orderings
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.epochwise_sd import epochwise_sd
from tests.analysis.claims.by_hand import decide, evidence, long, make


class TestDirection:
    RULE = "statistic=accuracy; reading=peak; more=a; less=b"
    HALF = stats.t.ppf(0.975, 38) * 0.01 * sqrt(2 / 20)  # Welch's at equal SDs is the pooled one

    @pytest.mark.parametrize(
        ("difference", "verdict"),
        [
            (HALF + 1e-9, "reproduced"),
            (HALF - 1e-9, "inconclusive"),
            (-HALF + 1e-9, "inconclusive"),
            (-HALF - 1e-9, "contradicted"),
        ],
    )
    def test_edges(self, difference, verdict):
        given = evidence({"a": (0.5 + difference, 0.01), "b": (0.5, 0.01)})
        assert decide(make("direction", self.RULE, unit="points"), given).verdict == verdict

    def test_inconclusive_says_the_number_of_runs(self):
        given = evidence({"a": (0.5 + 0.5001 * self.HALF, 0.01), "b": (0.5, 0.01)})
        assert "about 164 runs a side" in decide(make("direction", self.RULE, unit="points"), given).reason

    @pytest.mark.parametrize(
        ("difference", "verdict"),
        [
            (HALF - 0.005 + 1e-9, "reproduced"),
            (HALF - 0.005 - 1e-9, "inconclusive"),
            (-HALF - 0.005 - 1e-9, "contradicted"),
        ],
    )
    def test_no_worse_than(self, difference, verdict):
        given = evidence({"a": (0.5 + difference, 0.01), "b": (0.5, 0.01)})
        assert decide(make("direction", f"{self.RULE}; by=-0.5", unit="points"), given).verdict == verdict

    def test_by_every_statistic_that_is_named(self):
        rule = make("direction", "statistic=epochs_to_converge epochs_to_accuracy; more=a; less=b", unit="epochs")
        names = pd.DataFrame({"variant": ["a", "b"], "n": 20})
        own = names.assign(run_mean=[12.0, 8.0], run_sd=1.0)  # b ends low, and is soon there
        for to_the_same, verdict in (([12.0, 8.0], "reproduced"), ([8.0, 12.0], "contradicted")):
            same = names.assign(restricted_mean=to_the_same, restricted_sd=1.0)
            found = decide(rule, evidence(epochs_to_converge=own, epochs_to_accuracy=same))
            assert found.verdict == verdict
        assert found.reason.startswith("a against b, epochs to accuracy")

    def test_all_of_several(self):
        rule = make("direction", "statistic=accuracy; reading=peak; more=a; less=b c", unit="points")
        one_short = evidence({"a": (0.6, 0.01), "b": (0.5, 0.01), "c": (0.6, 0.01)})
        assert decide(rule, one_short).verdict == "inconclusive"
        one_against = evidence({"a": (0.6, 0.01), "b": (0.5, 0.01), "c": (0.7, 0.01)})
        found = decide(rule, one_against)
        assert (found.verdict, found.estimate.value) == ("contradicted", pytest.approx(-0.1))
        assert "a against c" in found.reason

    def test_a_contradiction_among_several_is_judged_more_strictly(self):
        rule = make("direction", "statistic=accuracy; reading=peak; more=a; less=b c", unit="points")
        just = -self.HALF - 1e-9  # contradicted if it stood alone
        assert (
            decide(rule, evidence({"a": (0.5 + just, 0.01), "b": (0.5, 0.01), "c": (0.2, 0.01)})).verdict
            == "inconclusive"
        )

    def test_pairs(self):
        assert orderings.named_pairs({"rising": "a b c"}) == [("b", "a"), ("c", "b")]
        assert orderings.named_pairs({"more": "a", "less": "b", "epoch": "1-2 last"}) == [
            ("a@1", "b@1"),
            ("a@2", "b@2"),
            ("a@last", "b@last"),
        ]

    def test_equal_constants_are_no_difference(self):
        given = evidence({"a": (0.5, 0.0), "b": (0.5, 0.0)})
        found = decide(make("direction", self.RULE, unit="points"), given)
        assert found.verdict == "contradicted"  # a does not exceed b
        assert (found.estimate.low, found.estimate.high) == (0, 0)

    def test_one_run_a_side(self):
        found = decide(
            make("direction", self.RULE, unit="points"), evidence({"a": (0.6, np.nan), "b": (0.5, np.nan)}, n=1)
        )
        assert found.verdict == "inconclusive"
        assert isnan(found.estimate.low)


class TestEquivalence:
    RULE = "statistic=accuracy; reading=peak; more=a; less=b; margin=0.5"
    HALF = stats.t.ppf(0.95, 38) * 0.005 * sqrt(2 / 20)
    WIDE = stats.t.ppf(0.975, 38) * 0.005 * sqrt(2 / 20)

    @pytest.mark.parametrize(
        ("difference", "verdict"),
        [
            (0.005 - HALF - 1e-9, "reproduced"),
            (0.005 - HALF + 1e-9, "inconclusive"),
            (0.005 + WIDE - 1e-9, "inconclusive"),
            (-0.005 - WIDE - 1e-9, "contradicted"),
        ],
    )
    def test_edges(self, difference, verdict):
        given = evidence({"a": (0.5 + difference, 0.005), "b": (0.5, 0.005)})
        assert decide(make("equivalence", self.RULE, unit="points"), given).verdict == verdict


class TestSteadierWithoutSpread:
    @pytest.mark.parametrize("runs", [3, 5, 20])
    @pytest.mark.parametrize("dead", ["a", "b"])
    def test_a_head_whose_runs_all_agree_is_neither_steadier_nor_less_steady(self, runs, dead):
        rng = np.random.default_rng(0)
        curves = {name: rng.uniform(0.4, 0.6, (runs, 4)) for name in ("a", "b")}
        curves[dead][:] = 0.1
        table = auc_sd(epochwise_sd(pd.concat([long(name, one) for name, one in curves.items()])))
        found = decide(make("steadier", TestSteadier.RULE, unit="×"), evidence(auc_sd=table, n=runs))
        assert found.verdict == "inconclusive"
        assert "runs have no spread" in found.reason


class TestSteadier:
    RULE = "statistic=auc_sd; metric=val_accuracy; more=a; less=b"
    EDGE = sqrt(stats.f.ppf(0.975, 19, 19))  # 1.59

    @pytest.mark.parametrize(
        ("ratio", "verdict"), [(EDGE + 1e-9, "reproduced"), (1.2, "inconclusive"), (1 / EDGE - 1e-9, "contradicted")]
    )
    def test_edges(self, ratio, verdict):
        auc_sd = pd.DataFrame(
            {"variant": ["a", "b"], "metric": "val_accuracy", "mean_sd": [0.01 * ratio, 0.01], "n": 20}
        )
        found = decide(make("steadier", self.RULE, unit="×"), evidence(auc_sd=auc_sd))
        assert found.verdict == verdict
        assert found.estimate.value == pytest.approx(ratio)

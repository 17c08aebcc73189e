"""Rules that order two variants, on statistics made by hand: each verdict at its edge."""

import re
from math import inf, isnan, log, nan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims import orderings
from analysis.statistics.resampling import flips
from analysis.statistics.sd_permutation import permutation_test
from tests.analysis.claims.by_hand import STUDY, by_run, curve, decide, evidence, make


class TestDirection:
    RULE = "statistic=accuracy; score=peak; more=a; less=b"
    HALF = stats.t.ppf(0.975, 19) * 0.01 * sqrt(2 / 20)  # runs of a and b are not correlated

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
        own = by_run({"a": (12, 1), "b": (8, 1)}, 20, "epochs_to_converge")  # b ends low, and is soon there
        for to_the_same, verdict in (((12, 8), "reproduced"), ((8, 12), "contradicted")):
            same = by_run({"a": (to_the_same[0], 1), "b": (to_the_same[1], 1)}, 20, "epochs_to_accuracy")
            found = decide(rule, evidence(run_epochs=own.assign(epochs_to_accuracy=same["epochs_to_accuracy"])))
            assert found.verdict == verdict
        assert found.reason.startswith("a against b, epochs to accuracy")

    def test_runs_are_paired_by_seed(self):
        # Seeds matter far more than the arms do, as does a run's own level between two of its epochs.
        given = evidence({"a": (0.501, 0.01), "b": (0.5, 0.01)})
        scores = given.statistics[STUDY, "run_scores"]
        assert decide(make("direction", self.RULE, unit="points"), given).verdict == "inconclusive"
        is_a = scores["variant"] == "a"
        scores.loc[is_a, "accuracy"] = scores.loc[~is_a, "accuracy"].to_numpy() + 0.001 + 1e-4 * scores["seed"][is_a]
        paired = decide(make("direction", self.RULE, unit="points"), given)
        assert (paired.verdict, paired.estimate.n) == ("reproduced", 20)
        level = by_run({"a": (0.5, 0.1)}, 20, "val_accuracy")
        curves = pd.concat(
            [
                level.assign(epoch=epoch, val_accuracy=level["val_accuracy"] + gain)
                for epoch, gain in ((1, 0), (2, 0.01 + 1e-4 * np.arange(20)))
            ]
        )
        rule = make("direction", "statistic=learning_curve; metric=val_accuracy; more=a@last; less=a@1", unit="points")
        assert decide(rule, evidence(run_curves=curves, learning_curve=curve([0.5, 0.51]))).verdict == "reproduced"

    def test_two_studies_are_not_paired(self):
        rule = make("direction", "statistic=accuracy; score=peak; more=a; less=lenet5-cifar10/b", unit="points")
        welch = stats.t.ppf(0.975, 38) * 0.01 * sqrt(2 / 20)
        for difference, verdict in ((welch + 1e-9, "reproduced"), (welch - 1e-9, "inconclusive")):
            assert decide(rule, evidence({"a": (0.5 + difference, 0.01), "b": (0.5, 0.01)})).verdict == verdict

    def test_an_epoch_that_is_not_there(self):
        curves = by_run({"a": (0.5, 0.1)}, 20, "val_accuracy").assign(epoch=1)
        rule = make("direction", "statistic=learning_curve; metric=val_accuracy; more=a@9; less=a@1", unit="points")
        found = decide(rule, evidence(run_curves=curves, learning_curve=curve([0.5, 0.51])))
        assert found.reason == "smaller than the paper's: the runs of a end at epoch 2, before 9"

    def test_all_of_several(self):
        rule = make("direction", "statistic=accuracy; score=peak; more=a; less=b c", unit="points")
        one_short = evidence({"a": (0.6, 0.01), "b": (0.5, 0.01), "c": (0.6, 0.01)})
        assert decide(rule, one_short).verdict == "inconclusive"
        one_against = evidence({"a": (0.6, 0.01), "b": (0.5, 0.01), "c": (0.7, 0.01)})
        found = decide(rule, one_against)
        assert (found.verdict, found.estimate.value) == ("contradicted", pytest.approx(-0.1))
        assert "a against c" in found.reason

    def test_a_contradiction_among_several_is_judged_more_strictly(self):
        rule = make("direction", "statistic=accuracy; score=peak; more=a; less=b c", unit="points")
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
    RULE = "statistic=accuracy; score=peak; more=a; less=b; margin=0.5"
    HALF = stats.t.ppf(0.95, 19) * 0.005 * sqrt(2 / 20)
    WIDE = stats.t.ppf(0.975, 19) * 0.005 * sqrt(2 / 20)

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
        found = decide(make("equivalence", self.RULE, unit="points"), given)
        assert found.verdict == verdict
        # What decides is narrower than the interval that is shown, which is of 95 % like all others.
        assert found.estimate.high - found.estimate.low == pytest.approx(2 * self.WIDE)


def spreads(ratio, p, n=20, low=None, high=None, **frames):
    """Evidence on the SD of ``b`` beside the baseline ``a``: ``ratio`` is that of a over b."""
    names = {"variant": "b", "metric": "val_accuracy", "baseline": "a"}
    ends = {"low": -log(high or 1.5 * ratio), "high": -log(low or ratio / 1.5)}
    tested = pd.DataFrame([{**names, "log_sd_ratio": -log(ratio), **ends, "p": p, "n": n}])
    return evidence(sd_permutation=tested, n=n, **frames)


class TestSteadier:
    RULE = "statistic=auc_sd; metric=val_accuracy; more=a; less=b"

    @pytest.mark.parametrize(
        ("ratio", "p", "verdict"),
        [
            (1.6, 0.05, "reproduced"),
            (1.6, 0.051, "inconclusive"),
            (1 / 1.6, 0.051, "inconclusive"),
            (1 / 1.6, 0.05, "contradicted"),
        ],
    )
    def test_whole_runs_decide(self, ratio, p, verdict):
        found = decide(make("steadier", self.RULE, unit="×"), spreads(ratio, p))
        assert found.verdict == verdict
        assert found.estimate.value == pytest.approx(ratio)
        assert found.estimate.low == pytest.approx(ratio / 1.5)
        assert f"p = {p:.2g} over whole runs" in found.reason

    def test_it_says_how_many_runs_would_settle_it(self):
        found = decide(make("steadier", self.RULE, unit="×"), spreads(1.2, 0.3))
        assert re.search(r"about \d+ runs a side would settle it", found.reason)
        power = {"variant": "b", "metric": "val_accuracy", "quantity": "log_sd_ratio", "n_needed": 77.0}
        found = decide(make("steadier", self.RULE, unit="×"), spreads(1.2, 0.3, power=pd.DataFrame([power])))
        assert "about 77 runs a side would settle it" in found.reason  # as the findings have it

    @pytest.mark.parametrize(("p", "verdict"), [(0.01, "reproduced"), (0.06, "inconclusive")])
    def test_p_decides_where_so_few_runs_have_no_interval(self, p, verdict):
        given = spreads(1.6, p, n=20, low=nan, high=nan)
        found = decide(make("steadier", self.RULE, unit="×"), given)
        assert found.verdict == verdict
        assert isnan(found.estimate.low)
        assert "no spread" not in found.reason

    @pytest.mark.parametrize(
        ("variances", "said"),
        [
            ({"a": [9e-4, 1e-4], "b": [1e-4, -1e-9]}, 4.0),  # mean SDs 0.02 and 0.005
            ({"a": [9e-4, 1e-4]}, None),
            ({"a": [9e-4], "b": [-1e-9]}, None),
        ],
    )
    def test_the_ratio_without_sampling_noise_stands_beside_it(self, variances, said):
        rows = [{"variant": side, "distributionwise": each} for side, own in variances.items() for each in own]
        mean = {"variant": "b", "score": "mean", "distributionwise": 1.0}
        table = pd.DataFrame([*({**row, "score": "epoch"} for row in rows), mean])
        found = decide(make("steadier", self.RULE, unit="×"), spreads(1.6, 0.01, distributionwise_variance=table))
        beside = f"; without the sampling noise of validation images the SD ratio would be × {said:.2f}" if said else ""
        assert found.reason == f"SD of a relative to b, p = 0.01 over whole runs{beside}"

    @pytest.mark.parametrize("ratio", [1e-300, 1e300])
    def test_a_head_whose_runs_all_agree_is_neither_steadier_nor_less_steady(self, ratio):
        given = spreads(ratio, 0.001)
        given.statistics[STUDY, "sd_permutation"]["log_sd_ratio"] = inf if ratio < 1 else -inf
        found = decide(make("steadier", self.RULE, unit="×"), given)
        assert found.verdict == "inconclusive"
        assert "runs have no spread" in found.reason

    @pytest.mark.parametrize(("sd", "found_in"), [(0.627, 0.9), (1.0, 0.1)])
    def test_it_finds_the_papers_ratio_with_twenty_runs_and_hardly_any_where_there_is_none(self, sd, found_in):
        rng, decided = np.random.default_rng(1), []
        for _ in range(20):
            a, b = (curves_of_runs(rng, scale) for scale in (1.0, sd))
            result = permutation_test(b, a, *flips(20, 499, rng))
            given = spreads(1 / float(result["sd_ratio"]), float(result["p"]))
            decided.append(decide(make("steadier", self.RULE), given).verdict)
        share = decided.count("reproduced") / 20
        assert share >= found_in if sd < 1 else share <= found_in


def curves_of_runs(rng, sd, n=20, epochs=30, correlation=0.7):
    """Accuracies whose noise remembers the epoch before, as that of runs does."""
    noise = rng.standard_normal((n, epochs))
    for epoch in range(1, epochs):
        noise[:, epoch] = correlation * noise[:, epoch - 1] + sqrt(1 - correlation**2) * noise[:, epoch]
    return 0.7 + 0.02 * sd * noise


def test_nothing_tells_which_of_two_studies_is_steadier():
    rule = make("steadier", "statistic=auc_sd; metric=val_accuracy; more=a; less=lenet5-cifar10/b", unit="×")
    table = pd.DataFrame({"variant": ["a", "b"], "metric": "val_accuracy", "mean_sd": [0.03, 0.01], "n": 20})
    found = decide(rule, evidence(auc_sd=table))
    assert (found.verdict, found.estimate.value) == ("inconclusive", pytest.approx(3))
    assert "runs of two studies are not paired" in found.reason
    assert decide(rule, evidence(auc_sd=table[:1])).verdict == "not run"

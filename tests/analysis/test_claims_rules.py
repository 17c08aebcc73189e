"""Rules that read runs, on statistics made by hand: each verdict at its edge, and smaller runs than the paper's."""

import re
from dataclasses import replace
from math import inf, isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.claims import claim, intervals, ledger, orderings
from analysis.claims.claim import Claim, Parameters
from analysis.claims.evidence import Evidence
from analysis.claims.intervals import Sample
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.run_bootstrap import run_bootstrap
from analysis.statistics.wilcoxon import wilcoxon
from nist import study
from tests.analysis.processes import autoregressive_arms

CLAIMS = claim.read()
STUDY = "lenet5-cifar10"
EPOCHS, IMAGES = 120, 50_000


def make(rule, parameters, printed="50", unit="%", variant="a", study_name=STUDY, identifier="x"):
    """A claim of its own, on variants a, b and c."""
    parsed = claim.parse(parameters, identifier)
    fields = {"source": "", "quantity": "", "kind": "empirical", "changed": Parameters({}, identifier), "note": ""}
    return Claim(
        id=identifier,
        study=study_name,
        variant=variant,
        printed=printed,
        unit=unit,
        rule=rule,
        parameters=parsed,
        **fields,
    )


def evidence(values=None, n=20, epochs=EPOCHS, images=IMAGES, diverged=0, more=(), **frames):
    """Evidence in which each variant has one (mean, sd) of peak accuracy, with runs as large as the paper's."""
    values = values or {"a": (0.5, 0.01), "b": (0.5, 0.01), "c": (0.5, 0.01)}
    names = pd.DataFrame({"variant": list(values)})
    accuracy = names.assign(
        reading="peak",
        mean=[mean for mean, _ in values.values()],
        sd=[sd for _, sd in values.values()],
        max=[mean + 2 * sd for mean, sd in values.values()],
        n=n,
        n_diverged=diverged,
    )
    tables = {"accuracy": accuracy, "cost": names.assign(epochs=epochs, training_images=images), **frames}
    return Evidence({one.id: one for one in more}, {}, {(STUDY, name): frame for name, frame in tables.items()})


def decide(one, given):
    return ledger.decide(one, replace(given, claims={**given.claims, one.id: one}))


def curve(means, sd=0.01, n=20, variant="a", metric="val_accuracy"):
    epochs = range(1, len(means) + 1)
    return pd.DataFrame({"variant": variant, "metric": metric, "epoch": epochs, "mean": means, "sd": sd, "n": n})


def long(variant, curves):
    """Rows of the metrics contract that the statistics of spread read, from curves of shape (seeds, epochs)."""
    index = pd.MultiIndex.from_product([range(curves.shape[0]), range(1, curves.shape[1] + 1)], names=["seed", "epoch"])
    rows = index.to_frame(index=False).assign(study=STUDY, variant=variant, diverged=False, active_weights=1)
    return rows.assign(
        **dict.fromkeys(("train_accuracy", "val_accuracy"), curves.ravel()), train_loss=1.0, val_loss=1.0
    )


class TestInterval:
    RULE = "statistic=accuracy; reading=peak; tolerance=0.5"
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
        inside = [
            low <= best <= high
            for run, best in zip(ours, theirs, strict=True)
            for low, high in [intervals.of_next_maximum(Sample(run.mean(), run.std(ddof=1), 8), 20)]
        ]
        assert np.mean(inside) == pytest.approx(0.95, abs=0.01)

    def test_the_interval_of_the_next_sd_covers(self):
        rng = np.random.default_rng(3)
        ours, theirs = (rng.normal(size=(4000, n)).std(axis=1, ddof=1) for n in (8, 20))
        low, high = intervals.of_next_sd(1.0, 8, 20)
        assert np.mean((theirs >= low * ours) & (theirs <= high * ours)) == pytest.approx(0.95, abs=0.01)

    @pytest.mark.parametrize(
        ("printed", "verdict"), [("52", "reproduced"), ("49", "contradicted"), ("56", "contradicted")]
    )
    def test_maximum(self, printed, verdict):
        rule = make("maximum", "statistic=accuracy; reading=peak; tolerance=1.5", printed)
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


def whole_runs(low, high):
    """The interval of the ratio of SDs over whole runs, beside the bootstrap's, which is not the one to read."""
    ends = {"estimate": np.log((low + high) / 2), "low": np.log(low), "high": np.log(high)}
    row = {"variant": "a", "metric": "val_accuracy", "quantity": "log_sd_ratio", **ends}
    bootstrap = {**row, "interval": "BCa", "low": -9.0, "high": 9.0}
    return pd.DataFrame([bootstrap, {**row, "interval": "jackknife, Student t"}])


STEADIER, NEITHER, LESS = whole_runs(0.5, 0.9), whole_runs(0.5, 1.1), whole_runs(1.1, 1.5)


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
        found = decide(rule, evidence(wilson=wilson, run_bootstrap=whole))
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
        found = decide(rule, evidence(wilcoxon=pd.DataFrame([row]), run_bootstrap=whole))
        assert found.verdict == verdict
        assert "one-sided W = 78" in found.reason

    def test_of_arms_that_do_not_differ_hardly_any_is_decided(self):
        # At an autocorrelation of 0.9 the test over epochs alone decides more than half of these.
        rng, verdicts = np.random.default_rng(0), []
        rule = make("significance", "metric=val_accuracy; pairs=30; level=0.05", "4.76e-4", "p", variant="sparse")
        for ours, baseline in autoregressive_arms(0.9, 20, 30, 60, rng):
            curves = {"sparse": 0.5 + 0.01 * ours, "dense": 0.5 + 0.01 * baseline}
            frame = pd.concat([long(name, values) for name, values in curves.items()], ignore_index=True)
            bootstrap = run_bootstrap(frame, "dense", resamples=9, rng=rng, confidence=0.95)
            tables = {"wilcoxon": wilcoxon(epochwise_sd(frame), "dense"), "run_bootstrap": bootstrap}
            verdicts.append(decide(rule, evidence({"sparse": (0.5, 0.01)}, **tables)).verdict)
        assert verdicts.count("inconclusive") >= 54

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
        if verdict == "inconclusive":  # half as far as the interval is wide: four times the runs
            assert "about 80 runs would settle it" in found.reason


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
        assert "about 80 runs a side" in decide(make("direction", self.RULE, unit="points"), given).reason

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


class TestSmallerRuns:
    RULE = TestInterval.RULE

    def small(self, mean, **size):
        return decide(make("interval", self.RULE), evidence({"a": (mean, 0.002)}, **size))

    @pytest.mark.parametrize(
        ("size", "said"),
        [
            ({"epochs": 5}, "5 of 120 epochs"),
            ({"images": 1000}, "1,000 of 50,000 training images"),
        ],
    )
    @pytest.mark.parametrize(("mean", "alone"), [(0.5, "reproduced"), (0.3, "contradicted")])
    def test_another_experiment_decides_nothing_and_says_what_it_found(self, size, said, mean, alone):
        found = self.small(mean, **size)
        assert found.verdict == "inconclusive"
        assert found.reason == f"smaller than the paper's: {said}; of these runs alone: {alone}"

    @pytest.mark.parametrize(("mean", "verdict"), [(0.5, "inconclusive"), (0.3, "contradicted")])
    def test_fewer_runs_can_contradict_but_not_reproduce(self, mean, verdict):
        found = self.small(mean, n=10)
        assert found.verdict == verdict
        assert "10 of 20 runs" in found.reason

    def test_another_data_set(self, study_content, load_study):
        content = {**study_content, "study": STUDY}  # the embedded digits under the name of a study of the paper
        given = replace(evidence({"a": (0.5, 0.002)}), studies={STUDY: load_study(content)})
        found = decide(make("interval", self.RULE), given)
        assert found.verdict == "inconclusive"
        assert "trained on digits, not cifar10" in found.reason

    def test_an_epoch_after_the_last(self):
        rule = make("bound", "statistic=learning_curve; metric=val_accuracy; epoch=10; of=a; relation=>=")
        found = decide(rule, evidence(epochs=5, learning_curve=curve([0.9] * 5)))
        assert found.verdict == "inconclusive"
        assert "end at epoch 5, before 10" in found.reason

    def test_diverged_runs_are_mentioned(self):
        assert self.small(0.5, diverged=2).reason.endswith("2 runs diverged")

    @pytest.mark.parametrize("seed", range(3))
    def test_no_claim_reads_reproduced_from_smaller_runs(self, seed):
        # Every claim on runs, decided on random statistics of runs with one epoch or one run too few.
        rng = np.random.default_rng(seed)
        names = ["lenet5-fmnist", "lenet5-cifar10", "alexnet-cifar10", "mobilenetv1-cifar10"]
        for epochs, n in ((1, 20), (10**6, 4)):
            given = Evidence(CLAIMS, {}, random_statistics([study.load(name) for name in names], rng, epochs, n))
            verdicts = [ledger.decide(CLAIMS[name], given).verdict for name in CLAIMS]
            assert "reproduced" not in verdicts
            assert ("contradicted" in verdicts) == (n == 4)


def random_statistics(studies, rng, epochs, n):
    """Every statistic that rules read, for every variant, with plausible random values over 120 epochs."""
    return {
        (experiment.name, name): frame
        for experiment in studies
        for name, frame in random_tables(list(experiment.variants), rng, epochs, n).items()
    }


def random_tables(variants, rng, epochs, n):
    one = pd.DataFrame({"variant": variants, "n": n, "n_diverged": 0, "metric": "val_accuracy"})
    reading = pd.concat([one.assign(reading=name) for name in ("peak", "peak_final", "last")], ignore_index=True)
    long = one.merge(pd.DataFrame({"epoch": range(1, 121)}), how="cross")
    long = long.assign(mean=rng.uniform(0.2, 0.9, len(long)), sd=0.001, gap=rng.uniform(0, 0.2, len(long)))
    metrics = ("val_accuracy", "train_accuracy", "val_loss")
    return {
        "accuracy": reading.assign(mean=rng.uniform(0.5, 0.9, len(reading)), sd=0.001, max=0.9),
        "learning_curve": pd.concat([long.assign(metric=name) for name in metrics], ignore_index=True),
        "overfitting_gap": long,
        "epochs_to_converge": one.assign(run_mean=rng.uniform(2, 20, len(one)), run_sd=0.1),
        "epochs_to_accuracy": one.assign(restricted_mean=rng.uniform(2, 20, len(one)), restricted_sd=0.1),
        "run_bootstrap": one.assign(
            quantity="log_sd_ratio", interval="jackknife, Student t", estimate=-0.2, low=-0.3, high=-0.1
        ),
        "auc_sd": one.assign(mean_sd=rng.uniform(0.001, 0.05, len(one)), auc_sd=rng.uniform(0.1, 1, len(one))),
        "wilson": one.assign(share=0.8, low=0.7, high=0.9),
        "wilcoxon": one.assign(p=0.001, p_two_sided=0.002),
        "cost": one.assign(epochs=epochs, training_images=10**6),
    }


def test_full_runs_may_read_reproduced():
    rng = np.random.default_rng(0)
    names = ["lenet5-cifar10", "mobilenetv1-cifar10"]
    given = Evidence(CLAIMS, {}, random_statistics([study.load(name) for name in names], rng, 120, 20))
    verdicts = {ledger.decide(one, given).verdict for one in CLAIMS.values() if one.study in names}
    assert {"reproduced", "contradicted", "inconclusive"} <= verdicts


def test_runs_to_settle_is_infinite_for_no_difference():
    assert intervals.runs_to_settle(-1, 1, 0, 20) is None
    assert intervals.runs_to_settle(-inf, 1, 0, 20) is None

"""What runs may decide that are fewer, shorter or on less data than the paper's."""

from dataclasses import replace
from math import inf

import numpy as np
import pandas as pd
import pytest

from analysis.claims import intervals, ledger
from analysis.claims.evidence import Evidence, with_longer_runs
from nist.studies import study
from tests.analysis.claims.by_hand import CLAIMS, STUDY, curve, decide, evidence, make

EPOCHS_TO = ("epochs_to_converge", "epochs_to_accuracy")


class TestSmallerRuns:
    RULE = "statistic=accuracy; score=peak; tolerance=0.5"

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

    @pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in (1, 2))])
    def test_no_claim_reads_reproduced_from_smaller_runs(self, seed):
        # Every claim on runs, decided on random statistics of runs with one epoch or one run too few.
        rng = np.random.default_rng(seed)
        names = ["lenet5-fmnist", "lenet5-cifar10", "alexnet-cifar10", "mobilenetv1-cifar10"]
        for epochs, n in ((1, 20), (10**6, 4)):
            given = Evidence(CLAIMS, {}, random_statistics([study.load(name) for name in names], rng, epochs, n))
            verdicts = [ledger.decide(CLAIMS[name], given).verdict for name in CLAIMS]
            assert "reproduced" not in verdicts
            assert ("contradicted as read" in verdicts) == (n == 4)


def random_statistics(studies, rng, epochs, n):
    """Every statistic that rules read, for every variant, with plausible random values over 120 epochs."""
    return {
        (experiment.name, name): frame
        for experiment in studies
        for name, frame in random_tables(list(experiment.variants), rng, epochs, n).items()
    }


def random_tables(variants, rng, epochs, n):
    one = pd.DataFrame({"variant": variants, "n": n, "n_diverged": 0, "metric": "val_accuracy"})
    score = pd.concat([one.assign(score=name) for name in ("peak", "peak_final", "last")], ignore_index=True)
    long = one.merge(pd.DataFrame({"epoch": range(1, 121)}), how="cross")
    long = long.assign(mean=rng.uniform(0.2, 0.9, len(long)), sd=0.001, gap=rng.uniform(0, 0.2, len(long)))
    metrics = ("val_accuracy", "train_accuracy", "val_loss")

    def runs(rows, **columns):
        """A row a run and row, with values of a small spread around one a row."""
        own = rows.drop(columns=["n", *columns], errors="ignore").merge(pd.DataFrame({"seed": range(n)}), how="cross")
        return own.assign(
            **{name: (value + rng.normal(0, 0.001, (len(rows), n))).ravel() for name, value in columns.items()}
        )

    return {
        "accuracy": score.assign(mean=rng.uniform(0.5, 0.9, len(score)), sd=0.001, max=0.9),
        "learning_curve": pd.concat([long.assign(metric=name) for name in metrics], ignore_index=True),
        "overfitting_gap": long,
        "epochs_to_converge": one.assign(run_mean=rng.uniform(2, 20, len(one)), run_sd=0.1),
        "epochs_to_accuracy": one.assign(restricted_mean=rng.uniform(2, 20, len(one)), restricted_sd=0.1),
        "run_scores": runs(score, accuracy=rng.uniform(0.5, 0.9, (len(score), 1))),
        "run_curves": runs(long, **{name: long[["mean"]].to_numpy() for name in metrics}, gap=long[["gap"]].to_numpy()),
        "run_epochs": runs(one, **dict.fromkeys(EPOCHS_TO, rng.uniform(2, 20, (len(one), 1)))),
        "sd_permutation": one.assign(baseline=variants[0], log_sd_ratio=-0.2, low=-0.4, high=0.1, p=0.2),
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
    assert {"reproduced", "contradicted as read", "inconclusive"} <= verdicts


def test_runs_to_settle_is_infinite_for_no_difference():
    assert intervals.runs_to_settle(-1, 1, 0, 20) is None
    assert intervals.runs_to_settle(-inf, 1, 0, 20) is None


@pytest.mark.parametrize(("n", "is_complete"), [(20, True), (19, False)])
def test_runs_of_all_epochs_stand_in_for_shorter_ones_once_they_are_complete(n, is_complete):
    studies = {name: study.load(name) for name in ("lenet5-fmnist", "lenet5-fmnist-120")}
    frames = {
        (name, statistic): pd.DataFrame({"variant": [*studies[name].variants], "n": [20, 20, 20, runs]})
        for name, runs in (("lenet5-fmnist", 20), ("lenet5-fmnist-120", n))
        for statistic in ("accuracy", "cost")
    }
    found = with_longer_runs(frames, studies)
    for statistic in ("accuracy", "cost"):
        source = "lenet5-fmnist-120" if is_complete else "lenet5-fmnist"
        assert found["lenet5-fmnist", statistic] is frames[source, statistic]
    assert with_longer_runs(frames, {}) == frames

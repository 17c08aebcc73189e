"""How far a contradiction reaches: which readings were run, what the dense head says, and which claims are one."""

from dataclasses import replace

import pandas as pd
import pytest

from analysis.claims import grouping, ledger
from analysis.claims.evidence import Evidence
from analysis.claims.outcome import Outcome
from nist.studies import study
from tests.analysis.claims.by_hand import CLAIMS, STUDY, evidence, make

BASE, READINGS = study.load(STUDY), study.load(f"{STUDY}-readings")
PRUNED = "nist-1-10-p99.5"
LABELS = {name: READINGS.variants[name]["label"] for name in ("reachable", "zeroed-once")}


def accuracies(**means):
    return pd.concat(
        pd.DataFrame(
            {"variant": [name], "score": score, "mean": mean, "sd": 0.004, "max": mean, "n": 20, "n_diverged": 0}
        )
        for name, mean in means.items()
        for score in ("peak", "peak_final")
    )


def run(ours, others=None, claims=CLAIMS):
    """Evidence in which the pruned head has the accuracy ``ours``, and other readings of its prune theirs."""
    given = evidence({name: (ours if name == PRUNED else 0.582, 0.004) for name in BASE.variants})
    statistics = dict(given.statistics)
    if others:
        statistics[READINGS.name, "accuracy"] = accuracies(**others)
    return Evidence(claims, {STUDY: BASE, READINGS.name: READINGS}, statistics)


MEAN = CLAIMS["a2.lenet5.cifar10.nist_1_10_p99.5.mean_acc"]  # 59.8 %


@pytest.mark.parametrize(
    ("others", "verdict", "said"),
    [
        (None, "contradicted as read", "our interval misses what is printed"),
        ({"reachable": 0.45, "zeroed-once": 0.5}, "contradicted", "under each of 3 readings"),
        ({"reachable": 0.45}, "contradicted", "under each of 2 readings"),
        (
            {"reachable": 0.45, "zeroed-once": 0.598},
            "contradicted as read",
            f"not under 1 of 2 other readings: {LABELS['zeroed-once']}",
        ),
    ],
)
def test_contradicted_is_said_only_where_every_reading_of_several_fails(others, verdict, said):
    found = ledger.decide(MEAN, run(0.53, others))
    assert (found.verdict, found.readings) == (verdict, () if verdict == "contradicted" else ("U26", "U28", "U29"))
    assert said in found.reason


def test_other_readings_change_nothing_where_ours_reproduces_a_claim():
    assert ledger.decide(MEAN, run(0.598, {"reachable": 0.3})).verdict == "reproduced"


def test_a_head_that_is_not_pruned_rests_on_the_networks_choices():
    given = run(0.53)
    given.statistics[STUDY, "accuracy"]["mean"] -= 0.1
    found = ledger.decide(CLAIMS["a2.lenet5.cifar10.dense.mean_acc"], given)
    assert (found.verdict, found.readings) == ("contradicted as read", ("U12", "U16"))


def test_peaks_with_the_final_weights_are_another_reading_where_they_do_not_fail():
    given = run(0.53)
    frame = given.statistics[STUDY, "accuracy"]
    frame.loc[(frame["variant"] == PRUNED) & (frame["score"] == "peak_final"), "mean"] = 0.598
    found = ledger.decide(MEAN, given)
    assert (found.verdict, found.readings) == ("contradicted as read", ("U4",))


class TestTheDenseHead:
    def given(self, dense, pruned):
        made = run(pruned)
        frame = made.statistics[STUDY, "accuracy"]
        frame.loc[frame["variant"] == "dense", ["mean", "max"]] = dense
        return made

    @pytest.mark.parametrize("identifier", ["mean_acc", "max_acc"])
    def test_an_accuracy_that_is_off_as_the_dense_heads_is_belongs_to_its_finding(self, identifier):
        claim = CLAIMS[f"a2.lenet5.cifar10.nist_1_10_p99.5.{identifier}"]  # 1.6 and 1.7 points above the dense head
        found = ledger.decide(claim, self.given(0.542, 0.558))
        assert found.finding == f"{STUDY}: accuracy of dense"
        assert found.readings == ("U12", "U16")
        assert "the difference from it agrees with the paper" in found.reason

    def test_one_that_is_off_beside_it_too_is_a_finding_of_its_own(self):
        found = ledger.decide(MEAN, self.given(0.542, 0.53))
        assert found.finding == f"{STUDY}: accuracy of {PRUNED}"
        assert "the difference from it does not agree either (95 % of differences -1.56 to -0.84 " in found.reason

    def test_nothing_is_said_of_a_dense_head_that_is_as_printed(self):
        assert "dense head" not in ledger.decide(MEAN, self.given(0.582, 0.53)).reason


def test_claims_on_the_same_runs_and_quantity_are_one_finding():
    given = run(0.53)
    found = {
        name: ledger.decide(CLAIMS[f"a2.lenet5.{name}"], given).finding
        for name in ("cifar10.nist_1_10_p99.5.mean_acc", "q.cifar_improve", "cifar10.nist_1_10_p99.5.moe")
    }
    assert [*found.values()] == [
        f"{STUDY}: {what} of {PRUNED}" for what in ("accuracy", "accuracy", "spread of scores")
    ]
    assert ledger.decide(CLAIMS["s42.deit.dense.top1"], given).finding == "s42.deit.dense.top1"  # not run


def test_curves_of_another_metric_are_another_quantity():
    sides = [("alexnet-cifar10", "dense"), ("alexnet-cifar10", "nist-1-50-10-p99.5")]
    outcome = Outcome("inconclusive", "")
    of_training, of_validation = (
        grouping.finding(CLAIMS[f"a3.alexnet.q.{name}"], outcome, sides) for name in ("train_comparable", "all_better")
    )
    assert of_training == "alexnet-cifar10: training accuracy of nist-1-50-10-p99.5"
    assert of_validation == "alexnet-cifar10: accuracy of nist-1-50-10-p99.5"


def test_a_study_of_readings_may_have_a_head_that_is_not_pruned():
    content = study.load(READINGS.path).content
    content["variants"] = {"dense": BASE.content["variants"]["dense"], **content["variants"]}
    given = run(0.53, {"dense": 0.6, "reachable": 0.45})
    studies = {**given.studies, READINGS.name: replace(READINGS, content=content)}
    assert ledger.decide(MEAN, replace(given, studies=studies)).verdict == "contradicted"


def test_claims_that_one_slip_of_the_paper_makes_wrong_are_one_finding():
    table = ledger.ledger(Evidence(CLAIMS)).set_index("id")
    wrong = table[table["verdict"] == "arithmetic wrong"]
    assert set(table.loc[["a5.vgg.dense.flops", "a5.vgg.scratch.rel"], "finding"]) == {"C3"}
    assert wrong["finding"].nunique() < len(wrong)
    part = replace(make("together", "claims=a5.vgg.dense.flops"), id="whole")
    assert ledger.decide(part, Evidence({**CLAIMS, "whole": part})).finding == "C3"

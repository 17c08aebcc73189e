"""Accuracies beside the dense head's: where that misses its own printed figure, which of the two has failed?"""

from collections.abc import Callable
from dataclasses import replace

from analysis.claims import intervals
from analysis.claims.claim import Claim
from analysis.claims.evidence import PAPER, Evidence
from analysis.claims.outcome import Outcome

BASELINE = "dense"
OF_DIFFERENCES = {"interval": intervals.of_next_difference, "maximum": intervals.of_next_difference_of_maxima}


def baseline_of(claim: Claim, evidence: Evidence) -> Claim | None:
    """The claim that prints the dense head's accuracy where ``claim`` prints another's, if there is one."""
    if claim.rule not in OF_DIFFERENCES or claim.parameters["statistic"] != "accuracy" or claim.variant == BASELINE:
        return None
    asked = (claim.study, claim.source, claim.quantity, claim.rule, BASELINE)
    found = (
        one for one in evidence.claims.values() if (one.study, one.source, one.quantity, one.rule, one.variant) == asked
    )
    return next(found, None)


def offset(claim: Claim, evidence: Evidence, outcome: Outcome, decided: Callable[[Claim], Outcome]) -> Outcome:
    """A ``contradicted`` accuracy, with what the difference from the dense head says where that misses its figure too.

    If the difference is as printed, the finding is the dense head's, and so are the readings.
    """
    dense = baseline_of(claim, evidence)
    found = decided(dense) if dense else None
    if dense is None or found is None or found.verdict not in ("contradicted", "contradicted as read"):
        return outcome
    score, runs = claim.parameters["score"], PAPER[claim.study].runs
    ours, its = (evidence.sample("accuracy", name, claim.study, score=score) for name in (claim.variant, BASELINE))
    low, high = OF_DIFFERENCES[claim.rule](ours, its, runs)
    (least, most), (dense_least, dense_most) = claim.figure.printed_so, dense.figure.printed_so
    printed = f"{float((claim.figure.value - dense.figure.value) / claim.scale):+.4g}"
    seen = f"95 % of differences {100 * low:+.2f} to {100 * high:+.2f} points, printed {printed}"
    start = f"{outcome.reason}; the dense head misses its printed figure too"
    if low <= most - dense_least and high >= least - dense_most:
        said = f"{start}; the difference from it agrees with the paper ({seen})"
        return replace(outcome, reason=said, readings=found.readings, finding=found.finding)
    return replace(outcome, reason=f"{start}; the difference from it does not agree either ({seen})")

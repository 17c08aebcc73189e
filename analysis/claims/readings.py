"""Under which readings of the paper a verdict holds: choices it leaves open, numbered as in ``docs/assumptions.md``.

A verdict on runs is a verdict on the paper as it was read. ``contradicted`` is said only where other readings were run
too and the claim fails under each. Else it is ``contradicted as read``, with the choices that it rests on.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from analysis.claims.claim import Claim, Parameters
from analysis.claims.evidence import OF_RUNS, SAMPLES, Evidence
from analysis.claims.outcome import Outcome
from nist.studies.study import Study

PRUNE = ("U26", "U28", "U29")  # scope, magnitudes, moment
NETWORKS = {
    "lenet5": ("U12", "U16"),  # augmentation; activation and pooling
    "alexnet": ("U13", "U37"),  # augmentation; normalisation and dropout
    "mobilenetv1": ("U13", "U39"),  # augmentation; strides
    "vgg16": ("U14", "U35"),  # preprocessing; learning rates
    "deit": ("U15", "U43"),  # augmentation; schedule
}
Rule = Callable[[Claim, Evidence], Outcome]
Side = tuple[str, str]  # study, variant


def rests_on(sides: list[Side], evidence: Evidence) -> tuple[str, ...]:
    """The open choices that a verdict on these sides rests on: the prune's, if one is pruned, or else the network's."""
    if any(_prune(name, variant, evidence) for name, variant in sides):
        return PRUNE
    return next((choices for network, choices in NETWORKS.items() if sides[0][0].startswith(network)), ())


def contradiction(claim: Claim, evidence: Evidence, outcome: Outcome, rule: Rule, sides: list[Side]) -> Outcome:
    """A ``contradicted`` outcome as far as it reaches: under all readings that were run, or as ours alone."""
    if _is_of_peaks(claim) and rule(_with_final_weights(claim), evidence).verdict != "contradicted":
        said = "; not contradicted by the best epoch with the final weights"
        return replace(outcome, verdict="contradicted as read", reason=outcome.reason + said, readings=("U4",))
    others = {label: rule(claim, given).verdict for label, given in _others(sides, evidence)}
    holds = [label for label, verdict in others.items() if verdict != "contradicted"]
    if others and not holds:
        return replace(outcome, reason=f"{outcome.reason}; under each of {len(others) + 1} readings")
    said = f"; not under {len(holds)} of {len(others)} other readings: {', '.join(holds)}" if others else ""
    choices = outcome.readings or rests_on(sides, evidence)
    return replace(outcome, verdict="contradicted as read", reason=outcome.reason + said, readings=choices)


def _is_of_peaks(claim: Claim) -> bool:
    """Whether a claim is judged by the peak over all epochs, which may lie before the prune."""
    by_accuracy = claim.parameters.get("statistic", "accuracy") == "accuracy"
    return claim.rule in ("interval", "maximum", "margin") and by_accuracy


def _with_final_weights(claim: Claim) -> Claim:
    return replace(claim, parameters=Parameters({**claim.parameters, "score": "peak_final"}, claim.id))


def _others(sides: list[Side], evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    """Every other reading of one of these sides that was run: its label, and the evidence with its runs in place."""
    for name, variant in sides:
        if not _prune(name, variant, evidence):
            continue
        experiment = evidence.studies[name]
        for reading in evidence.studies.values():
            for other in reading.variants if _is_of(reading, experiment) else ():
                if _reads_otherwise(experiment.variants[variant], reading.variants[other]):
                    frames = _in_place(evidence, (name, variant), (reading.name, other))
                    if frames:
                        yield reading.variants[other]["label"], replace(evidence, statistics=frames)


def _prune(name: str, variant: str, evidence: Evidence) -> dict | None:
    return evidence.studies[name].variants.get(variant, {}).get("prune") if name in evidence.studies else None


def _is_of(reading: Study, experiment: Study) -> bool:
    ours, theirs = experiment.content, reading.content
    same = all(ours[part][key] == theirs[part][key] for part, key in (("data", "dataset"), ("model", "name")))
    return theirs["edition"] == "reading" and same


def _reads_otherwise(ours: dict, other: dict) -> bool:
    """Whether another variant is the same head at the same sparsity, by another reading."""
    heads = [(one["sizes"], one.get("factors"), (one.get("prune") or {}).get("sparsity")) for one in (ours, other)]
    return heads[0] == heads[1] and ("changes" in other or other["prune"] != ours["prune"])


def _in_place(evidence: Evidence, side: Side, other: Side) -> dict[tuple[str, str], pd.DataFrame]:
    """Statistics in which the rows of ``other`` stand in place of those of ``side``; empty if it was not run.

    Statistics of one variant alone: comparisons with a baseline are of another study's baseline there.
    """
    (name, variant), (reading, its) = side, other
    put = {}
    for statistic in sorted({*SAMPLES, *(by_run for by_run, _ in OF_RUNS.values())}):
        ours, theirs = (evidence.statistics.get((study, statistic)) for study in (name, reading))
        if ours is not None and theirs is not None and (theirs["variant"] == its).any():
            rows = theirs[theirs["variant"] == its].assign(variant=variant)
            put[name, statistic] = pd.concat([ours[ours["variant"] != variant], rows], ignore_index=True)
    return {**evidence.statistics, **put} if put else {}

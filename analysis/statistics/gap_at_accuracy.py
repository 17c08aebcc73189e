"""Overfitting gap at the last epoch and at equal training accuracy: does a head overfit less, or does it only fit less?

A network that fits its training images less well has less of a gap at any epoch (Fig. A3). Here every run is read where
its training accuracy first reaches one level: the highest that all runs of both arms reach with their final number of
weights, and some that are lower, as the highest is set by the one run that fits least. Both arms are read while one
optimizer trains: after a switch training accuracy leaps, and a gap there is not to be compared with one before it.
"""

from collections.abc import Iterable, Mapping
from math import floor
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.metrics import runs
from analysis.statistics import paired_difference, pairing
from analysis.statistics.paired_difference import paired_test
from analysis.statistics.study_runs import StudyRuns

METRIC, LAST = "gap_at_accuracy", "last_gap"
LOWER = {METRIC: 0.0, f"{METRIC}_1_lower": 0.01, f"{METRIC}_2_lower": 0.02}  # than the highest common level, by metric
COLUMNS = ["phase", "level", "gap", "gap_baseline", "epoch", "epoch_baseline", *paired_difference.COLUMNS]


class Arm(NamedTuple):
    """Training and validation accuracy at the end of epochs ``first`` and on, both of shape (runs, epochs)."""

    train: np.ndarray
    validation: np.ndarray
    first: int


def final_arm(train: np.ndarray, validation: np.ndarray, weights: np.ndarray, phase: tuple[int, int]) -> Arm:
    """The epochs of one ``phase``, first to last, with the final number of ``weights``.

    Takes accuracies as they are recorded; all arrays have shape (runs, epochs). What is recorded of the training
    accuracy is its running mean over an epoch (assumption U49). A network that still learns has fitted more by the
    epoch's end, when it is validated; its accuracy then is taken as the mean of that epoch's and the next one's, so
    that the last epoch falls away.
    """
    first, last = phase[0], min(phase[1], train.shape[1])
    start = max(int((weights != weights[:, -1:]).sum(axis=1).max()), first - 1)
    kept = train[:, start:last]
    return Arm((kept[:, :-1] + kept[:, 1:]) / 2, validation[:, start : max(start, last - 1)], start + 1)


def phases(training: Mapping) -> list[tuple[int, int]]:
    """First and last epoch of each optimizer of a study's ``training``, as ``nist.training.optimizers`` (U32)."""
    firsts, share = [], 0.0
    for optimizer in training["optimizers"]:
        firsts.append(floor(share * training["epochs"] + 1e-9) + 1)
        share += optimizer["share"]
    lasts = [*(first - 1 for first in firsts[1:]), training["epochs"]]
    return [(first, last) for first, last in zip(firsts, lasts, strict=True) if first <= last]


def at_level(arm: Arm, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Gap and epoch at which the training accuracy of each run first reaches ``level``; both of shape (runs,).

    Between two epochs both are interpolated, so that a run whose epochs are steep is not read above the level. NaN for
    a run that begins above the level or never reaches it.
    """
    train, gaps = arm.train, arm.train - arm.validation
    after, rows = (train >= level).argmax(axis=1), np.arange(len(train))
    before = np.maximum(after - 1, 0)
    rise = train[rows, after] - train[rows, before]
    share = np.where(rise > 0, (level - train[rows, before]) / np.where(rise > 0, rise, 1), 0)
    gap = gaps[rows, before] + share * (gaps[rows, after] - gaps[rows, before])
    epoch = arm.first + before + share * (after - before)
    crossed = (train[:, 0] <= level) & (train.max(axis=1) >= level)
    return np.where(crossed, gap, np.nan), np.where(crossed, epoch, np.nan)


def common_level(*arms: Arm) -> float:
    """The highest training accuracy that every run of all arms reaches; NaN without any epoch."""
    return float(np.min([arm.train.max(axis=1).min() if arm.train.size else np.nan for arm in arms]))


def compare(ours: Arm, reference: Arm, level: float, confidence: float) -> dict[str, float]:
    """``COLUMNS`` but the phase, paired by run; all but the level NaN if a run of either arm is never at it."""
    side, other = (
        at_level(arm, level) if arm.train.size else np.full((2, len(arm.train)), np.nan) for arm in (ours, reference)
    )
    return _measured(level, side, other, confidence)


def in_one_phase(ours: list[Arm], reference: list[Arm], confidence: float) -> dict[str, dict[str, float]]:
    """``COLUMNS`` by metric of ``LOWER``, of the last phase in which all runs of both arms cross one level.

    Takes an arm a phase of either side. Where there is no such phase, ``phase`` is NaN, and all else of the last one.
    """
    rows: list[dict[str, dict[str, float]]] = []
    for phase, arms in enumerate(zip(ours, reference, strict=False), start=1):  # schedules may differ in length
        highest = common_level(*arms)
        found = {name: compare(*arms, highest - lower, confidence) for name, lower in LOWER.items()}
        is_known = not np.isnan(found[METRIC]["difference"])
        rows.append({name: {"phase": phase if is_known else np.nan, **row} for name, row in found.items()})
    return next((one for one in reversed(rows) if not np.isnan(one[METRIC]["phase"])), rows[-1])


def compare_last(
    ours: tuple[np.ndarray, np.ndarray], reference: tuple[np.ndarray, np.ndarray], phase: int, confidence: float
) -> dict[str, float]:
    """``COLUMNS`` of the last epoch, of training and validation accuracies, each of shape (runs, epochs)."""
    side, other = (
        ((train - validation)[:, -1], np.full(len(train), train.shape[1])) for train, validation in (ours, reference)
    )
    return {"phase": phase, **_measured(np.nan, side, other, confidence)}


def _measured(level: float, ours: Iterable, reference: Iterable, confidence: float) -> dict[str, float]:
    (gap, epoch), (gap_baseline, epoch_baseline) = ours, reference
    sides = {"gap": gap, "gap_baseline": gap_baseline, "epoch": epoch, "epoch_baseline": epoch_baseline}
    means = {name: values.mean() for name, values in sides.items()}
    return {"level": level, **means, **paired_test(gap, gap_baseline, confidence)}


def gap_at_accuracy(
    frame: pd.DataFrame,
    baseline: str,
    confidence: float = 0.95,
    trained: Mapping[str, list[tuple[int, int]]] | None = None,
) -> pd.DataFrame:
    """Gap of every variant less the baseline's, paired by seed, where training accuracies are equal.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``, ``trained`` the ``phases`` of each variant; without it,
    all epochs are one. Returns a row for every comparison and each metric of ``LOWER``: ``pairing.NAMES`` and
    ``COLUMNS``, with the ``phase``, counted from 1, the ``level``, the mean gaps and the mean epochs there, and the
    paired t test of the gaps; all but epochs are fractions. Where in no phase all runs of both arms cross one level,
    there is nothing to compare: phase, gaps, epochs and test are NaN. The metric ``LAST`` is the gap of the last epoch
    as recorded, whatever is fitted by then; it has no level.
    """
    rows = []
    for study, group in frame.groupby("study", sort=False):
        diverged = runs.count(group).set_index("variant")["n_diverged"]
        recorded = [
            pairing.curves_with_baseline(group, baseline, column)
            for column in ("train_accuracy", "val_accuracy", "active_weights")
        ]
        for (variant, *train), (_, *validation), (_, *weights) in zip(*recorded, strict=True):
            sides = [*zip(train, validation, weights, strict=True)]
            spans = [(trained or {}).get(name, [(1, train[0].shape[1])]) for name in (variant, baseline)]
            ours, reference = (
                [final_arm(*side, phase) for phase in span] for side, span in zip(sides, spans, strict=True)
            )
            whole, whole_reference = zip(train, validation, strict=True)
            found = {LAST: compare_last(whole, whole_reference, len(spans[0]), confidence)}
            for metric, measured in (found | in_one_phase(ours, reference, confidence)).items():
                values = (study, metric, variant, baseline, len(train[0]), diverged[variant], diverged[baseline])
                rows.append({**dict(zip(pairing.NAMES, values, strict=True)), **measured})
    return pd.DataFrame(rows, columns=[*pairing.NAMES, *COLUMNS])


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Overfitting gap of every variant and of the baseline where their training accuracies are equal."""
    study = study_runs.study
    trained = {name: phases(study.configuration(name)["training"]) for name in study.variants}
    return gap_at_accuracy(study_runs.frame, study_runs.baseline, study_runs.settings["confidence"], trained)

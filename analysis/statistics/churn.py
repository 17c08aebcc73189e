"""On how many validation images do two runs disagree: of the same variant, and of a variant and its baseline.

The disagreement of runs of one configuration is its churn (Milani Fard et al., *Launch and iterate: reducing prediction
churn*, 2016), here of right and wrong. Between variants it is at least the mean of theirs; the excess is what the
variants, and not their seeds, get differently.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from analysis.metrics.hits import Hits
from analysis.statistics import intervals, resampling
from analysis.statistics.study_runs import StudyRuns

QUANTITY = "churn_excess"
COLUMNS = [
    *("study", "variant", "baseline", "score"),
    *("churn", "churn_baseline", "between", "excess", *intervals.COLUMNS, "n", "images"),
]


def within(found: np.ndarray) -> float:
    """Share of images on which two runs disagree, mean over pairs of ``found``, boolean of shape (runs, images)."""
    n, right = len(found), found.sum(axis=0).astype(float)
    return float((right * (n - right)).mean() * 2 / (n * (n - 1))) if n > 1 else np.nan


def between(ours: np.ndarray, reference: np.ndarray) -> float:
    """Share of images on which a run of ``ours`` and one of ``reference`` disagree, mean over all pairs."""
    p, q = ours.mean(axis=0), reference.mean(axis=0)
    return float((p * (1 - q) + q * (1 - p)).mean())


def excess(ours: np.ndarray, reference: np.ndarray) -> float:
    """What ``between`` is more than the mean of both ``within``."""
    return between(ours, reference) - (within(ours) + within(reference)) / 2


def excess_interval(ours: np.ndarray, reference: np.ndarray, confidence: float) -> tuple[float, float]:
    """Bounds of ``excess`` by Student's t with the jackknife's standard error, over three or more pairs of runs."""
    n = len(ours)
    if n < 3:
        return np.nan, np.nan
    without = np.array([excess(*(np.delete(arm, i, axis=0) for arm in (ours, reference))) for i in range(n)])
    half = float(stats.t.isf((1 - confidence) / 2, n - 1) * resampling.jackknife_error(without))
    value = excess(ours, reference)
    return value - half, value + half


def churn(variants: Iterable[Hits], baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """One row a variant and score: shares of ``images`` on which runs disagree.

    ``churn`` is that of two runs of the variant, ``churn_baseline`` of the baseline, ``between`` of one of each.
    ``excess`` has bounds by Student's t with the jackknife's standard error, over pairs of runs with the same seed; NaN
    for fewer than three, or where seeds differ. The baseline's own row, and all without its runs, have ``churn`` alone.
    """
    found = {each.variant: each for each in variants}
    return pd.DataFrame(
        [
            _row(each, found.get(baseline), baseline, score, confidence)
            for each in found.values()
            for score in each.scores
        ],
        columns=COLUMNS,
    )


def _row(each: Hits, reference: Hits | None, baseline: str, score: str, confidence: float) -> dict:
    ours, names = each.scores[score], (each.study, each.variant, baseline, score)
    beside, ends = (np.nan,) * 3, (np.nan, np.nan)
    if reference is not None and each.variant != baseline:
        theirs = reference.scores[score]
        beside = within(theirs), between(ours, theirs), excess(ours, theirs)
        if each.seeds == reference.seeds:
            ends = excess_interval(ours, theirs, confidence)
    bounds = intervals.row(QUANTITY, len(ours), *ends, confidence).values()
    return dict(zip(COLUMNS, (*names, within(ours), *beside, *bounds, *ours.shape), strict=True))


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Share of validation images on which two runs disagree."""
    return churn(study_runs.hits(), study_runs.baseline, study_runs.settings["confidence"])

"""Mean difference of accuracy between runs of the same seed, with Student's interval and p (Student 1908)."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import pairing
from analysis.statistics.study_runs import StudyRuns

TEST = "paired Student t"
COLUMNS = ["test", "alternative", "difference", "sd", "low", "high", "confidence", "t", "df", "p"]
NO_SPREAD = 1e-12  # differences of fractions that vary by less differ by rounding alone


def has_spread(difference: np.ndarray) -> bool:
    """Whether differences of shape (n,) vary, so that a t has a denominator."""
    return len(difference) > 1 and np.ptp(difference) > NO_SPREAD


def paired_test(ours: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> dict:
    """Two-sided t test and interval of the mean of ``ours - reference``, shape (n,); returns ``COLUMNS``.

    ``sd`` is that of the differences. Without any spread of theirs, t, p and the interval are undefined (NaN); all is
    if a difference is.
    """
    difference = ours - reference
    names = {"test": TEST, "alternative": "two-sided", "difference": difference.mean()}
    if not has_spread(difference):
        blank = dict.fromkeys(["low", "high", "t", "p"], np.nan)
        sd = 0.0 if len(difference) > 1 and np.isfinite(difference).all() else np.nan
        return {**names, "sd": sd, "confidence": confidence, "df": np.nan, **blank}
    result = stats.ttest_rel(ours, reference)
    ends = result.confidence_interval(confidence)
    interval = {"sd": difference.std(ddof=1), "low": ends.low, "high": ends.high, "confidence": confidence}
    return {**names, **interval, "t": result.statistic, "df": result.df, "p": result.pvalue}


def paired_difference(scores: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean paired difference to the baseline, for every variant and score.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairs.NAMES`` and
    ``COLUMNS``; differences are fractions, positive where the variant is the more accurate.
    """
    return pairing.compare_scores(
        scores, baseline, lambda ours, reference: paired_test(ours, reference, confidence), COLUMNS
    )


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Mean difference of every variant's accuracy to the baseline's, paired by seed."""
    return paired_difference(study_runs["run_scores"], study_runs.baseline, study_runs.settings["confidence"])

"""Mean difference of accuracy between runs of the same seed, with Student's interval and p (Student 1908)."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import intervals, named_tests, pairing
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.PAIRED_T
QUANTITY = "mean_difference"
COLUMNS = ["test", "alternative", "difference", "sd", *intervals.COLUMNS, "t", "df", "p"]
NO_SPREAD = 1e-12  # differences of fractions that vary by less differ by rounding alone


def has_spread(difference: np.ndarray) -> np.ndarray:
    """Whether differences of shape (..., n) vary, so that a t has a denominator: shape (...)."""
    if difference.shape[-1] < 2:
        return np.zeros(difference.shape[:-1], dtype=bool)
    return np.ptp(difference, axis=-1) > NO_SPREAD


def student(difference: np.ndarray, confidence: float = 0.95) -> dict[str, np.ndarray]:
    """Student's t of the mean of ``difference``, shape (..., n), its ``low`` and ``high`` ends and two-sided p.

    Each of shape (...). Where all of two or more differences are 0, the arms agree: t is 0, p 1, and the interval 0 to
    0. Where they do not vary otherwise, all are undefined (NaN).
    """
    n, mean = difference.shape[-1], difference.mean(axis=-1)
    agree = (abs(difference) <= NO_SPREAD).all(axis=-1) & (n > 1)
    error = difference.std(axis=-1, ddof=1) / np.sqrt(n) if n > 1 else np.full_like(mean, np.nan)
    error = np.where(has_spread(difference), error, np.where(agree, 0.0, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(agree, 0.0, mean / error)
    df = max(n - 1, 1)
    half = stats.t.isf((1 - confidence) / 2, df) * error
    mean = np.where(agree, 0.0, mean)
    return {"low": mean - half, "high": mean + half, "t": t, "p": 2 * stats.t.sf(abs(t), df)}


def paired_test(ours: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> dict:
    """Two-sided t test and interval of the mean of ``ours - reference``, shape (n,); returns ``COLUMNS``.

    ``sd`` is that of the differences. See ``student`` for differences that do not vary; all is NaN if a difference is.
    """
    difference = ours - reference
    n, found = len(difference), {name: float(value) for name, value in student(difference, confidence).items()}
    varies = has_spread(difference)
    sd = difference.std(ddof=1) if varies else 0.0 if n > 1 and np.isfinite(difference).all() else np.nan
    ends = intervals.row(QUANTITY, n, found["low"], found["high"], confidence)
    names = {"test": TEST, "alternative": "two-sided", "difference": difference.mean(), "sd": sd}
    return {**names, **ends, "t": found["t"], "df": n - 1 if varies else np.nan, "p": found["p"]}


def paired_difference(scores: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean paired difference to the baseline, for every variant and score.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairing.NAMES`` and
    ``COLUMNS``; differences are fractions, positive where the variant is the more accurate.
    """
    return pairing.compare_scores(
        scores, baseline, lambda ours, reference: paired_test(ours, reference, confidence), COLUMNS
    )


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Mean difference of every variant's accuracy to the baseline's, paired by seed."""
    return paired_difference(study_runs["run_scores"], study_runs.baseline, study_runs.settings["confidence"])

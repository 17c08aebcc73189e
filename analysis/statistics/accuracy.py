"""Peak and last validation accuracy with SD and margin of error: Tables A2, A3 and A4 (assumption U4, U6)."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.metrics import runs
from analysis.statistics import intervals
from analysis.statistics.run_scores import run_scores
from analysis.statistics.study_runs import StudyRuns


def margin_of_error(values: np.ndarray, confidence: float = 0.95, ddof: int = 1) -> float:
    """Half width of the Student-t interval of the mean of ``values``, shape (n,); NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return np.nan
    return float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=ddof) / np.sqrt(n))


def accuracy(frame: pd.DataFrame, confidence: float = 0.95, ddof: int = 1) -> pd.DataFrame:
    """Validation accuracy of every variant in the three scores of ``analysis.statistics.run_scores``.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and score: ``mean``, ``sd``,
    ``margin`` of error and ``max`` over runs, all fractions, and ``n`` runs, ``n_diverged`` of them diverged; of these
    the last finite accuracy counts. ``coverage`` is how often mean ± margin of so many runs holds the true mean where
    that is hardest (``analysis.statistics.intervals``).
    """
    by_variant = run_scores(frame).groupby(["score", *runs.GROUP], sort=False)["accuracy"]
    summary = by_variant.agg(
        mean="mean",
        sd=lambda over_runs: over_runs.std(ddof=ddof),
        margin=lambda over_runs: margin_of_error(over_runs.to_numpy(), confidence, ddof),
        max="max",
    )
    summary = summary.reset_index().assign(confidence=confidence, ddof=ddof)
    summary = summary.merge(runs.count(frame), on=runs.GROUP, validate="many_to_one")
    is_known = confidence == intervals.CONFIDENCE
    return summary.assign(coverage=[intervals.coverage("mean", n) if is_known else np.nan for n in summary["n"]])


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Peak and last validation accuracy of every variant, with SD and margin of error."""
    settings = study_runs.settings
    return accuracy(study_runs.frame, settings["confidence"], settings["ddof"])

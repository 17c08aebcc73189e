"""Brown–Forsythe test: does the spread of one number a run differ from the baseline's (Brown & Forsythe 1974)?

Levene's test with deviations from the median, robust to the heavy tails of accuracies. One number a run keeps it valid
where a test over epochs is not. Runs are taken as independent; that they are paired by seed is not used.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import pairing
from analysis.statistics.study_runs import StudyRuns

TEST = "Brown–Forsythe"
COLUMNS = ["test", "alternative", "ddof", "sd", "sd_baseline", "f", "p"]
SCORES = ["peak", "last"]


def brown_forsythe_test(ours: np.ndarray, reference: np.ndarray) -> dict:
    """Two-sided test that two samples, shape (n,), have the same spread: ``f`` and ``p``.

    Both are undefined (NaN) where deviations from the median do not vary in either sample: with one or two values, or
    constant ones.
    """
    deviations = [abs(values - np.median(values)) for values in (ours, reference)]
    if min(len(ours), len(reference)) < 3 or all(np.ptp(d) <= 1e-12 for d in deviations):
        return {"f": np.nan, "p": np.nan}
    result = stats.levene(ours, reference, center="median")
    return {"f": float(result.statistic), "p": float(result.pvalue)}


def brown_forsythe(scores: pd.DataFrame, baseline: str, ddof: int = 1) -> pd.DataFrame:
    """Test of every variant's peak and last accuracy against the baseline's.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairs.NAMES`` and
    ``COLUMNS``, with the SDs of either side, fractions.
    """

    def measure(ours: np.ndarray, reference: np.ndarray) -> dict:
        names = {"test": TEST, "alternative": "two-sided", "ddof": ddof}
        sds = pd.Series(ours).std(ddof=ddof), pd.Series(reference).std(ddof=ddof)
        return {**names, "sd": sds[0], "sd_baseline": sds[1], **brown_forsythe_test(ours, reference)}

    return pairing.compare_scores(scores[scores["score"].isin(SCORES)], baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Brown–Forsythe test of every variant's peak and last accuracy against the baseline's."""
    return brown_forsythe(study_runs["run_scores"], study_runs.baseline, study_runs.settings["ddof"])

"""Brown–Forsythe test: does the spread of one number a run differ from the baseline's (Brown & Forsythe 1974)?

Levene's test with deviations from the median, robust to the heavy tails of accuracies. One number a run keeps it valid
where a test over epochs is not. It is the one test here that does not pair by seed, since pairing could add nothing:
where normal values of two arms correlate with r, the sizes of their deviations do with about r²; that is never
negative, so that the test keeps its level, and small (0.04 at r = 0.2).
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import named_tests, pairing
from analysis.statistics.paired_difference import NO_SPREAD
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.BROWN_FORSYTHE
COLUMNS = ["test", "alternative", "ddof", "sd", "sd_baseline", "f", "p"]
SCORES = ["peak", "last"]


def brown_forsythe_test(ours: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Two-sided test that two samples, shape (..., n), have the same spread: ``f`` and ``p``, each of shape (...).

    Both are undefined (NaN) where deviations from the median do not vary in either sample: with one or two values, or
    constant ones.
    """
    nothing = np.full(ours.shape[:-1], np.nan)
    if min(ours.shape[-1], reference.shape[-1]) < 3:
        return {"f": nothing, "p": nothing}
    deviations = [abs(values - np.median(values, axis=-1, keepdims=True)) for values in (ours, reference)]
    varies = np.any([np.ptp(each, axis=-1) > NO_SPREAD for each in deviations], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = stats.levene(ours, reference, center="median", axis=-1)
    return {"f": np.where(varies, result.statistic, np.nan), "p": np.where(varies, result.pvalue, np.nan)}


def brown_forsythe(scores: pd.DataFrame, baseline: str, ddof: int = 1) -> pd.DataFrame:
    """Test of every variant's peak and last accuracy against the baseline's.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairing.NAMES`` and
    ``COLUMNS``, with the SDs of either side, fractions.
    """

    def measure(ours: np.ndarray, reference: np.ndarray) -> dict:
        names = {"test": TEST, "alternative": "two-sided", "ddof": ddof}
        tested = {name: float(value) for name, value in brown_forsythe_test(ours, reference).items()}
        sds = pd.Series(ours).std(ddof=ddof), pd.Series(reference).std(ddof=ddof)
        return {**names, "sd": sds[0], "sd_baseline": sds[1], **tested}

    return pairing.compare_scores(scores[scores["score"].isin(SCORES)], baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Brown–Forsythe test of every variant's peak and last accuracy against the baseline's."""
    return brown_forsythe(study_runs["run_scores"], study_runs.baseline, study_runs.settings["ddof"])

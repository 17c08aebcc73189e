"""Share of epochs with lower SD and its Wilson score interval: "80 % (0.627–0.905)" of Table A6 (assumption D5, U10).

The interval treats epochs as independent trials, which epochs of the same runs are not: read it as a description.
"""

import pandas as pd
from scipy import stats

from analysis.statistics import pairing
from analysis.statistics.study_runs import StudyRuns

COLUMNS = ["epochs", "epochs_lower", "share", "confidence", "low", "high"]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval, without continuity correction, of a proportion (Wilson 1927)."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return interval.low, interval.high


def wilson(sd: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Share of epochs at which a variant's SD is strictly lower than the baseline's, for every variant and metric.

    ``sd`` is the result of ``epochwise_sd``. Returns one row a comparison: ``share`` of ``epochs``, ``epochs_lower`` of
    them, and the ends ``low`` and ``high`` of the interval; ``n`` runs on either side.
    """

    def measure(paired: pd.DataFrame) -> dict:
        epochs = len(paired)
        if paired[["sd_variant", "sd_baseline"]].isna().any(axis=None):  # SDs of a single run
            return {"epochs": epochs, "confidence": confidence}
        lower = int((paired["sd_variant"] < paired["sd_baseline"]).sum())
        low, high = wilson_interval(lower, epochs, confidence)
        share = {"epochs": epochs, "epochs_lower": lower, "share": lower / epochs}
        return {**share, "confidence": confidence, "low": low, "high": high}

    return pairing.compare_sd(sd, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Share of epochs with lower SD than the baseline's, with its Wilson interval."""
    return wilson(study_runs["epochwise_sd"], study_runs.baseline, study_runs.settings["confidence"])

"""Share of epochs with lower SD and its Wilson score interval: "80 % (0.627–0.905)" of Table A6 (assumption D5, U10).

The interval treats epochs as independent trials, which epochs of the same runs are not: read it as a description. Its
coverage says how often it holds one half where arms do not differ.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import intervals, pairing, resampling
from analysis.statistics.study_runs import StudyRuns

QUANTITY = "share_lower_sd"
COLUMNS = ["epochs", "epochs_lower", "epochs_tied", "share", *intervals.COLUMNS]


def wilson_interval(
    successes: np.ndarray | float, trials: int, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval, without continuity correction, of a proportion (Wilson 1927); ties are half a success."""
    z = stats.norm.isf((1 - confidence) / 2)
    share, weight = successes / trials, z**2 / trials
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * np.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return np.where(share == 0, 0.0, centre - half)[()], np.where(share == 1, 1.0, centre + half)[()]


def lower(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Epochs at which our SD is the lower one, ties counted half, of SDs of shape (..., epochs): shape (...)."""
    return ((1 - np.sign(resampling.difference(ours, reference))) / 2).sum(axis=-1)


def wilson(sd: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Share of epochs at which a variant's SD is lower than the baseline's, for every variant and metric.

    ``sd`` is the result of ``epochwise_sd``. Returns one row a comparison: ``share`` of ``epochs``, of which
    ``epochs_tied`` count half, as SDs equal but for rounding do; the ends ``low`` and ``high`` of the interval; ``n``
    runs on either side.
    """

    def measure(paired: pd.DataFrame) -> dict:
        sides = paired["sd_variant"].to_numpy(), paired["sd_baseline"].to_numpy()
        epochs, n = len(paired), int(paired[["n_variant", "n_baseline"]].min(axis=None))
        tied, count = int((resampling.difference(*sides) == 0).sum()), float(lower(*sides))  # NaN: SDs of a single run
        share = {"epochs_lower": count - tied / 2, "epochs_tied": tied, "share": count / epochs}
        low, high = wilson_interval(count, epochs, confidence)
        return {"epochs": epochs, **share, **intervals.row(QUANTITY, n, float(low), float(high), confidence)}

    return pairing.compare_sd(sd, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Share of epochs with lower SD than the baseline's, with its Wilson interval."""
    return wilson(study_runs["epochwise_sd"], study_runs.baseline, study_runs.settings["confidence"])

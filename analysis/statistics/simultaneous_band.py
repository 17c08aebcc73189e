"""Simultaneous confidence band of the difference of two learning curves: a statement on all epochs at once.

Student's intervals of the mean paired difference, each at a level divided by the number of epochs (Bonferroni). Mean
curves have no band: where runs collapse, each that was tried missed the true curve far too often
(``analysis.coverage``).
"""

import numpy as np
import pandas as pd

from analysis.metrics import runs
from analysis.statistics import intervals, pairing
from analysis.statistics.paired_difference import student
from analysis.statistics.study_runs import StudyRuns

QUANTITY = "difference_band"
COLUMNS = ["study", "variant", "baseline", "epoch", "n", "n_diverged", "mean", *intervals.COLUMNS]


def band(ours: np.ndarray, reference: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the band of the mean of ``ours - reference``, shape (..., n, epochs): both of shape (..., epochs).

    NaN for a single run, and at an epoch at which all differences are the same.
    """
    difference = np.swapaxes(ours - reference, -2, -1)
    found = student(difference, 1 - (1 - confidence) / difference.shape[-2])
    return found["low"], found["high"]


def simultaneous_band(frame: pd.DataFrame, baseline: str, *, confidence: float) -> pd.DataFrame:
    """Simultaneous band of every variant's difference of validation accuracy to the baseline, paired by seed.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and epoch: ``mean``, ``low`` and
    ``high`` are fractions, and ``low`` to ``high`` holds the true difference at all epochs at once with probability
    ``confidence``. Raises ``InputError`` where seeds do not pair.
    """
    rows = []
    for study, group in frame.groupby("study", sort=False):
        diverged = runs.count(group).set_index("variant")["n_diverged"]
        for variant, ours, reference in pairing.curves_with_baseline(group, baseline, "val_accuracy"):
            n, mean = len(ours), (ours - reference).mean(axis=0)
            for epoch, ends in enumerate(zip(*band(ours, reference, confidence), strict=True), start=1):
                names = study, variant, baseline, epoch, n, diverged[variant], mean[epoch - 1]
                rows.append([*names, *intervals.row(QUANTITY, n, *ends, confidence).values()])
    return pd.DataFrame(rows, columns=COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Simultaneous bands of differences of mean learning curves to the baseline's."""
    return simultaneous_band(study_runs.frame, study_runs.baseline, confidence=study_runs.settings["confidence"])

"""Overfitting gap: training minus validation accuracy by epoch (Fig. A3; assumption U50)."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics.study_runs import StudyRuns


def overfitting_gap(frame: pd.DataFrame, ddof: int = 1) -> pd.DataFrame:
    """Mean and SD over runs of training minus validation accuracy at every epoch.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and epoch with ``gap`` and
    ``sd``, fractions, and ``n`` runs. Training accuracy is the running mean over an epoch's batches, taken while the
    weights still move, so that the gap of the first epochs is negative.
    """
    gaps = frame.assign(gap=frame["train_accuracy"] - frame["val_accuracy"])
    grouped = gaps.groupby([*runs.GROUP, "epoch"], sort=False)["gap"]
    result = grouped.agg(n="size", gap="mean", sd=lambda values: values.std(ddof=ddof)).reset_index()
    return result.assign(ddof=ddof)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Training minus validation accuracy at every epoch, mean and SD over runs."""
    return overfitting_gap(study_runs.frame, study_runs.settings["ddof"])

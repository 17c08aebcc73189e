"""Mean and SD over runs of every measurement at every epoch: the curves of Figs. 3, 4, A2, A4 and A6."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics.study_runs import StudyRuns

METRICS = ["train_loss", "train_accuracy", "val_loss", "val_accuracy"]


def learning_curve(frame: pd.DataFrame, ddof: int = 1) -> pd.DataFrame:
    """Mean and SD over runs by epoch.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant, metric and epoch with ``mean``
    and ``sd`` (``ddof`` delta degrees of freedom; NaN for a single run with ``ddof`` 1), and ``n`` runs. Accuracies are
    fractions, losses nats.
    """
    long = frame.melt([*runs.KEYS], METRICS, var_name="metric")
    grouped = long.groupby([*runs.GROUP, "metric", "epoch"], sort=False)["value"]
    result = grouped.agg(n="size", mean="mean", sd=lambda values: values.std(ddof=ddof)).reset_index()
    return result.assign(ddof=ddof)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Mean and SD over runs of every measurement at every epoch."""
    return learning_curve(study_runs.frame, study_runs.settings["ddof"])

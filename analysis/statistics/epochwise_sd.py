"""Epochwise SD: the spread over runs of accuracy at each epoch (Fig. A5; assumption D3, U7)."""

from functools import partial

import numpy as np
import pandas as pd

from analysis.metrics import runs
from analysis.statistics import resampling
from analysis.statistics.study_runs import StudyRuns


def epochwise_sd(frame: pd.DataFrame, metric: str = "val_accuracy", ddof: int = 1) -> pd.DataFrame:
    """SD over runs of ``metric`` at every epoch.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and epoch: ``sd`` with ``ddof``
    delta degrees of freedom, in the metric's unit (a fraction for accuracies), and ``n`` runs, of which ``n_diverged``
    diverged.
    """
    values = frame.groupby([*runs.GROUP, "epoch"], sort=False)[metric]
    result = values.agg(n="size", sd=partial(_sd, ddof=ddof)).reset_index()
    counts = runs.count(frame)[[*runs.GROUP, "n_diverged"]]
    result = result.merge(counts, on=runs.GROUP, validate="many_to_one")
    return result.assign(metric=metric, ddof=ddof)


def _sd(values: pd.Series, ddof: int) -> float:
    """Exactly 0 of runs that agree, as pandas' is not."""
    return float(resampling.sd(values.to_numpy()[:, np.newaxis], ddof)[0])


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """SD over runs of validation and of training accuracy at every epoch."""
    ddof = study_runs.settings["ddof"]
    return pd.concat([epochwise_sd(study_runs.frame, metric, ddof) for metric in ("val_accuracy", "train_accuracy")])

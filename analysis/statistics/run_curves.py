"""Accuracies, loss and overfitting gap of every run at every epoch: what is compared run by run, paired by seed."""

import pandas as pd

from analysis.statistics.run_scores import RUN
from analysis.statistics.study_runs import StudyRuns

MEASURED = ["val_accuracy", "train_accuracy", "val_loss"]


def run_curves(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a run and epoch: ``MEASURED`` and the ``gap``, training less validation accuracy.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Accuracies and gap are fractions, losses nats.
    """
    return frame[[*RUN, "epoch", *MEASURED]].assign(gap=frame["train_accuracy"] - frame["val_accuracy"])


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Accuracies, loss and overfitting gap of every run at every epoch."""
    return run_curves(study_runs.frame)

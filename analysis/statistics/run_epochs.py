"""How many epochs each run took: to 95 % of its own last accuracy, and to an accuracy that is the same for all."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics import pairing
from analysis.statistics.epochs_to_accuracy import first_epochs, target_accuracy
from analysis.statistics.epochs_to_converge import of_runs
from analysis.statistics.run_scores import RUN
from analysis.statistics.study_runs import StudyRuns


def run_epochs(
    frame: pd.DataFrame, baseline: str, converged_at: float = 0.95, target_share: float = 0.95
) -> pd.DataFrame:
    """One row a run: ``epochs_to_converge`` and ``epochs_to_accuracy``, as the statistics of these names count them.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. A run that never reaches the accuracy has its last epoch.
    """
    tables = []
    for (study, variant), own in frame.groupby(runs.GROUP, sort=False):
        curves = pairing.curves(own, "val_accuracy")[variant]
        target = target_accuracy(frame[frame["study"] == study], baseline, target_share)
        counted = {"seed": curves.index, "epochs_to_accuracy": first_epochs(curves, target)[0]}
        tables.append(pd.DataFrame(counted).assign(study=study, variant=variant))
    converged = of_runs(frame, converged_at).rename("epochs_to_converge").reset_index()
    return converged.merge(pd.concat(tables), on=RUN, validate="one_to_one")


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Epochs that every run took to converge, and to a share of the baseline's mean last accuracy."""
    settings = study_runs.settings
    return run_epochs(study_runs.frame, study_runs.baseline, settings["converged_at"], settings["target_share"])

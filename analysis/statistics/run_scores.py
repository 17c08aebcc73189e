"""One number a run: its validation accuracy, read off in the three ways of assumption U4."""

import pandas as pd

from analysis.metrics import runs
from analysis.statistics.study_runs import StudyRuns

RUN = [*runs.GROUP, "seed"]


def run_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy of every run in three scores.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a run and score: ``accuracy``, a
    fraction, and whether the run ``diverged``. Scores:

    - ``peak``, the highest over all epochs: the paper's. It is chosen on the very images it is measured on, and where a
      run is pruned it may be that of the network before the prune.
    - ``peak_final``, the highest over the epochs trained with the final number of weights.
    - ``last``, the last epoch's; of a run that diverged its last finite one (``analysis.metrics.runs``).
    """
    last = runs.last_epoch(frame).set_index(RUN)
    at_final = frame.join(last["active_weights"].rename("final"), on=RUN).query("active_weights == final")
    values = {
        "peak": frame.groupby(RUN, sort=False)["val_accuracy"].max(),
        "peak_final": at_final.groupby(RUN, sort=False)["val_accuracy"].max(),
        "last": last["val_accuracy"],
    }
    diverged = frame.groupby(RUN, sort=False)["diverged"].any()
    tables = [
        pd.DataFrame({"accuracy": accuracy, "diverged": diverged}).reset_index().assign(score=score)
        for score, accuracy in values.items()
    ]
    return pd.concat(tables, ignore_index=True)[[*RUN, "score", "accuracy", "diverged"]]


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Peak and last validation accuracy of every run."""
    return run_scores(study_runs.frame)

"""How much does choosing the best epoch on test images raise the accuracy (assumption U1)?"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.metrics.sessions import recorded, told
from analysis.statistics.study_runs import StudyRuns
from nist.metrics_file import MetricsFile

COLUMNS = [*runs.GROUP, "seed", "epoch", "selected", "peak", "optimism"]


def selection(blocks: Mapping[Path, MetricsFile]) -> pd.DataFrame:
    """One row a run whose epochs were validated on held-out training images.

    ``epoch`` is the first of the best on these, ``selected`` the accuracy on the test images at that epoch, ``peak``
    the best on the test images over all epochs, and ``optimism`` what that is more; fractions. Raises ``InputError``
    that names the file if its metadata are not what training writes.
    """
    return told(blocks, _rows, COLUMNS)


def _rows(block: MetricsFile) -> list[dict]:
    tested = recorded(block, "test_accuracy")
    names = dict(zip(runs.GROUP, runs.name(block), strict=True))
    rows = []
    for seed, run in block.table.to_pandas().groupby("seed") if tested else ():
        test = {int(epoch): value for epoch, value in tested[seed].items()}
        epoch = int(run.loc[run["val_accuracy"].idxmax(), "epoch"])
        peak = max(test[epoch] for epoch in run["epoch"])
        rows.append({**names, "seed": seed, "epoch": epoch, "selected": test[epoch], "peak": peak})
    return [{**row, "optimism": row["peak"] - row["selected"]} for row in rows]


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Test accuracy at the epoch that held-out images choose, and at the best, of every run."""
    return selection(study_runs.blocks)

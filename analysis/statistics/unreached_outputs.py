"""How many classes a prune has cut off from the image, run by run, as training recorded it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.metrics.sessions import told
from analysis.statistics.study_runs import StudyRuns
from nist.metrics_file import MetricsFile

COLUMNS = [*runs.GROUP, "seed", "unreached", "accuracy"]


def unreached_outputs(blocks: Mapping[Path, MetricsFile]) -> pd.DataFrame:
    """One row a run that recorded it: ``unreached`` classes, and the ``accuracy`` of its last epoch, a fraction.

    The paper has no such figure. A class whose output no path of active weights joins to the features is told by its
    bias (``nist.sparse.audit.unreached_outputs``). Runs without a prune, those of transformers, and those from before
    it was recorded have no row. Raises ``InputError`` that names the file if its metadata are not what training writes.
    """
    return told(blocks, _rows, COLUMNS)


def _rows(block: MetricsFile) -> list[dict]:
    sessions = block.description.get("sessions", [])
    found = {int(seed): int(n) for each in sessions for seed, n in each.get("unreached_outputs", {}).items()}
    last = runs.last_epoch(block.table.to_pandas()).set_index("seed")["val_accuracy"]
    names = dict(zip(runs.GROUP, runs.name(block), strict=True))
    seeds = [seed for seed in last.index if seed in found]  # sessions may tell of more runs: see ``recorded``
    return [{**names, "seed": seed, "unreached": found[seed], "accuracy": last[seed]} for seed in seeds]


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Classes that a prune has cut off from the image, and last accuracy, of every run that recorded it."""
    return unreached_outputs(study_runs.blocks)

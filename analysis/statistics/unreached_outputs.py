"""How many classes a prune has cut off from the image, run by run, as training recorded it."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.statistics.study_runs import StudyRuns
from nist.errors import InputError
from nist.metrics_file import MetricsFile

COLUMNS = [*runs.GROUP, "seed", "unreached", "accuracy"]


def unreached_outputs(blocks: Mapping[Path, MetricsFile]) -> pd.DataFrame:
    """One row a run that recorded it: ``unreached`` classes, and the ``accuracy`` of its last epoch, a fraction.

    The paper has no such figure. A class whose output no path of active weights joins to the features is told by its
    bias (``nist.sparse.audit.unreached_outputs``). Runs without a prune, those of transformers, and those from before
    it was recorded have no row. Raises ``InputError`` that names the file if its metadata are not what training writes.
    """
    rows = []
    for path, block in blocks.items():
        try:
            found = _recorded(block.description)
        except (AttributeError, TypeError, ValueError):
            raise InputError(f"{path}: metadata: sessions are not what training writes there") from None
        last = runs.last_epoch(block.table.to_pandas()).rename(columns={"val_accuracy": "accuracy"})
        last = last.assign(unreached=last["seed"].map(found))
        rows.append(last.dropna(subset="unreached")[COLUMNS])
    return pd.concat(rows, ignore_index=True).astype({"unreached": int}).sort_values(COLUMNS, ignore_index=True)


def _recorded(description: dict) -> dict[int, int]:
    """Outputs that were cut off, by seed."""
    sessions = description.get("sessions", [])
    found = [item for session in sessions for item in session.get("unreached_outputs", {}).items()]
    return {int(seed): int(outputs) for seed, outputs in found}


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Classes that a prune has cut off from the image, and last accuracy, of every run that recorded it."""
    return unreached_outputs(study_runs.blocks)

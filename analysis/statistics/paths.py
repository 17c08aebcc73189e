"""Weights that count: those on a path from a feature to a class, and what another method than NIST cost a run."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.metrics.sessions import recorded, told
from analysis.statistics.cost import head_weights
from analysis.statistics.study_runs import StudyRuns
from nist.metrics_file import MetricsFile

COLUMNS = [
    *runs.GROUP,
    "seed",
    "sparsity",
    "effective_sparsity",
    "effective",
    "unused",
    "unreached",
    "extra_epochs",
    "extra_seconds",
]


def paths(blocks: Mapping[Path, MetricsFile]) -> pd.DataFrame:
    """One row a run that recorded it, at the end of its last epoch.

    ``effective`` weights of the head are on a path of active weights from a feature to a class (Vysogorets & Kempe
    2023), ``effective_sparsity`` is the fraction of the dense weights that are not, beside the nominal ``sparsity``;
    ``unused`` features and ``unreached`` classes are on none. Of another method than NIST, what it took beside the
    epochs of the run: ``extra_epochs``, in images forward and backward over those of an epoch, and ``extra_seconds``; 0
    of NIST. Raises ``InputError`` that names the file if its metadata are not what training writes.
    """
    return told(blocks, _rows, COLUMNS)


def _rows(block: MetricsFile) -> list[dict]:
    dense, images = head_weights(block.description["configuration"])["dense"], block.description["training_images"]
    found, methods = (recorded(block, name) for name in ("paths", "method"))
    last = runs.last_epoch(block.table.to_pandas()).set_index("seed")["active_weights"]
    names = dict(zip(runs.GROUP, runs.name(block), strict=True))
    rows = []
    for seed, counts in found.items():
        cost = methods.get(seed, {"images": 0, "seconds": 0.0})
        rows.append(
            {
                **names,
                "seed": seed,
                "sparsity": 1 - last[seed] / dense,
                "effective_sparsity": 1 - counts["effective"] / dense,
                **{name: int(counts[name]) for name in ("effective", "unused", "unreached")},
                "extra_epochs": cost["images"] / images,
                "extra_seconds": float(cost["seconds"]),
            }
        )
    return rows


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Effective sparsity, unused features and unreached classes of every run that recorded them."""
    return paths(study_runs.blocks)

"""Reading metrics files into one tidy data frame of runs."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from nist import metrics_file
from nist.errors import InputError

KEYS = ["study", "variant", "seed", "epoch"]
GROUP = ["study", "variant"]


def read_blocks(paths: Iterable[Path | str]) -> dict[Path, metrics_file.MetricsFile]:
    """Read and check metrics files. Raises ``InputError`` that names the first bad one, or if there is none."""
    blocks = {Path(path): metrics_file.read(path) for path in paths}
    if not blocks:
        raise InputError("no metrics files given")
    for path, block in blocks.items():
        if not block.table.num_rows:
            raise InputError(f"{path}: holds no runs")
    return blocks


def name(block: metrics_file.MetricsFile) -> tuple[str, str]:
    """Study and variant of a block."""
    return tuple(block.table[column][0].as_py() for column in GROUP)


def check_together(blocks: dict[Path, metrics_file.MetricsFile]) -> None:
    """Check that blocks can be joined.

    Raises ``InputError`` that names both files if two hold the same seed of a variant, if two blocks of one variant
    were trained with different configurations and so are not the same experiment, or if two of a study were trained or
    validated on different numbers of images though their settings of the data are the same.
    """
    owner: dict[tuple, Path] = {}
    configuration: dict[tuple, tuple[str, Path]] = {}
    images: dict[tuple, tuple[tuple, Path]] = {}
    for path, block in blocks.items():
        study, variant = name(block)
        digest = block.description["configuration_digest"]
        known, other = configuration.setdefault((study, variant), (digest, path))
        if known != digest:
            raise InputError(
                f"{path}: configuration of {study}/{variant} differs from that of {other}; retrain one of them"
            )
        data = json.dumps(block.description["configuration"].get("data"), sort_keys=True)
        counts = tuple(block.description.get(name) for name in ("training_images", "validation_images"))
        known_counts, other = images.setdefault((study, data), (counts, path))
        if known_counts != counts:
            raise InputError(
                f"{path}: of {_images(counts)}, where {other} is of {_images(known_counts)}; retrain one of them"
            )
        for seed in block.description["seeds"]:
            other = owner.setdefault((study, variant, seed), path)
            if other != path:
                raise InputError(
                    f"{path}: seed {seed} of {study}/{variant} is also in {other}; remove one of the two files"
                )


def _images(counts: tuple) -> str:
    return f"{counts[0]} training and {counts[1]} validation images"


def join(blocks: dict[Path, metrics_file.MetricsFile]) -> pd.DataFrame:
    """All rows of the blocks, with the columns of ``nist.metrics_file.SCHEMA``, one row a run and epoch.

    Raises ``InputError`` as ``check_together`` does.
    """
    check_together(blocks)
    frame = pd.concat([block.table.to_pandas() for block in blocks.values()], ignore_index=True)
    return frame.sort_values(KEYS, ignore_index=True)


def read(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Read, check and join metrics files; see ``read_blocks`` and ``join`` for the errors."""
    return join(read_blocks(paths))


def with_last_finite(runs: pd.DataFrame) -> pd.DataFrame:
    """The same rows; accuracies of an epoch whose loss is not finite are those of the run's last epoch before it.

    A network of NaN calls every image the same, and how often that is right says nothing of the run. A run whose loss
    was never finite keeps what is recorded.
    """
    finite = np.isfinite(runs[[*metrics_file.LOSSES]]).all(axis=1)
    if finite.all():
        return runs
    accuracies = runs[[*metrics_file.ACCURACIES]]
    known = accuracies.where(finite).groupby([runs[name] for name in (*GROUP, "seed")], sort=False).ffill()
    return runs.assign(**known.fillna(accuracies))


def count(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs of every variant: columns ``study``, ``variant``, ``n``, and ``n_diverged`` of them."""
    by_run = runs.groupby([*GROUP, "seed"], sort=False)["diverged"].any()
    return by_run.groupby(GROUP, sort=False).agg(n="size", n_diverged="sum").reset_index()


def last_epoch(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of every run's last epoch."""
    return runs[runs["epoch"] == runs.groupby(GROUP)["epoch"].transform("max")]

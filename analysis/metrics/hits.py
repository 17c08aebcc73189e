"""Which images each run of a study got right, as arrays by variant: see ``nist.correctness``."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.metrics import runs
from nist import correctness
from nist.metrics_file import MetricsFile


class Hits(NamedTuple):
    """Runs of one variant, by seed; arrays are boolean, of shape (runs, images)."""

    study: str
    variant: str
    seeds: list[int]
    scores: dict[str, np.ndarray]  # as of analysis.statistics.run_scores
    epochs: dict[int, np.ndarray]  # those that all runs kept


def of_blocks(blocks: dict[Path, MetricsFile]) -> Iterator[Hits]:
    """Variants all of whose runs kept their images, one at a time: they are many.

    ``blocks`` come from ``analysis.metrics.runs.read_blocks``. Raises ``InputError`` as ``check_together`` there and
    ``nist.correctness.read`` do.
    """
    by_variant: dict[tuple[str, str], list] = {}
    runs.check_together(blocks)
    for path, block in blocks.items():
        by_variant.setdefault(runs.name(block), []).append((path, block))
    for (study, variant), group in by_variant.items():
        found = [(path, block, correctness.read(path, block)) for path, block in group]
        if all(hits for *_, hits in found):
            yield _variant(study, variant, found)


def _variant(study: str, variant: str, found: list) -> Hits:
    hits = {key: each for *_, own in found for key, each in own.items()}
    rows = [row for _, block, _ in found for row in block.table.to_pylist()]
    read_at = correctness.score_epochs(rows)
    seeds = sorted(read_at)
    kept = set.intersection(*({epoch for seed, epoch in hits if seed == own} for own in seeds))
    return Hits(
        study,
        variant,
        seeds,
        {name: np.stack([hits[seed, read_at[seed][name]] for seed in seeds]) for name in correctness.SCORES},
        {epoch: np.stack([hits[seed, epoch] for seed in seeds]) for epoch in sorted(kept)},
    )

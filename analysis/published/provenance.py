"""Where published runs come from, as a page: what every metrics file says of itself, and nothing typed."""

import math
from collections.abc import Iterable

from analysis import formatting
from analysis.metrics import runs
from analysis.metrics.sessions import joules, versions
from analysis.published import replays
from nist.metrics_file import MetricsFile

HEADING = """# Provenance of the published metrics

Written by `make publish` from the metadata of the files; one row a file. Configuration and training code are the first
12 digits of their SHA-256. Seconds are those of all epochs of all runs. Joules are those of the GPU while they were
trained, with all else that ran on it; – where the device reports none, or before they were recorded. Both count a trunk
in every variant that shares it. Times are UTC.
"""
NOT_RECORDED = "–"
REPLAYS = """
## Replays

Published runs trained again, from their first epoch, and compared bit by bit, times apart. Differences are the largest
of all epochs; that of the peak is the replay's less the published run's. "Same" tells whether the replay had the
published run's device and so on, and what it had instead. Runs that a GPU advanced together may differ by rounding from
one that is replayed alone.

"""


def row(block: MetricsFile) -> dict[str, str]:
    """What a block says of where it comes from; every cell is text."""
    said = block.description
    return {
        "Variant": runs.name(block)[1],
        "Seeds": f"{min(said['seeds'])}–{max(said['seeds'])}",
        "Epochs": str(said["epochs"]),
        "Device": said["device"],
        "Precision": said["precision"],
        "Versions": versions(said),
        "Seconds": f"{math.fsum(block.table['seconds'].to_pylist()):.0f}",
        "Joules": NOT_RECORDED if (energy := joules(said)) is None else f"{energy:.0f}",
        "Started": said["started"][:19].replace("T", " "),
        "Ended": said["ended"][:19].replace("T", " "),
        "Configuration": said["configuration_digest"][:12],
        "Training code": said["training_code_digest"][:12],
        "Commit": _commit(said.get("commit")),
    }


def _commit(name: str | None) -> str:
    """A commit's first digits, and the plus that marks code which differed from it."""
    if name is None:  # trained outside a git checkout, or before commits were recorded
        return NOT_RECORDED
    return name[:12] + ("+" if name.endswith("+") else "")


def page(blocks: Iterable[MetricsFile], compared: Iterable[replays.Comparison] = ()) -> str:
    """The page as Markdown: a section a study, and in it a table of its blocks by variant and seed; replays last."""
    by_study: dict[str, list[dict]] = {}
    for block in sorted(blocks, key=lambda block: (runs.name(block), min(block.description["seeds"]))):
        by_study.setdefault(runs.name(block)[0], []).append(row(block))
    tables = [f"\n## {name}\n\n{formatting.markdown_table(rows)}\n" for name, rows in by_study.items()]
    replayed = [replays.words(one) for one in compared]
    return HEADING + "".join(tables) + (f"{REPLAYS}{formatting.markdown_table(replayed)}\n" if replayed else "")

"""``python -m analysis.coverage``: how often intervals miss the truth, by simulation; minutes."""

import argparse
import json
import os
import platform
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy
from pyarrow import parquet

from analysis.coverage import candidates, page, table
from analysis.statistics import intervals
from nist.errors import InputError, run

KEY, SEED, REPLICATIONS = b"coverage", 0, 2000


def simulated(replications: int, jobs: int) -> pd.DataFrame:
    """The whole table, ``table.COLUMNS``; the same whatever the number of ``jobs``."""
    cells = table.cells()
    seeds = np.random.SeedSequence(SEED).spawn(len(cells))
    with ProcessPoolExecutor(jobs) as pool:
        rows = pool.map(table.simulate, cells, repeat(replications), seeds)
        return pd.DataFrame(chain.from_iterable(rows), columns=table.COLUMNS)


def write(found: pd.DataFrame, path: Path, seconds: float) -> None:
    """Write the table as Parquet, with how it was made in its metadata."""
    git = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    made = {
        "command": "make calibration",
        "commit": commit or None,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__},
        "seed": SEED,
        "confidence": intervals.CONFIDENCE,
        "resamples": candidates.RESAMPLES,
    }
    block = pa.Table.from_pandas(found, preserve_index=False)
    parquet.write_table(block.replace_schema_metadata({**block.schema.metadata, KEY: json.dumps(made)}), path)


def main(argv: list[str] | None = None) -> None:
    """Simulate runs of known truth, and count how often each interval of each quantity misses it."""
    parser = argparse.ArgumentParser(prog="python -m analysis.coverage", description=main.__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS, help="of each cell")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("-o", "--output", type=Path, default=intervals.PATH, help="Parquet file")
    parser.add_argument("--page", type=Path, help="Markdown page whose tables are made anew")
    arguments = parser.parse_args(argv)
    if min(arguments.replications, arguments.jobs) < 1:
        raise InputError("--replications, --jobs: give at least 1")
    started = time.monotonic()
    found = simulated(arguments.replications, arguments.jobs)
    write(found, arguments.output, time.monotonic() - started)
    if arguments.page:
        text = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(page.refreshed(text, found), encoding="utf-8")


if __name__ == "__main__":
    run(main)

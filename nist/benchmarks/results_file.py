"""Files of measurements, with where they were made in the Parquet metadata; no torch."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from nist.errors import InputError
from nist.runtime.files import replacing

MAKES = "make bench writes it"
COLUMNS = {"network", "candidate"}
WHERE = {"device", "threads", "torch", "measured"}


def write(path: Path, rows: list[dict], where: dict[str, str]) -> None:
    """Write measurements, and ``where`` they were made: kind, device, threads, torch, python, measured."""
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(where), temporary)


def read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read a file of ``write``. Raises ``InputError`` for one that is missing or not of ``nist.benchmarks.layers``."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; {MAKES}")
    try:
        table = pq.read_table(path)
        where = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        frame = table.to_pandas()
    except Exception as error:  # of damaged files pyarrow raises its own, OSError, UnicodeDecodeError and more
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a Parquet file ({reason}); {MAKES}") from None
    missing = sorted(COLUMNS - {*frame.columns}) + sorted(WHERE - where.keys())
    if missing:
        raise InputError(f"{path}: not a benchmark ({', '.join(missing)} missing); {MAKES}")
    return frame, where

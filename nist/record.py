"""The metrics contract: one Parquet file a block of seeds, one row a run and epoch.

It joins the two halves of the project and needs neither torch nor pandas. A file says what it holds in its
``nist`` key-value metadata (JSON): the version of this contract, the resolved configuration and its digest, the digest
of the training code, seeds, epochs, library versions, device, precision, start and end, parameter counts, and a
checksum of the rows.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from nist import digest
from nist.errors import InputError
from nist.files import replacing

CONTRACT = 1  # goes up with every change of what columns or metadata mean
SCHEMA = pa.schema(
    [
        ("study", pa.string()),
        ("variant", pa.string()),
        ("model", pa.string()),
        ("dataset", pa.string()),
        ("seed", pa.int64()),
        ("epoch", pa.int64()),  # from 1
        ("train_loss", pa.float64()),  # mean over the epoch's images, as trained (running; assumption U49)
        ("train_accuracy", pa.float64()),  # fraction, likewise
        ("val_loss", pa.float64()),
        ("val_accuracy", pa.float64()),  # fraction, at the end of the epoch, before a prune that follows it
        ("learning_rate", pa.float64()),
        ("active_weights", pa.int64()),  # of the head, biases not counted, as trained in this epoch
        ("sparsity", pa.float64()),  # of the head
        ("seconds", pa.float64()),  # wall clock of the epoch, validation included; of runs in a stack, their share
        ("diverged", pa.bool_()),  # a loss has been NaN or infinite in this epoch or before
    ]
)
LOSSES = ("train_loss", "val_loss")
ACCURACIES = ("train_accuracy", "val_accuracy")
KEY = b"nist"


class Block(NamedTuple):
    """The rows of a metrics file, sorted by seed and epoch, and its description."""

    table: pa.Table
    description: dict


def write(path: Path | str, rows: list[dict], description: dict) -> None:
    """Write the rows of one block, one dictionary a run and epoch, atomically.

    ``description`` needs ``configuration``, ``seeds`` and ``epochs``; the version of the contract, the configuration's
    digest and the checksum are added here. Raises ``InputError`` if the rows break the contract, ``OSError`` if the
    disk refuses; whatever stood at ``path`` before is then untouched.
    """
    table = pa.Table.from_pylist(rows, schema=SCHEMA).sort_by([("seed", "ascending"), ("epoch", "ascending")])
    description = {
        **description,
        "contract": CONTRACT,
        "configuration_digest": digest.of_configuration(description["configuration"]),
        "checksum": _checksum(table),
    }
    _check(Path(path), table, description)
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata({KEY: json.dumps(description)}), temporary)


def read(path: Path | str) -> Block:
    """Read and check one metrics file. Raises ``InputError`` that names the file and what is wrong with it."""
    path = Path(path)
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such metrics file") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a whole Parquet file ({_first_line(error)})") from None
    description = _description(table.schema.metadata or {})
    # Files from before there was a version are of version 1. It comes first: another one may well have other columns.
    if description and description.get("contract", 1) != CONTRACT:
        found = description["contract"]
        raise InputError(f"{path}: version {found} of the metrics contract; this code reads version {CONTRACT}")
    table = table.replace_schema_metadata(None)
    if not table.schema.equals(SCHEMA):
        raise InputError(f"{path}: columns are not those of the metrics contract: {_difference(table.schema)}")
    if description is None:
        raise InputError(f"{path}: no readable 'nist' metadata, so nothing says which runs these are")
    _check(path, table, description)
    return Block(table, description)


def _description(metadata: dict[bytes, bytes]) -> dict | None:
    try:
        content = json.loads(metadata[KEY])
    except (KeyError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _check(path: Path, table: pa.Table, description: dict) -> None:
    missing = {"configuration", "configuration_digest", "seeds", "epochs", "checksum"} - description.keys()
    if missing:
        raise InputError(f"{path}: metadata lacks {', '.join(sorted(missing))}")
    _check_rows(path, table, description["seeds"], description["epochs"])
    _check_values(path, table)
    if digest.of_configuration(description["configuration"]) != description["configuration_digest"]:
        raise InputError(f"{path}: the configuration does not match its digest; the metadata was altered")
    if _checksum(table) != description["checksum"]:
        raise InputError(f"{path}: the rows do not match their checksum; the file was altered")


def _check_rows(path: Path, table: pa.Table, seeds: list[int], epochs: int) -> None:
    present = list(zip(table["seed"].to_pylist(), table["epoch"].to_pylist(), strict=True))
    expected = [(seed, epoch) for seed in sorted(seeds) for epoch in range(1, epochs + 1)]
    if present == expected:
        return
    missing = sorted(set(expected) - set(present))
    if missing:
        seed, epoch = missing[0]
        raise InputError(f"{path}: seed {seed} lacks epoch {epoch} ({len(missing)} of {len(expected)} rows missing)")
    raise InputError(f"{path}: {len(present)} rows where {len(expected)} belong, or rows out of order")


def _check_values(path: Path, table: pa.Table) -> None:
    for row in table.select(["seed", "epoch", "diverged", *LOSSES, *ACCURACIES]).to_pylist():
        where = f"{path}: seed {row['seed']}, epoch {row['epoch']}"
        if None in row.values():
            raise InputError(f"{where}: a value is missing")
        if not row["diverged"] and not all(math.isfinite(row[name]) for name in LOSSES):
            raise InputError(f"{where}: a loss is not finite, but the run is not flagged as diverged")
        for name in ACCURACIES:
            if not 0 <= row[name] <= 1:
                raise InputError(f"{where}: {name} is {row[name]}, not a fraction in [0, 1]")


def _checksum(table: pa.Table) -> str:
    """SHA-256 over the values of every column; independent of how Parquet encodes them."""
    total = hashlib.sha256()
    for name in table.column_names:
        values = table[name].to_pylist()
        total.update(json.dumps([name, values]).encode())
    return total.hexdigest()


def _difference(schema: pa.Schema) -> str:
    found, wanted = ({f"{field.name}: {field.type}" for field in one} for one in (schema, SCHEMA))
    parts = [f"missing {', '.join(sorted(wanted - found))}"] if wanted - found else []
    parts += [f"unexpected {', '.join(sorted(found - wanted))}"] if found - wanted else []
    return "; ".join(parts) or "order differs"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

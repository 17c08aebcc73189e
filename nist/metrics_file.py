"""The metrics contract: one Parquet file a block of seeds, one row a run and epoch.

It joins the two halves of the project and needs neither torch nor pandas. A file says what it holds in its
``nist`` key-value metadata (JSON): the version of this contract, the resolved configuration and its digest, the digest
of the training code, seeds, epochs, library versions, device, precision, start and end, parameter counts, and a
checksum of the rows.
"""

import hashlib
import json
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nist import digest
from nist.errors import InputError, first_line
from nist.runtime.files import replacing

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
        ("active_weights", pa.int64()),  # where NIST sparsifies, biases not counted, as trained in this epoch
        ("sparsity", pa.float64()),  # of these layers
        ("seconds", pa.float64()),  # wall clock of the epoch, validation included; of runs in a stack, their share
        ("diverged", pa.bool_()),  # a loss has been NaN or infinite in this epoch or before
    ]
)
LOSSES = ("train_loss", "val_loss")
ACCURACIES = ("train_accuracy", "val_accuracy")
KEY = b"nist"
LARGEST_COUNT = 2**53  # images; what a float64 can count
LARGEST = 10**6  # seeds are below, epochs at most; as nist.studies.study and its schema have it


class MetricsFile(NamedTuple):
    """The rows of a metrics file, sorted by seed and epoch, and its description."""

    table: pa.Table
    description: dict


def write(path: Path | str, rows: list[dict], description: dict) -> None:
    """Write the rows of one block, one dictionary a run and epoch, atomically.

    ``description`` needs ``configuration``, ``seeds`` and ``epochs``; the version of the contract, the configuration's
    digest and the checksum are added here. Raises ``InputError`` if the rows break the contract, ``OSError`` if the
    disk refuses; whatever stood at ``path`` before is then untouched.
    """
    content = as_table(rows)
    _check_content(Path(path), content, description)
    description = {
        **description,
        "contract": CONTRACT,
        "configuration_digest": digest.of_configuration(description["configuration"]),
        "checksum": checksum(content),
    }
    with replacing(path) as temporary:
        pq.write_table(content.replace_schema_metadata({KEY: json.dumps(description)}), temporary)


def as_table(rows: list[dict]) -> pa.Table:
    """Rows, one dictionary a run and epoch, as a table sorted by run and epoch; unknown keys are left out."""
    return pa.Table.from_pylist(rows, schema=SCHEMA).sort_by([("seed", "ascending"), ("epoch", "ascending")])


def read(path: Path | str) -> MetricsFile:
    """Read and check one metrics file. Raises ``InputError`` that names the file and what is wrong with it.

    Accuracies are exact fractions of the images that they count, though a file may be off by a last bit.
    """
    path = Path(path)
    try:
        with pq.ParquetFile(path) as file:  # pq.read_table would make a data set of it, in twice the time
            table = file.read()
        table.validate(full=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such metrics file") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise InputError(f"{path}: not a whole Parquet file ({first_line(error)})") from None
    description = _description(table.schema.metadata or {})
    # The version comes first: another one may well have other columns.
    if description and description.get("contract") != CONTRACT:
        found = description.get("contract")
        raise InputError(f"{path}: version {found} of the metrics contract; this code reads version {CONTRACT}")
    table = table.replace_schema_metadata(None)
    if not table.schema.equals(SCHEMA):
        raise InputError(f"{path}: columns are not those of the metrics contract: {_difference(table.schema)}")
    if description is None:
        raise InputError(f"{path}: no readable 'nist' metadata, so nothing says which runs these are")
    _check(path, table, description)
    return MetricsFile(_exact(table, description), description)


def _exact(table: pa.Table, description: dict) -> pa.Table:
    """Accuracies as count / images: a GPU multiplied by a reciprocal, and equal counts became different numbers."""
    for name, images in _images(description).items():
        stated = table[name].to_numpy()
        exact = np.round(stated * images) / images
        near = np.abs(exact - stated) <= 4 * np.spacing(stated)
        table = table.set_column(table.column_names.index(name), name, pa.array(np.where(near, exact, stated)))
    return table


def _images(description: dict) -> dict[str, int]:
    """How many images each accuracy is a fraction of, as far as the description says it."""
    try:
        settings, trained = description["configuration"]["training"], description["training_images"]
        trained -= trained % settings["batch_size"] if settings["drop_last"] else 0
        found = {"train_accuracy": trained, "val_accuracy": description["validation_images"]}
    except (KeyError, TypeError, ArithmeticError):
        return {}
    return {name: images for name, images in found.items() if type(images) is int and 0 < images <= LARGEST_COUNT}


def stated_digest(path: Path | str) -> str | None:
    """The digest of the configuration that a metrics file says it has; ``None`` if it says nothing. No row is read."""
    try:
        metadata = pq.read_schema(path).metadata
    except (pa.ArrowException, OSError, UnicodeError):
        return None
    return (_description(metadata or {}) or {}).get("configuration_digest")


def _description(metadata: dict[bytes, bytes]) -> dict | None:
    try:
        content = json.loads(metadata[KEY])
    except (KeyError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _check(path: Path, table: pa.Table, description: dict) -> None:
    missing = {"configuration", "configuration_digest", "seeds", "epochs", "checksum"} - description.keys()
    if missing:
        raise InputError(f"{path}: metadata lacks {', '.join(sorted(missing))}")
    _check_types(path, description)
    _check_content(path, table, description)
    if digest.of_configuration(description["configuration"]) != description["configuration_digest"]:
        raise InputError(f"{path}: the configuration does not match its digest; the metadata was altered")
    if checksum(table) != description["checksum"]:
        raise InputError(f"{path}: the rows do not match their checksum; the file was altered")


def _check_types(path: Path, description: dict) -> None:
    """Of what the checks of the rows rely on."""
    seeds, epochs = description["seeds"], description["epochs"]
    if not (isinstance(seeds, list) and all(type(seed) is int and 0 <= seed < LARGEST for seed in seeds)):
        raise InputError(f"{path}: metadata: seeds is no list of whole numbers from 0")
    if not (type(epochs) is int and 0 < epochs <= LARGEST):
        raise InputError(f"{path}: metadata: epochs is no whole number from 1")
    try:
        digest.of_configuration(description["configuration"])
    except ValueError:
        raise InputError(f"{path}: metadata: the configuration has a number that is none") from None


def _check_content(path: Path, table: pa.Table, description: dict) -> None:
    _check_rows(path, table, description["seeds"], description["epochs"])
    _check_values(path, table)


def _check_rows(path: Path, table: pa.Table, seeds: list[int], epochs: int) -> None:
    present, wanted = np.stack([table[name].to_numpy() for name in ("seed", "epoch")]), len(seeds) * epochs
    if len(table) == wanted:  # the metadata may promise more than the memory holds
        expected = np.stack([np.repeat(sorted(seeds), epochs), np.tile(np.arange(1, epochs + 1), len(seeds))])
        if np.array_equal(present, expected):
            return
    there = set(zip(*present.tolist(), strict=True))
    missing = next((pair for pair in product(sorted(seeds), range(1, epochs + 1)) if pair not in there), None)
    if missing:
        known = set(seeds)
        lacking = wanted - sum(seed in known and 1 <= epoch <= epochs for seed, epoch in there)
        raise InputError(f"{path}: seed {missing[0]} lacks epoch {missing[1]} ({lacking} of {wanted} rows missing)")
    raise InputError(f"{path}: {len(table)} rows where {wanted} belong, or rows out of order")


def _check_values(path: Path, table: pa.Table) -> None:
    for name in table.column_names:
        absent = table[name].is_null().to_numpy()
        if absent.any():
            raise InputError(f"{_place(path, table, absent)}: {name}: a value is missing")
    flagged = table["diverged"].to_numpy()
    for name in LOSSES:
        lost = ~np.isfinite(table[name].to_numpy()) & ~flagged
        if lost.any():
            raise InputError(
                f"{_place(path, table, lost)}: a loss is not finite, but the run is not flagged as diverged"
            )
    for name in ACCURACIES:
        values = table[name].to_numpy()
        off = ~((values >= 0) & (values <= 1))
        if off.any():
            raise InputError(f"{_place(path, table, off)}: {name} is {values[off.argmax()]}, not a fraction in [0, 1]")


def _place(path: Path, table: pa.Table, where: np.ndarray) -> str:
    """The file, and the seed and epoch of the first row that ``where`` marks."""
    first = int(where.argmax())
    return f"{path}: seed {table['seed'][first]}, epoch {table['epoch'][first]}"


def checksum(table: pa.Table) -> str:
    """SHA-256 over the values of every column; independent of how Parquet encodes them.

    Numbers count as little-endian 64-bit ones, texts as the different ones in order of appearance and where they stand.
    """
    total = hashlib.sha256()
    for name in table.column_names:
        column = table[name]
        texts = []
        if pa.types.is_string(column.type):
            encoded = column.combine_chunks().dictionary_encode()
            texts, column = encoded.dictionary.to_pylist(), encoded.indices
        total.update(json.dumps([name, texts, len(column)]).encode())
        values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
        total.update(np.ascontiguousarray(values, dtype="<f8" if values.dtype.kind == "f" else "<i8").tobytes())
    return total.hexdigest()


def _difference(schema: pa.Schema) -> str:
    found, wanted = ({f"{field.name}: {field.type}" for field in one} for one in (schema, SCHEMA))
    parts = [f"missing {', '.join(sorted(wanted - found))}"] if wanted - found else []
    parts += [f"unexpected {', '.join(sorted(found - wanted))}"] if found - wanted else []
    return "; ".join(parts) or "order differs"

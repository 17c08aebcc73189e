"""Which validation images each run got right, one bit an image: a file beside a block's metrics, optional for readers.

``seeds0-1.correct.parquet`` belongs to ``seeds0-1.parquet``: it states the checksum of those metrics, and its bits add
up to their accuracies. One row a run and epoch; a study says whether of every epoch, else of three a run.
"""

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nist import metrics_file
from nist.errors import InputError, first_line
from nist.metrics_file import MetricsFile
from nist.runtime.files import replacing

CONTRACT = 1  # goes up with every change of what columns or metadata mean
COLUMN = "correct"
SCORES = ("peak", "peak_final", "last")
SUFFIX = f".{COLUMN}.parquet"
SCHEMA = pa.schema([("seed", pa.int64()), ("epoch", pa.int64()), (COLUMN, pa.binary())])  # eight images a byte
KEY = b"nist-correct"


def path_of(metrics: Path) -> Path:
    """The file beside a metrics file."""
    return metrics.with_suffix(SUFFIX)


def packed(hits: np.ndarray) -> str:
    """What a row of a run keeps of an epoch, as text: ``hits`` is boolean, one an image, in the order of the images."""
    return base64.b64encode(np.packbits(hits).data).decode()


def write(metrics: Path, rows: list[dict], images: int, every_epoch: bool) -> None:
    """Write the file beside ``metrics``, which is to hold ``rows``, atomically; each row has its ``packed`` bits.

    ``images`` is their number; without ``every_epoch`` only the rows of ``score_epochs`` are kept. Raises ``OSError``
    if the disk refuses.
    """
    bits = {(row["seed"], row["epoch"]): np.frombuffer(base64.b64decode(row[COLUMN]), np.uint8) for row in rows}
    kept = bits if every_epoch else {(seed, epoch) for seed, at in score_epochs(rows).items() for epoch in at.values()}
    write_hits(metrics, rows, {key: np.unpackbits(bits[key], count=images) for key in kept})


def write_hits(metrics: Path, rows: list[dict], hits: dict[tuple[int, int], np.ndarray]) -> None:
    """Write the file beside ``metrics``, which is to hold ``rows``, of ``hits`` as ``read`` returns them."""
    own = [(*key, np.packbits(each).tobytes()) for key, each in sorted(hits.items())]
    table = pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in own], schema=SCHEMA)
    description = {
        "contract": CONTRACT,
        "images": len(next(iter(hits.values()))),
        "metrics": metrics_file.checksum(metrics_file.as_table(rows)),
        "checksum": _checksum(table),
    }
    with replacing(path_of(metrics)) as temporary:
        pq.write_table(table.replace_schema_metadata({KEY: json.dumps(description)}), temporary)


def score_epochs(rows: list[dict]) -> dict[int, dict[str, int]]:
    """By seed, the epoch of each of ``SCORES``: see ``analysis.statistics.run_scores``; the first of equal peaks."""
    runs: dict[int, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["epoch"]):
        runs.setdefault(row["seed"], []).append(row)
    return {seed: _readings(run) for seed, run in runs.items()}


def _readings(run: list[dict]) -> dict[str, int]:
    final = [row for row in run if row["active_weights"] == run[-1]["active_weights"]]
    peak, peak_final = (max(each, key=lambda row: row["val_accuracy"])["epoch"] for each in (run, final))
    return dict(zip(SCORES, (peak, peak_final, run[-1]["epoch"]), strict=True))


def read(metrics: Path, block: MetricsFile) -> dict[tuple[int, int], np.ndarray] | None:
    """Boolean hits, shape (images,), by seed and epoch; ``None`` where there is no file beside ``metrics``.

    ``block`` is what ``nist.metrics_file.read`` made of ``metrics``. Raises ``InputError`` that names the file if it is
    damaged, belongs to other metrics, or does not add up to their accuracies.
    """
    path = path_of(metrics)
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)
        stated = json.loads(table.schema.metadata[KEY])
        version, images = stated["contract"], stated["images"]
        sums = stated["metrics"], stated["checksum"]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a whole file of correct images ({first_line(error)})") from None
    if version != CONTRACT:
        raise InputError(f"{path}: version {version} of its contract; this code reads version {CONTRACT}")
    table = table.replace_schema_metadata(None)
    if not table.schema.equals(SCHEMA):
        raise InputError(f"{path}: its columns are not {', '.join(SCHEMA.names)}")
    if sums[1] != _checksum(table):
        raise InputError(f"{path}: the rows do not match their checksum; the file was altered")
    if sums[0] != block.description["checksum"]:
        raise InputError(f"{path}: belongs to other metrics than {metrics} holds; remove it, or put those back")
    if images != block.description.get("validation_images"):
        raise InputError(f"{path}: {images} images, where {metrics} says {block.description.get('validation_images')}")
    return _hits(path, table, block, images)


def _hits(path: Path, table: pa.Table, block: MetricsFile, images: int) -> dict[tuple[int, int], np.ndarray]:
    keys = [tuple(row.values()) for row in block.table.select(["seed", "epoch"]).to_pylist()]
    accuracies = dict(zip(keys, block.table["val_accuracy"].to_pylist(), strict=True))
    found = {}
    for row in table.to_pylist():
        key, bits = (row["seed"], row["epoch"]), np.frombuffer(row[COLUMN], np.uint8)
        if len(bits) != -(-images // 8) or accuracies.get(key) != np.bitwise_count(bits).sum() / images:
            raise InputError(f"{path}: seed {key[0]}, epoch {key[1]}: the images do not add up to the accuracy")
        found[key] = np.unpackbits(bits, count=images).astype(bool)
    return found


def _checksum(table: pa.Table) -> str:
    total = hashlib.sha256()
    for row in table.to_pylist():
        total.update(json.dumps([row["seed"], row["epoch"]]).encode() + (row[COLUMN] or b""))
    return total.hexdigest()

"""Parquet shards of encoded images: their labels, and their images read forward in little memory.

A shard has a struct column ``image`` or ``img`` of ``{bytes, path}`` with the encoded image, and an integer column
``label``.
"""

import io
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nist.errors import InputError, first_line

IMAGE_COLUMNS = ("image", "img")
BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null)  # null where no row has any
BATCH = 64  # rows that are unpacked at once
BUFFER = 2**20  # bytes that are read at once

Encoded = tuple[str, BinaryIO]  # an image's name in messages, and a file to open


class RowGroup(NamedTuple):
    """A part of a shard that can be read on its own; ``first`` is the shard's row that it begins with."""

    shard: Path
    column: str
    group: int
    first: int
    rows: int

    def images(self) -> Iterator[Encoded]:
        """Its images in order. Raises ``InputError`` that names the row if one has no bytes."""
        # Without both options the column is held whole: pages are read one by one only through a buffer.
        with reading(self.shard), pq.ParquetFile(self.shard, pre_buffer=False, buffer_size=BUFFER) as file:
            batches = file.iter_batches(BATCH, row_groups=[self.group], columns=[self.column])
            images = (image for batch in batches for image in batch[self.column].to_pylist())
            for row, image in enumerate(images, start=self.first):
                name = f"{self.shard}: row {row}"
                yield name, io.BytesIO(_bytes(name, image))


class Rows:
    """The images of shards, by ranges of rows counted over all of them.

    A range that begins where the last one ended goes on from there, so that no row group is read twice.
    """

    def __init__(self, shards: list[Path]) -> None:
        self.groups = [group for shard in shards for group in row_groups(shard)]
        self._ends = [*accumulate(group.rows for group in self.groups)]
        self._open, self._at = -1, 0  # a row group, and the row that it gives next
        self._images: Iterator[Encoded] = iter(())

    def __call__(self, start: int, stop: int) -> Iterator[Encoded]:
        """Images of the rows from ``start`` to ``stop``, which is left out. Errors as ``RowGroup.images``'s."""
        while start < stop:
            group = bisect_right(self._ends, start)
            if group != self._open or start < self._at:
                self._open, self._at = group, self._ends[group] - self.groups[group].rows
                self._images = self.groups[group].images()
            end = min(stop, self._ends[group])
            yield from islice(self._images, start - self._at, end - self._at)
            self._at = start = end


def row_groups(shard: Path) -> list[RowGroup]:
    """The row groups of a shard. Raises ``InputError`` for a damaged file or other columns."""
    with reading(shard), pq.ParquetFile(shard) as file:
        column = _image_column(shard, file.schema_arrow)
        rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [RowGroup(shard, column, group, sum(rows[:group]), count) for group, count in enumerate(rows)]


def labels_of(shard: Path, n_classes: int) -> np.ndarray:
    """Labels as int64 of shape (n,). Raises ``InputError`` for the first that is no class."""
    with reading(shard):
        labels = pq.read_table(shard, columns=["label"])["label"].to_pylist()
    for row, label in enumerate(labels):
        if not (isinstance(label, int) and 0 <= label < n_classes):
            raise InputError(f"{shard}: row {row}: label {label}; expected an integer from 0 to {n_classes - 1}")
    return np.array(labels, dtype=np.int64)


@contextmanager
def reading(shard: Path) -> Iterator[None]:
    """Raise ``InputError`` for a damaged file, of which pyarrow raises its own errors, OSError, UnicodeDecodeError …"""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{shard}: not a whole Parquet file ({first_line(error)}); fetch it again") from None


def _image_column(shard: Path, schema: pa.Schema) -> str:
    """Name of the column of encoded images. Raises ``InputError`` unless the columns are the public layout's."""
    column = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
    if column is None or "label" not in schema.names:
        raise InputError(f"{shard}: columns {schema.names}; expected 'image' or 'img', and 'label'")
    kind = schema.field(column).type
    place = kind.get_field_index("bytes") if pa.types.is_struct(kind) else -1
    if place < 0 or not any(holds(kind.field(place).type) for holds in BYTES):
        raise InputError(f"{shard}: column {column!r} should be a struct of bytes and path, as published")
    return column


def _bytes(name: str, image: dict | None) -> bytes:
    image = image or {}
    if not image.get("bytes") and image.get("path"):
        raise InputError(f"{name}: a path ({image['path']}) and no bytes; embed the images in the shard")
    if not image.get("bytes"):
        raise InputError(f"{name}: no image; expected its encoded bytes")
    return image["bytes"]

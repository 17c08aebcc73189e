"""Row groups of any size are read once, in little memory; a row without an image is named."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nist.data import memmap_cache, parquet, shards
from nist.data.catalog import Dataset
from nist.errors import InputError
from tests.nist.data.folders.pictures import SIZE, encoded, load, write_shard

TOY = Dataset("toy", (SIZE, SIZE, 3), ("a", "b", "c"), None, None)


@pytest.fixture
def opened(monkeypatch):
    """Row groups that are read from now on."""
    noted = []
    iter_batches = pq.ParquetFile.iter_batches

    def note(file, batch_size, row_groups, columns):
        noted.extend(row_groups)
        return iter_batches(file, batch_size, row_groups=row_groups, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", note)
    return noted


@pytest.fixture
def numbered(tmp_path):
    """Two shards with rows of bytes 0 … 9 and 10 … 15, in row groups of four."""
    paths = [tmp_path / f"train-{index}.parquet" for index in range(2)]
    for path, rows in zip(paths, (range(10), range(10, 16)), strict=True):
        write_shard(path, [bytes([row]) for row in rows], [0] * len(rows), row_group_size=4)
    return shards.Rows(paths)


def contents(images):
    return [file.read()[0] for _, file in images]


def test_ranges_in_order_read_each_row_group_once(numbered, opened):
    for size in (1, 3, 16):
        opened.clear()
        ranges = [(start, min(start + size, 16)) for start in range(0, 16, size)]
        assert [row for each in ranges for row in contents(numbered(*each))] == [*range(16)]
        assert opened == [0, 1, 2, 0, 1]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(13, 16)], [0, 1]),  # the row groups of the range and no other
        ([(0, 2), (3, 4), (9, 10)], [0, 2]),  # forward in a row group, and over one
        ([(2, 4), (0, 2)], [0, 0]),  # back
    ],
)
def test_any_range_can_be_read(numbered, opened, ranges, expected):
    assert [contents(numbered(*each)) for each in ranges] == [[*range(*each)] for each in ranges]
    assert opened == expected


def test_rows_are_named_as_their_shard_counts_them(numbered):
    names = [name.rpartition("/")[2] for name, _ in numbered(8, 12)]
    assert names == [f"train-{shard}.parquet: row {row}" for shard, row in ((0, 8), (0, 9), (1, 0), (1, 1))]


def test_a_cache_is_made_of_one_pass_over_a_large_row_group(shard_root, arrays, opened, monkeypatch):
    images = [pixels for name in ("n01", "n02", "n10") for pixels in arrays[name]]
    for path in (shard_root / "toy").glob("train-*"):
        path.unlink()
    labels = np.repeat([0, 1, 2], 6)
    write_shard(shard_root / "toy/train-00000-of-00001.parquet", [encoded(pixels) for pixels in images], labels)
    monkeypatch.setattr(memmap_cache, "AT_ONCE", 2)
    np.testing.assert_array_equal(load(shard_root).train_images, np.stack(images))
    assert opened == [0, 0]  # one of each split


def test_a_large_row_group_is_not_held_in_memory(tmp_path):
    rng, row, rows = np.random.default_rng(0), 10_000, 4_000
    write_shard(tmp_path / "train-0.parquet", [rng.bytes(row) for _ in range(rows)], [0] * rows)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in shards.Rows([tmp_path / "train-0.parquet"])(0, rows)]
    assert len(held) == rows
    assert max(held) < row * rows  # pages, of 1,024 rows here, and not the column


EMBED = "a path (images/1.png) and no bytes; embed the images in the shard"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"bytes": None, "path": "images/1.png"}, EMBED),
        ({"bytes": b"", "path": "images/1.png"}, EMBED),
        ({"bytes": None, "path": None}, "no image; expected its encoded bytes"),
        (None, "no image; expected its encoded bytes"),
        ({"bytes": b"GIF", "path": ""}, "not a readable image (no format that Pillow knows); fetch it again"),
    ],
)
def test_a_row_without_an_image_is_named_by_both_readers(shard_root, arrays, image, expected):
    path = shard_root / "toy/train-00001-of-00002.parquet"
    rows = [{"bytes": encoded(arrays["n01"][0]), "path": ""}, image]
    pq.write_table(pa.table({"image": rows, "label": [1, 2]}), path)
    for read in (lambda: load(shard_root), lambda: parquet.decode(TOY, "train", [path])):
        with pytest.raises(InputError) as error:
            read()
        assert str(error.value) == f"{path}: row 1: {expected}"

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from nist import correctness, metrics_file
from nist.errors import InputError

IMAGES = 50  # as the description of the fixture has it; not a multiple of eight
RNG = np.random.default_rng(0)
HITS = RNG.random((2, 4, IMAGES)) < np.array([0.2, 0.6, 0.6, 0.5])[:, np.newaxis]
HITS[:, 2] = HITS[:, 1, ::-1]  # equal peaks


@pytest.fixture
def with_hits(make_rows):
    """Rows as a block makes them: two seeds, four epochs, pruned after the first two."""

    def trained(hits):
        rows = make_rows(HITS.mean(2), active=[10, 10, 5, 5])
        epochs = hits.reshape(len(rows), -1)
        return [row | {"correct": correctness.packed(each)} for row, each in zip(rows, epochs, strict=True)]

    return trained


@pytest.fixture
def trained(with_hits):
    """Those of ``HITS``."""
    return with_hits(HITS)


@pytest.fixture
def write(trained, description, tmp_path):
    """Write metrics and what lies beside them; the path of the metrics."""

    def write(every_epoch=True, rows=trained, images=IMAGES):
        path = tmp_path / "seeds0-1.parquet"
        correctness.write(path, rows, images, every_epoch)
        metrics_file.write(path, trained, description(range(2), 4, validation_images=IMAGES))
        return path

    return write


def read(path):
    return correctness.read(path, metrics_file.read(path))


def test_what_is_written_is_read_back(write):
    found = read(write())
    assert [*found] == [(seed, epoch) for seed in range(2) for epoch in range(1, 5)]
    np.testing.assert_array_equal(list(found.values()), HITS.reshape(-1, IMAGES))


def test_otherwise_the_first_peaks_and_the_last_epoch_are_kept(write):
    assert [*read(write(every_epoch=False))] == [(seed, epoch) for seed in range(2) for epoch in (2, 3, 4)]


def test_rows_may_come_in_any_order(write, trained):
    assert [*read(write(rows=trained[::-1]))] == [(seed, epoch) for seed in range(2) for epoch in range(1, 5)]


def test_it_lies_beside_the_metrics_an_eighth_of_a_byte_an_image(write):
    path = write()
    assert correctness.path_of(path).name == "seeds0-1.correct.parquet"
    assert {len(row["correct"]) for row in pq.read_table(correctness.path_of(path)).to_pylist()} == {7}


def test_metrics_without_it_are_read_without(write):
    path = write()
    correctness.path_of(path).unlink()
    assert read(path) is None


def rewritten(path, table=lambda table: table, **changes):
    """The file with another table or description, all checksums of which are right."""
    content = pq.read_table(path)
    description = json.loads(content.schema.metadata[correctness.KEY])
    content = table(content.replace_schema_metadata(None))
    if content.schema.equals(correctness.SCHEMA):
        description["checksum"] = correctness._checksum(content)
    description |= changes
    pq.write_table(content.replace_schema_metadata({correctness.KEY: json.dumps(description)}), path)


def flipped(table):
    """The first image of the first row the other way round."""
    bits = table["correct"].to_pylist()
    bits[0] = bytes([bits[0][0] ^ 128]) + bits[0][1:]
    return table.set_column(2, "correct", [bits])


def longer(table):
    """Eight wrong images more in every row."""
    return table.set_column(2, "correct", [[bits + b"\0" for bits in table["correct"].to_pylist()]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(b""), "not a whole file of correct images"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "not a whole file of correct images"),
        (lambda path: pq.write_table(pq.read_table(path).replace_schema_metadata(None), path), "not a whole file"),
        (lambda path: rewritten(path, contract=2), "version 2 of its contract; this code reads version 1"),
        (lambda path: rewritten(path, checksum="0"), "the rows do not match their checksum; the file was altered"),
        (lambda path: rewritten(path, metrics="0"), "belongs to other metrics than .*seeds0-1.parquet holds"),
        (lambda path: rewritten(path, images=51), "51 images, where .* says 50"),
        (lambda path: rewritten(path, longer), "seed 0, epoch 1: the images do not add up to the accuracy"),
        (lambda path: rewritten(path, flipped), "seed 0, epoch 1: the images do not add up to the accuracy"),
        (lambda path: rewritten(path, lambda table: table.drop_columns("epoch")), "its columns are not seed, epoch, c"),
    ],
)
def test_what_is_no_longer_what_training_wrote_is_named(write, change, message):
    path = write()
    change(correctness.path_of(path))
    with pytest.raises(InputError, match=f"seeds0-1.correct.parquet: .*{message}"):
        read(path)

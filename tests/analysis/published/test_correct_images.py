"""Which images runs got right, published beside their metrics."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.metrics import reuse
from analysis.published import add, store
from nist import correctness, metrics_file
from nist.errors import InputError
from nist.studies import study
from nist.studies.trained import OWN
from tests.analysis.published.folder import write_study

IMAGES = 50
DENSE = "metrics/small/dense/seeds0-1.correct.parquet"


def hits(block, seeds=None):
    """Images that fit the accuracies of a block."""
    rows = block.table.to_pylist()
    chosen = [row for row in rows if seeds is None or row["seed"] in seeds]
    return {(row["seed"], row["epoch"]): np.arange(IMAGES) < round(IMAGES * row["val_accuracy"]) for row in chosen}


@pytest.fixture
def train_with_images(train):
    """Write what training a block would, with which images it got right."""

    def write(*args, **more):
        path = train(*args, **more)
        block = metrics_file.read(path)
        rows = block.table.to_pylist()  # whose accuracies are exact, as training's are
        correctness.write_hits(path, rows, hits(block))
        metrics_file.write(path, rows, block.description)
        return path

    return write


def read(path):
    return correctness.read(path, metrics_file.read(path))


def test_they_come_with_the_runs_and_are_listed(train_with_images, train):
    added = add.publish([train_with_images(), train(first=2)])
    assert [*added] == ["metrics/small/dense/seeds0-1.parquet", "metrics/small/dense/seeds2-3.parquet"]
    assert DENSE in store.read_sums()
    assert len(store.read()) == 2
    copy, original = (folder / "small/dense/seeds0-1.parquet" for folder in (store.FOLDER / "metrics", OWN))
    np.testing.assert_equal(read(copy), read(original))


def test_runs_that_come_later_leave_them_there(train_with_images, train):
    add.publish([train_with_images()])
    before = (store.FOLDER / DENSE).read_bytes()
    add.publish([*add.find(OWN), train(first=2)])
    assert (store.FOLDER / DENSE).read_bytes() == before
    assert len(store.read()) == 2


def test_a_folder_of_metrics_has_as_many_as_without_them(train_with_images):
    train_with_images()
    assert [path.name for path in add.find(OWN)] == ["seeds0-1.parquet"]


def test_those_of_other_runs_are_refused_and_nothing_is_published(train_with_images, train):
    train_with_images()
    path = train(seconds=0.25)
    with pytest.raises(InputError, match="seeds0-1.correct.parquet: belongs to other metrics"):
        add.publish([path])
    assert not store.FOLDER.exists()


def test_without_their_metrics_they_are_refused(train_with_images, train):
    add.publish([train_with_images(), train(first=2)])
    sums = store.FOLDER / store.SUMS
    (store.FOLDER / "metrics/small/dense/seeds0-1.parquet").unlink()
    lines = [line for line in sums.read_text().splitlines() if not line.endswith("dense/seeds0-1.parquet")]
    sums.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(InputError, match="seeds0-1.correct.parquet: no metrics beside it"):
        store.read()


def test_altered_ones_are_refused(train_with_images):
    add.publish([train_with_images()])
    (store.FOLDER / DENSE).write_bytes(b"altered")
    with pytest.raises(InputError, match="seeds0-1.correct.parquet: altered"):
        store.read()


def test_they_go_with_runs_that_another_study_takes(train_with_images, study_content):
    source = train_with_images()
    content = json.loads(json.dumps(study_content))
    content.update(study="taker", seeds="1-1")
    content["variants"]["dense"]["runs_of"] = "small"
    write_study(content)
    target = Path("results/metrics/taker/dense/from-small/seeds1-1.parquet")
    reuse.take(source, study.load("taker"), "dense", target, range(1, 2))
    np.testing.assert_equal(read(target), hits(metrics_file.read(source), [1]))

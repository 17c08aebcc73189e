"""The same few images as class folders and as shards, and a note of what is decoded."""

import json

import numpy as np
import pytest

from nist.data import memmap_cache
from tests.nist.data.folders.pictures import CLASSES, SIZE, TEST, TRAIN, encoded, save, write_shard


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(memmap_cache, "CHUNK", 5)


@pytest.fixture
def arrays():
    """Pixels as class → list of images; the first ones are for training, the last ones for validation."""
    rng = np.random.default_rng(0)
    return {name: [*rng.integers(0, 256, (TRAIN + TEST, SIZE, SIZE, 3), dtype=np.uint8)] for name in CLASSES}


@pytest.fixture
def root(tmp_path, arrays):
    """A data root with image folders as Kaggle has them: n01 is spread over two shards, the others lie in one."""
    folder = tmp_path / "toy"
    for name, images in arrays.items():
        for index, pixels in enumerate(images):
            shard = "val.X" if index >= TRAIN else "train.X1" if name == "n02" or index % 2 else "train.X2"
            shard = "train.X2" if name == "n10" and index < TRAIN else shard
            suffix = ("JPEG", "png", "JPG")[index % 3]
            save(folder / shard / name / f"{name}_{index}.{suffix}", pixels)
    (folder / "Labels.json").write_text(json.dumps({"n01": "tench", "n02": "goldfish", "n10": "brambling"}))
    return tmp_path


@pytest.fixture
def shard_root(tmp_path, arrays):
    """A data root with the same images in the same order as Parquet shards; row groups of three cut across chunks."""
    folder = tmp_path / "parquet/toy"
    labelled = [(label, encoded(pixels)) for label, name in enumerate(CLASSES) for pixels in arrays[name][:TRAIN]]
    for index, part in enumerate((labelled[:7], labelled[7:])):
        labels, images = zip(*part, strict=True)
        write_shard(folder / f"train-{index:05}-of-00002.parquet", images, labels, row_group_size=3)
    labelled = [(label, encoded(pixels)) for label, name in enumerate(CLASSES) for pixels in arrays[name][TRAIN:]]
    labels, images = zip(*labelled, strict=True)
    write_shard(folder / "validation-00000-of-00001.parquet", images, labels, column="img")
    return tmp_path / "parquet"


@pytest.fixture
def decoded(monkeypatch):
    """Names of the images that are decoded from now on."""
    names = []
    pixels = memmap_cache.pixels

    def noted(encoded, size, fit):
        names.append(encoded[0])
        return pixels(encoded, size, fit)

    monkeypatch.setattr(memmap_cache, "pixels", noted)
    return names

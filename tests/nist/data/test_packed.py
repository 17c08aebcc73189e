import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from nist.data import packed, parquet
from nist.data.catalog import DATASETS, Dataset
from nist.errors import InputError, run
from nist.studies import study
from tests.nist.data.folders.pictures import encoded, write_shard
from tests.nist.training.block import train_block

SHAPE = (6, 6, 3)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, *SHAPE), dtype=np.uint8)
    return images, np.array([0, 1, 2] * 4)


@pytest.fixture
def dataset(arrays):
    """A data set of three classes, four training images and four test images of each."""
    digest = packed.content_digest(*arrays)
    return Dataset("toy", SHAPE, ("a", "b", "c"), {"train": 4, "test": 4}, {"train": digest, "test": digest}, "r/toy")


@pytest.fixture
def root(tmp_path, arrays, dataset, monkeypatch):
    """A data root with the toy data set, training images in two shards."""
    monkeypatch.setitem(DATASETS, "toy", dataset)
    images, labels = arrays
    pngs, webps = ([encoded(image, form) for image in images] for form in ("PNG", "WEBP"))
    write_shard(tmp_path / "toy/train-00000-of-00002.parquet", pngs[:5], labels[:5])
    write_shard(tmp_path / "toy/train-00001-of-00002.parquet", pngs[5:], labels[5:])
    write_shard(tmp_path / "toy/test-00000-of-00001.parquet", webps[::-1], labels[::-1], column="img")
    return tmp_path


def load(root):
    return packed.load("toy", root, root / "cache")


def test_shards_columns_and_encodings_of_the_public_layout_are_read(root, arrays):
    loaded = load(root)
    np.testing.assert_array_equal(loaded.train_images, arrays[0])
    np.testing.assert_array_equal(loaded.train_labels, arrays[1])
    np.testing.assert_array_equal(loaded.test_images, arrays[0][::-1])
    assert loaded.train_images.dtype == np.uint8


def test_images_are_decoded_once(root, monkeypatch):
    first = load(root)
    monkeypatch.setattr(parquet, "decode", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(load(root).test_images, first.test_images)


def test_a_cache_of_other_files_or_a_damaged_one_is_not_used(root, arrays):
    load(root)
    cache = root / "cache/toy.npz"
    cache.write_bytes(cache.read_bytes()[:100])
    np.testing.assert_array_equal(load(root).train_images, arrays[0])
    write_shard(root / "toy/test-00000-of-00001.parquet", map(encoded, arrays[0]), arrays[1])
    np.testing.assert_array_equal(load(root).test_images, arrays[0])


def test_missing_shards_are_one_message_with_place_and_command(tmp_path):
    with pytest.raises(InputError) as error:
        packed.load("cifar10", tmp_path / "empty")
    text = str(error.value)
    assert "cifar10: no train and no test shards" in text
    assert str(tmp_path / "empty/cifar10") in text
    assert f"python -m nist.data cifar10 --data-root {tmp_path / 'empty'} --download" in text
    assert "\n" not in text


def test_missing_shards_are_downloaded_at_the_pinned_revision_if_allowed(root, dataset, monkeypatch, tmp_path):
    asked = []

    def fake_download(repository, name, repo_type, revision):
        asked.append((repository, name, repo_type, revision))
        return str(root / "toy" / name.rpartition("/")[2])

    files = tuple(f"plain/{path.name}" for path in sorted((root / "toy").glob("*.parquet")))
    monkeypatch.setitem(DATASETS, "toy", replace(dataset, revision="0123abc", files=files))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fake_download)
    fresh = tmp_path / "fresh"
    assert len(packed.load("toy", fresh, tmp_path / "cache2", download=True).train_labels) == 12
    assert asked == [("r/toy", name, "dataset", "0123abc") for name in files]
    assert sorted(path.name for path in (fresh / "toy").iterdir()) == sorted(name.rpartition("/")[2] for name in files)


def test_a_failed_download_says_what_to_do(root, dataset, monkeypatch, tmp_path):
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*_, **__):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setitem(DATASETS, "toy", replace(dataset, files=("train-0.parquet",)))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(
        InputError, match="could not download train-0.parquet from r/toy: no network; fetch it elsewhere"
    ):
        packed.load("toy", tmp_path / "fresh", download=True)


def test_a_wrong_class_count_is_named(root, arrays):
    images, _ = arrays
    write_shard(root / "toy/train-00000-of-00002.parquet", map(encoded, images[:5]), [0, 1, 2, 0, 0])
    with pytest.raises(InputError, match=r"train: class 0 \(a\) has 5 images; expected 4"):
        load(root)


def test_two_labels_swapped_are_noticed(root, arrays):
    images, _ = arrays
    write_shard(root / "toy/train-00000-of-00002.parquet", map(encoded, images[:5]), [1, 0, 2, 0, 1])
    with pytest.raises(InputError, match="toy: train: pixels or labels are not the published ones"):
        load(root)


def test_an_unknown_data_set_is_named(tmp_path):
    with pytest.raises(InputError, match="unknown data set 'mnist'; there are digits, fashion_mnist, cifar10"):
        packed.load("mnist", tmp_path)


def test_the_content_digest_ignores_order_only(arrays):
    images, labels = arrays
    order = np.random.default_rng(1).permutation(len(labels))
    assert packed.content_digest(images[order], labels[order]) == packed.content_digest(images, labels)
    assert packed.content_digest(images, labels[order]) != packed.content_digest(images, labels)


def test_digits_are_split_by_class_without_a_draw(tmp_path):
    images = packed.load("digits", tmp_path, tmp_path)
    assert images.train_images.shape == (1201, 8, 8, 1)
    assert images.test_images.shape == (596, 8, 8, 1)
    shares = np.bincount(images.test_labels) / np.bincount(np.concatenate([images.train_labels, images.test_labels]))
    assert (abs(shares - 1 / 3) < 0.01).all()
    assert images.train_images.max() == 255


def test_a_terminal_that_knows_ascii_alone_is_told_too(tmp_path, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", terminal)
    run(lambda: packed.main(["digits", "--data-root", str(tmp_path), "--cache", str(tmp_path)]))
    terminal.flush()
    assert b"digits train: 1,201 images of 8?8?1, verified\n" in terminal.buffer.getvalue()


REAL = pytest.mark.parametrize(("name", "mean"), [("fashion_mnist", [0.2860]), ("cifar10", [0.4914, 0.4822, 0.4465])])


@pytest.mark.data
@REAL
def test_the_first_of_the_real_images_are_read_and_learnt(data_root, tmp_path, name, mean):
    dataset, arrays = replace(DATASETS[name], counts=None), []
    for split, (shard, *_) in parquet.find(dataset, data_root).items():
        rows = next(pq.ParquetFile(shard).iter_batches(500))
        pq.write_table(pa.Table.from_batches([rows]), tmp_path / shard.name)
        images, labels = parquet.decode(dataset, split, [tmp_path / shard.name])
        assert images.shape == (500, *dataset.shape)
        assert np.bincount(labels).min() > 30
        np.testing.assert_allclose(images.mean((0, 1, 2)) / 255, mean, atol=0.03)
        arrays += [images, labels]
    experiment = study.load({"fashion_mnist": "lenet5-fmnist", "cifar10": "lenet5-cifar10"}[name])
    rows, _ = train_block(experiment, "dense", range(1), packed.Images(*arrays), torch.device("cpu"), epochs=3)
    assert rows[-1]["train_loss"] < 0.99 * rows[0]["train_loss"]


@pytest.mark.data
@pytest.mark.slow
@REAL
def test_the_real_data_sets_are_whole(data_root, tmp_path, name, mean, capsys):
    packed.main([name, "--data-root", str(data_root), "--cache", str(tmp_path)])
    assert "10,000 images" in capsys.readouterr().out
    images = packed.load(name, data_root, tmp_path)
    np.testing.assert_allclose(images.train_images.mean((0, 1, 2)) / 255, mean, atol=5e-5)

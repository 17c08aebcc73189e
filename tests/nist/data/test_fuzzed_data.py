"""Shards, images, caches and weights that are cut off, altered or hostile: refused in one line, or, a cache, remade."""

import json
import pickle
import struct
import zlib
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from nist.data import folders, memmap_cache, packed, parquet
from nist.data.catalog import Dataset
from nist.data.packed import Images
from nist.errors import InputError
from nist.models import pretrained
from tests.nist.data.folders.pictures import FORMS, encoded
from tests.refusals import FUZZED, flipped, taken, truncated

TOY = Dataset("toy", (4, 4, 3), ("a", "b"), None, None)
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype=np.uint8)
# Readers that a file of images is given to.
DECODERS = {
    "shards": lambda path: parquet.decode(TOY, "train", [path]),
    "image_folder": lambda path: list(folders._split_of_shards(path.parent, [path], 2).encoded(0, 2)),
    "shard image": lambda path: parquet._pixels((path.name, path), TOY.shape),
    "class folder image": lambda path: memmap_cache.pixels((path.name, path), 4, "crop"),
}


def shard(images, labels, column="image"):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({column: images, "label": labels}), sink, compression="none", write_statistics=False)
    return sink.getvalue().to_pybytes()


SHARD = shard([{"bytes": encoded(pixels), "path": ""} for pixels in PIXELS], [0, 1])


EVERY = pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.exhaustive), 17])


def some(contents, step):
    """Of a file cut or altered at each byte: at its ends, which formats begin and close with, and at every so many."""
    contents = list(contents)
    return [*contents[:4], *contents[4:-8:step], *contents[-8:]]


def count_taken(read, path, contents):
    """How many of ``contents`` are taken, each of the others refused in one line."""
    count = 0
    for content in contents:
        path.write_bytes(content)
        count += taken(read, path)
    return count


@EVERY
@pytest.mark.parametrize("reader", ["shards", "image_folder"])
def test_a_shard_cut_off_at_any_byte_is_refused(tmp_path, reader, step):
    assert count_taken(DECODERS[reader], tmp_path / "train-0.parquet", some(truncated(SHARD), step)) == 0


@EVERY
@pytest.mark.parametrize("reader", ["shards", "image_folder"])
def test_a_shard_with_any_byte_altered_is_read_or_refused_in_one_line(tmp_path, reader, step):
    # Pixels that are not the published ones are then refused by their digest: see test_data.py.
    count_taken(DECODERS[reader], tmp_path / "train-0.parquet", some(flipped(SHARD), step))


@EVERY
@pytest.mark.parametrize("reader", ["shard image", "class folder image"])
@pytest.mark.parametrize("form", FORMS)
def test_an_image_cut_off_at_any_byte_or_altered_is_read_or_refused_in_one_line(tmp_path, reader, form, step):
    whole, path = encoded(PIXELS[0], form), tmp_path / "a.img"
    # What Pillow takes of a cut image lacks its last bytes alone, a checksum or an end marker.
    assert count_taken(DECODERS[reader], path, some(truncated(whole), step)) <= 20
    count_taken(DECODERS[reader], path, some(flipped(whole), step))


@settings(FUZZED, max_examples=150)
@given(
    st.binary(max_size=80), st.sampled_from([b"", b"PAR1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF89a"])
)
def test_any_bytes_are_refused_by_every_reader_of_images(tmp_path_factory, content, magic):
    path = tmp_path_factory.getbasetemp() / "a.parquet"
    assert not any(count_taken(reader, path, [magic + content]) for reader in DECODERS.values())


def bomb(width, height):
    """A small PNG that says it has so many pixels."""
    whole, header = encoded(PIXELS[0]), b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


@pytest.mark.parametrize(
    ("content", "in_shard", "in_folder"),
    [
        (b"", "not a readable image", "not a readable image"),
        (bomb(50_000, 50_000), "not a readable image", "not a readable image (Image size (2500000000 pixels) exceeds"),
        (bomb(10_000, 8_000), "image of (8000, 10000) pixels; expected (4, 4)", "not a readable image"),
        (bomb(30_000_000, 1), "expected (4, 4)", "480,000,000 pixels; expected at most 89,478,485, when it is resized"),
        (bomb(0, 4), "not a readable image", "not a readable image"),
    ],
)
def test_an_image_that_would_take_gigabytes_is_refused_before_it_is_unpacked(tmp_path, content, in_shard, in_folder):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for reader, message in (("shard image", in_shard), ("class folder image", in_folder)):
        with pytest.raises(InputError) as error:
            DECODERS[reader](path)
        assert message in str(error.value)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_images_of_every_mode_are_read(tmp_path, mode):
    path = tmp_path / "a.png"
    Image.new(mode, (4, 4)).save(path)
    assert DECODERS["shard image"](path).shape == DECODERS["class folder image"](path).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (shard([{"path": "a"}], [0]), "column 'image' should be a struct of bytes and path"),
        (shard(["a"], [0]), "column 'image' should be a struct of bytes and path"),
        (shard([None, {"bytes": None, "path": ""}], [0, 1]), "row 0: no image; expected its encoded bytes"),
        (shard([{"bytes": b"", "path": ""}], [2]), "row 0: label 2; expected an integer from 0 to 1"),
        (shard([{"bytes": b"", "path": ""}], [None]), "row 0: label None"),
        (shard([{"bytes": b"", "path": ""}], [float("nan")]), "row 0: label nan"),
        (shard([{"bytes": b"", "path": ""}], [0], column="picture\n"), r"columns ['picture\n', 'label']; expected"),
        (shard(pa.array([], pa.struct([("bytes", pa.binary())])), pa.array([], pa.int64())), "no images"),
    ],
)
def test_a_shard_of_other_content_is_refused_for_what_it_is(tmp_path, content, message):
    path = tmp_path / "train-0.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        DECODERS["shards"](path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A small cache of decoded images and what it was made from."""
    path = tmp_path_factory.mktemp("cache") / "toy.npz"
    images = Images(PIXELS, np.array([0, 1]), PIXELS[:1], np.array([1]))
    np.savez_compressed(path, source=json.dumps({"a": "b"}), **images._asdict())
    return path, images


@EVERY
def test_a_cache_cut_off_or_altered_at_any_byte_is_whole_or_made_anew(cache, tmp_path, step):
    path, images = tmp_path / "toy.npz", cache[1]
    whole = cache[0].read_bytes()
    for content in (*some(truncated(whole), step), *some(flipped(whole), step)):
        path.write_bytes(content)
        found = packed._read_cache(path, {"a": "b"})
        assert found is None or all(map(np.array_equal, found, images))


def test_a_cache_of_another_shape_or_of_objects_is_made_anew(cache, tmp_path):
    path, images = tmp_path / "toy.npz", cache[1]
    others = [{"train_images": PIXELS[0]}, {"test_labels": np.array([1.0])}, {"test_images": PIXELS.astype(object)}]
    for other in others:
        np.savez(path, source=json.dumps({"a": "b"}), **(images._asdict() | other))
        assert packed._read_cache(path, {"a": "b"}) is None
    path.write_bytes(pickle.dumps({"source": "x"}))
    assert packed._read_cache(path, {"a": "b"}) is None


@pytest.fixture
def folder(tmp_path):
    """A complete memory-mapped cache of three images a split, and its plan."""
    labels = np.array([0, 1], dtype=np.int64)
    files = [(tmp_path / f"{name}.png") for name in "ab"]
    for path, pixels in zip(files, PIXELS, strict=True):
        path.write_bytes(encoded(pixels))
    named = [(path.name, path) for path in files]
    split = memmap_cache.EncodedSplit([("a", 1), ("b", 1)], labels, lambda start, stop: named[start:stop])
    plan = memmap_cache.Plan("toy", 4, "crop", ["a", "b"], {"train": split, "test": split})
    memmap_cache.load(tmp_path / "cache", plan)
    return tmp_path / "cache", plan


@EVERY
@pytest.mark.parametrize("name", ["manifest.json", "train.npy", "test_labels.npy"])
def test_a_mapped_cache_cut_off_or_altered_at_any_byte_is_noticed_or_whole(folder, name, step):
    path, whole = folder[0] / name, (folder[0] / name).read_bytes()
    _, before = memmap_cache.read(folder[0], verify=True)
    expected = [array.copy() for array in before]
    for content in (*some(truncated(whole), step), *some(flipped(whole), step)):
        path.unlink()  # mapped still
        path.write_bytes(content)
        found = memmap_cache.read(folder[0], verify=True)
        assert found is None or all(map(np.array_equal, found[1], expected))


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "{}", "[]", "null", '{"plan": 1}', '{"plan": NaN}', "\x00", "1" * 5000]
)
def test_a_mapped_cache_with_another_manifest_is_made_anew(folder, content):
    (folder[0] / "manifest.json").write_text(content)
    assert memmap_cache.read(*folder[:1]) is None
    np.testing.assert_array_equal(memmap_cache.load(*folder).train_images, PIXELS)


def test_a_class_list_cut_off_at_any_byte_is_refused(tmp_path):
    def read(path):
        return folders.class_list(path, 3)

    path, whole = tmp_path / "classes.txt", "n01\nn02\nn\u00e4\n".encode()
    whole_without_newline = 1
    assert count_taken(read, path, truncated(whole)) == whole_without_newline + 1  # and what is left of the last name
    assert count_taken(read, path, [b"\xff", b"a\na\nb", b"a\0\nb", b"a\nb", b"\n" * 100]) == 0


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small file of each format, and a reader that takes it whatever its digest."""
    folder = tmp_path_factory.mktemp("root") / "weights"
    folder.mkdir()
    tensors = {"a.weight": torch.arange(2.0)}
    save_file(tensors, folder / "a.safetensors")
    torch.save(tensors, folder / "a.pth", _use_new_zipfile_serialization=False)

    def read(path):
        wanted = {"file": path.name, "sha256": sha256(path.read_bytes()).hexdigest(), "trained_on": "caffe"}
        return pretrained.load({"model": {"weights": wanted}, "data": {"normalisation": "caffe"}}, path.parents[1])

    return folder, read


@EVERY
@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_weights_cut_off_at_any_byte_are_refused_and_altered_ones_never_run(weights, name, step):
    folder, read = weights
    whole = (folder / name).read_bytes()
    assert count_taken(read, folder / f"b{Path(name).suffix}", some(truncated(whole), step)) == 0
    count_taken(read, folder / f"b{Path(name).suffix}", some(flipped(whole), step))


@settings(FUZZED, max_examples=150)
@given(st.binary(max_size=60), st.sampled_from([b"", b"\x08\0\0\0\0\0\0\0", b"\x80\x02", b"PK\x03\x04", b"\xff" * 8]))
def test_any_bytes_are_refused_as_weights(weights, content, magic):
    folder, read = weights
    for suffix in (".safetensors", ".pth"):
        assert count_taken(read, folder / f"c{suffix}", [magic + content]) == 0

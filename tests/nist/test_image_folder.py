import contextlib
import errno
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nist import image_cache, image_folder
from nist.errors import InputError

SIZE = 6
CLASSES = ["n01", "n02", "n10"]
TRAIN, TEST = 4, 2  # images of a class


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(image_cache, "CHUNK", 5)


@pytest.fixture
def arrays():
    """Pixels as class → list of images; the first ones are for training, the last ones for validation."""
    rng = np.random.default_rng(0)
    return {name: [*rng.integers(0, 256, (TRAIN + TEST, SIZE, SIZE, 3), dtype=np.uint8)] for name in CLASSES}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")  # whatever the suffix says, as one image of ImageNet has it


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_shard(path, images, labels, column="image", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = pa.array([{"bytes": image, "path": ""} for image in images])
    pq.write_table(pa.table({column: encoded, "label": labels}), path, **options)


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
    labelled = [(label, png(pixels)) for label, name in enumerate(CLASSES) for pixels in arrays[name][:TRAIN]]
    for index, part in enumerate((labelled[:7], labelled[7:])):
        labels, images = zip(*part, strict=True)
        write_shard(folder / f"train-{index:05}-of-00002.parquet", images, labels, row_group_size=3)
    labelled = [(label, png(pixels)) for label, name in enumerate(CLASSES) for pixels in arrays[name][TRAIN:]]
    labels, images = zip(*labelled, strict=True)
    write_shard(folder / "validation-00000-of-00001.parquet", images, labels, column="img")
    return tmp_path / "parquet"


def load(root, cache="cache", size=SIZE, classes=None, n_classes=3, **options):
    return image_folder.load("toy", root, root / cache, size, classes, n_classes=n_classes, **options)


def message(root, **options):
    """The error of a load, which must be one line."""
    with pytest.raises(InputError) as error:
        load(root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def stacked(arrays, part):
    return np.stack([pixels for name in CLASSES for pixels in arrays[name][part]])


@pytest.fixture
def decoded(monkeypatch):
    """Names of the images that are decoded from now on."""
    names = []
    pixels = image_cache.pixels

    def noted(encoded, size, fit):
        names.append(encoded[0])
        return pixels(encoded, size, fit)

    monkeypatch.setattr(image_cache, "pixels", noted)
    return names


def test_image_folders_in_several_shards_are_read(root, arrays):
    images = load(root)
    np.testing.assert_array_equal(images.train_images, stacked(arrays, slice(TRAIN)))
    np.testing.assert_array_equal(images.test_images, stacked(arrays, slice(TRAIN, None)))
    np.testing.assert_array_equal(images.train_labels, np.repeat([0, 1, 2], TRAIN))
    np.testing.assert_array_equal(images.test_labels, np.repeat([0, 1, 2], TEST))
    assert images.train_images.dtype == np.uint8
    assert images.train_labels.dtype == np.int64


def test_pixels_are_mapped_read_only(root):
    images = load(root)
    assert isinstance(images.train_images, np.memmap)
    assert not images.train_images.flags.writeable


def test_the_order_of_images_does_not_depend_on_how_they_are_spread(root):
    spread = load(root)
    shutil.copytree(root / "toy/train.X1", root / "toy/train")
    shutil.copytree(root / "toy/train.X2", root / "toy/train", dirs_exist_ok=True)
    shutil.rmtree(root / "toy/train.X1")
    shutil.rmtree(root / "toy/train.X2")
    (root / "toy/val.X").rename(root / "toy/val")
    whole = load(root, cache="other")
    for one, other in zip(spread, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shards_hold_the_same_as_folders(root, shard_root):
    for one, other in zip(load(root), load(shard_root), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_test_split_of_shards_serves_where_there_is_no_validation_split(shard_root, arrays):
    validation = shard_root / "toy/validation-00000-of-00001.parquet"
    write_shard(shard_root / "toy/test-00000-of-00001.parquet", [b"no image"], [-1])
    np.testing.assert_array_equal(load(shard_root).test_images, stacked(arrays, slice(TRAIN, None)))
    validation.rename(shard_root / "toy/test-00000-of-00001.parquet")
    np.testing.assert_array_equal(load(shard_root, cache="other").test_labels, np.repeat([0, 1, 2], TEST))


def test_a_class_list_picks_and_sorts(root, arrays, tmp_path):
    images = load(root, classes=["n10", "n01"], n_classes=2)
    np.testing.assert_array_equal(images.test_images, np.stack([*arrays["n01"][TRAIN:], *arrays["n10"][TRAIN:]]))
    np.testing.assert_array_equal(images.test_labels, [0, 0, 1, 1])
    listed = tmp_path / "classes.txt"
    listed.write_bytes(b"\xef\xbb\xbfn10\r\n\r\nn01\r\n")
    for path in (listed, str(listed)):
        for one, other in zip(images, load(root, cache="listed", classes=path, n_classes=2), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"n01\nn02\n", r"list.txt: 2 classes; expected 3"),
        (b"n01\nn02\nn01\n", r"list.txt: class n01 is there twice; expected 3 different names"),
        (b"n01\nn02\nn\xff", r"list.txt: not a readable class list .*; expected one name a line"),
        (None, r"list.txt: not a readable class list .*No such file.*; expected one name a line"),
        (b"n01\nn02\nn03\n", r"toy: no class n03 in train.X1, train.X2; expected it as the class list has it"),
    ],
)
def test_a_bad_class_list_is_named(root, tmp_path, content, expected):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        load(root, classes=tmp_path / "list.txt")


def test_a_wrong_number_of_classes_is_named_with_the_folders(root):
    assert message(root, n_classes=4).endswith("toy: 3 classes in train.X1, train.X2 and in val.X; expected 4")
    for folder in ("train.X2", "val.X"):
        shutil.rmtree(root / "toy" / folder / "n10")
    assert "2 classes in train.X1, train.X2 and in val.X; expected 3; Labels.json also has n10 (bramb" in message(root)
    (root / "toy/Labels.json").write_text("[")
    assert message(root).endswith("expected 3")


def test_a_class_of_one_split_only_is_named(root):
    shutil.rmtree(root / "toy/val.X/n02")
    assert "no class n02 in val.X; expected it as in train.X1, train.X2" in message(root)
    shutil.rmtree(root / "toy/train.X1/n02")
    (root / "toy/val.X/n03").mkdir()
    assert "no class n03 in train.X1, train.X2; expected it as in val.X" in message(root)


def test_a_class_folder_without_images_is_named(root):
    for path in (root / "toy/train.X1/n02").iterdir():
        path.rename(path.with_name(f"._{path.name}"))
    (root / "toy/train.X1/n02/readme.txt").write_text("not an image")
    assert "toy/train.X1/n02: class folder without images; expected .jpg, .jpeg, .png files" in message(root)


def test_hidden_folders_and_other_files_are_passed_over(root):
    (root / "toy/train.X1/.thumbnails").mkdir()
    (root / "toy/train.X1/readme.txt").write_text("")
    shutil.copytree(root / "toy/train.X1", root / "toy/trainer")
    (root / "toy/val.X/n01/._n01_4.png").write_bytes(b"resource fork")
    assert len(load(root).train_labels) == 3 * TRAIN


def test_an_image_in_two_shards_is_named(root):
    shutil.copytree(root / "toy/train.X2", root / "toy/train.X3")
    found = message(root)
    assert "toy/train.X2/n01/n01_0.JPEG: also in" in found
    assert "toy/train.X3/n01; expected each image once" in found


def test_a_corrupt_image_is_named(root, tmp_path):
    path = root / "toy/train.X1/n02/n02_1.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert f"{path}: not a readable image (" in message(root)
    path.write_bytes(b"")
    assert f"{path}: not a readable image (cannot identify" in message(root)


def test_an_image_of_too_many_pixels_is_named(root, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", SIZE * SIZE // 3)
    assert "not a readable image (Image size (36 pixels) exceeds limit" in message(root)


def test_a_corrupt_image_of_a_shard_is_named_with_its_row(shard_root, arrays):
    path = shard_root / "toy/train-00001-of-00002.parquet"
    labels = pq.read_table(path)["label"].to_pylist()
    images = [png(pixels) for pixels in arrays["n10"][: len(labels)]]
    for row_group_size in (3, 100):
        write_shard(path, [*images[:4], images[4][:40]], labels, row_group_size=row_group_size)
        assert f"{path}: row 4: not a readable image (" in message(shard_root)
    for absent in (None, {"bytes": None, "path": "elsewhere.png"}):
        column = [{"bytes": images[0], "path": ""}, absent, *({"bytes": image, "path": ""} for image in images[2:])]
        pq.write_table(pa.table({"image": column, "label": labels}), path)
        assert f"{path}: row 1: not a readable image (" in message(shard_root)


@pytest.mark.parametrize("label", [3, -1, None])
def test_a_label_that_is_no_class_is_named_with_its_row(shard_root, arrays, label):
    path = shard_root / "toy/validation-00000-of-00001.parquet"
    write_shard(path, [png(arrays["n01"][0])] * 4, pa.array([0, 1, label, 2], pa.int64()))
    assert f"{path}: row 2: label {label}; expected an integer from 0 to 2" in message(shard_root)


def test_a_label_without_images_is_a_wrong_number_of_classes(shard_root, arrays):
    write_shard(shard_root / "toy/validation-00000-of-00001.parquet", [png(arrays["n01"][0])] * 2, [0, 2])
    assert "toy: 2 classes in validation-00000-of-00001.parquet; expected 3" in message(shard_root)


def test_a_missing_shard_is_noticed_by_the_number_of_shards(shard_root):
    (shard_root / "toy/train-00000-of-00002.parquet").unlink()
    assert "toy: 1 shards like train-00001-of-00002.parquet; expected 2" in message(shard_root)


def test_shards_without_a_number_of_shards_are_read(shard_root):
    for path in (shard_root / "toy").iterdir():
        path.rename(path.with_name(path.name.partition("-of-")[0] + ".parquet"))
    assert len(load(shard_root).train_labels) == 3 * TRAIN


def test_a_truncated_shard_is_named(shard_root):
    path = shard_root / "toy/train-00001-of-00002.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert f"{path}: not a whole Parquet file (" in message(shard_root)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"picture": [b""], "label": [0]}, "columns ['picture', 'label']; expected 'image' or 'img', and 'label'"),
        ({"image": [b""], "label": [0]}, "column 'image' should be a struct of bytes and path, as published"),
        ({"img": [{"path": ""}], "label": [0]}, "column 'img' should be a struct of bytes and path, as published"),
    ],
)
def test_other_columns_are_named(shard_root, table, expected):
    path = shard_root / "toy/train-00000-of-00002.parquet"
    pq.write_table(pa.table(table), path)
    assert f"{path}: {expected}" in message(shard_root)


def test_one_split_only_and_two_layouts_are_errors(root, shard_root):
    for path in (shard_root / "toy").iterdir():
        shutil.copy(path, root / "toy")
    assert "toy: found train.X1, train.X2, val.X, train-00000-of-00002.parquet" in message(root)
    for path in (root / "toy").glob("*.parquet"):
        path.unlink()
    shutil.rmtree(root / "toy/val.X")
    assert "toy: found train.X1, train.X2; expected image folders (train or train.*, and val or val.*)" in message(root)


def test_nothing_at_all_is_an_error_that_says_what_was_looked_for(tmp_path):
    found = message(tmp_path)
    assert f"{tmp_path / 'toy'}: no image folders (train or train.*, and val or val.*) or train-*.parquet" in found
    assert "cache/toy-6-stretch-3 is absent" in found


@pytest.mark.parametrize("options", [{"size": 0}, {"fit": "pad"}])
def test_a_size_or_fit_that_cannot_be_is_named(root, options):
    assert "expected at least 1 pixel, and one of crop, stretch" in message(root, **options)


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "/etc"])
def test_a_name_that_is_no_folder_name_is_an_error(root, name):
    with pytest.raises(InputError, match="expected the name of a folder in the data root"):
        image_folder.load(name, root, root / "cache")


@pytest.mark.parametrize("shape", [(18, 12), (12, 18), (20, 11), (3, 5)])
def test_the_two_fits_resize_and_crop(root, shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    save(root / "toy/val.X/n01/n01_4.png", pixels)
    image = Image.fromarray(pixels)
    stretched = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(load(root, fit="stretch").test_images[0], stretched)
    long = max(shape) * SIZE // min(shape)
    before = round((long - SIZE) / 2)
    if shape[0] > shape[1]:
        cropped = np.asarray(image.resize((SIZE, long), Image.Resampling.BILINEAR))[before : before + SIZE]
    else:
        cropped = np.asarray(image.resize((long, SIZE), Image.Resampling.BILINEAR))[:, before : before + SIZE]
    np.testing.assert_array_equal(load(root, fit="crop").test_images[0], cropped)
    assert sorted(path.name for path in (root / "cache").iterdir()) == ["toy-6-crop-3", "toy-6-stretch-3"]


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "1"])
def test_every_colour_mode_becomes_rgb(root, mode):
    image = Image.fromarray(np.full((SIZE, SIZE, 3), 255, dtype=np.uint8)).convert(mode)
    image.save(root / "toy/val.X/n01/n01_4.png", "TIFF" if mode == "CMYK" else "PNG")
    np.testing.assert_array_equal(load(root).test_images[0], 255)


@pytest.mark.parametrize("name", ["great white shark", "two\nlines", "ω ∈ Ω", "-of-", "a'b\"c", "[x]*?", "raw\udcff"])
def test_odd_class_names_are_read_and_shown_in_one_line(root, arrays, name):
    for folder in ("train.X2", "val.X"):
        (root / "toy" / folder / "n10").rename(root / "toy" / folder / name)
    images = load(root)
    label = sorted(["n01", "n02", name]).index(name)
    np.testing.assert_array_equal(images.test_images[images.test_labels == label], arrays["n10"][TRAIN:])
    np.testing.assert_array_equal(load(root, verify=True).test_labels, images.test_labels)
    (root / "toy/train.X2" / name / "n10_0.JPEG").write_bytes(b"")
    message(root).encode()
    shutil.rmtree(root / "toy/train.X2" / name)
    assert f"no class {name if name.isprintable() else repr(name)} in train.X1" in message(root)


def test_loops_of_links_are_not_followed(root):
    folder = root / "toy/train.X1/n02"
    (folder / "up").symlink_to(root / "toy")
    (folder / "self").symlink_to(folder / "self")
    assert len(load(root).train_labels) == 3 * TRAIN
    (folder / "self.png").symlink_to(folder / "self.png")
    assert f"{folder / 'self.png'}: not a readable file (" in message(root)
    (folder / "self.png").unlink()
    (root / "toy/train.X1/loop").symlink_to(root / "toy/train.X1")
    (root / "toy/val.X/loop").symlink_to(root / "toy/val.X")
    assert "toy/train.X1/loop: class folder without images" in message(root, n_classes=4)


def test_a_linked_class_folder_is_read_and_what_is_no_file_is_named(root):
    path = root / "toy/train.X1/n02"
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")
    assert len(load(root).train_labels) == 3 * TRAIN
    os.mkfifo(root / "elsewhere/pipe.png")
    assert f"{path / 'pipe.png'}: not a file; expected an image" in message(root)


def test_images_are_decoded_once(root, decoded):
    first = load(root)
    assert len(decoded) == 3 * (TRAIN + TEST)
    second = load(root)
    assert len(decoded) == 3 * (TRAIN + TEST)
    np.testing.assert_array_equal(second.test_images, first.test_images)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("layout", ["folders", "shards"])
def test_a_killed_decode_goes_on_after_its_last_whole_chunk(request, layout, monkeypatch, decoded):
    root = request.getfixturevalue("root" if layout == "folders" else "shard_root")
    load(root, cache="reference")
    reference = decoded[:]
    decoded.clear()
    noted = image_cache.pixels

    def killed(encoded, size, fit):
        if encoded[0] == reference[11]:  # one of the two images in the third and last chunk of the training images
            raise KeyboardInterrupt
        return noted(encoded, size, fit)

    monkeypatch.setattr(image_cache, "pixels", killed)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    folder = root / "cache/toy-6-stretch-3"
    assert not (folder / "manifest.json").exists()
    assert len(json.loads((folder / "progress.json").read_text())["chunks_sha256"]["train"]) == 2
    monkeypatch.setattr(image_cache, "pixels", noted)
    decoded.clear()
    load(root)
    assert sorted(decoded) == sorted(reference[10:])
    assert content(folder) == content(root / "reference/toy-6-stretch-3")


def test_a_decode_killed_by_the_system_goes_on(root, decoded):
    """The same with a true SIGKILL, in the middle of the second split."""
    program = (
        "import os, pathlib, sys\nfrom nist import image_cache, image_folder\nimage_cache.CHUNK = 5\n"
        "flush, root = image_cache._record, pathlib.Path(sys.argv[1])\n"
        "def record(path, **content):\n"
        "    flush(path, **content)\n"
        "    if content['chunks_sha256']['test']: os.kill(os.getpid(), 9)\n"
        "image_cache._record = record\n"
        "image_folder.load('toy', root, root / 'cache', 6, n_classes=3)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True).returncode == -9
    load(root)
    assert [name.rpartition("/")[2] for name in decoded] == ["n10_5.JPG"]
    load(root, cache="reference")
    assert content(root / "cache/toy-6-stretch-3") == content(root / "reference/toy-6-stretch-3")


def test_a_chunk_that_did_not_reach_the_disk_is_decoded_again(root, monkeypatch, decoded):
    expected = load(root, cache="reference")
    noted = image_cache.pixels
    monkeypatch.setattr(
        image_cache, "pixels", lambda encoded, **options: noted(encoded, **options) if "train" in encoded[0] else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        load(root)
    monkeypatch.setattr(image_cache, "pixels", noted)
    damage(root / "cache/toy-6-stretch-3/train.npy", offset=-1)
    decoded.clear()
    np.testing.assert_array_equal(load(root).train_images, expected.train_images)
    assert len(decoded) == 2 + 3 * TEST  # the last chunk of the training images is of two


def test_other_source_files_make_the_cache_anew(root, arrays, decoded):
    before = load(root)
    kept = before.test_images.copy()
    decoded.clear()
    path = root / "toy/val.X/n01/n01_4.png"
    save(path, np.zeros((SIZE, SIZE, 3), dtype=np.uint8))
    assert load(root).test_images[0].max() == 0
    assert len(decoded) == 3 * (TRAIN + TEST)
    np.testing.assert_array_equal(before.test_images, kept)  # who has the old arrays open keeps them
    path.unlink()
    assert len(load(root).test_labels) == 3 * TEST - 1


def test_a_cache_half_made_anew_does_not_serve(root):
    load(root)
    (root / "toy/val.X/n10/n10_5.JPG").write_bytes(b"")
    message(root)
    shutil.rmtree(root / "toy")
    assert "is damaged or not complete" in message(root)


def test_progress_towards_other_files_is_not_used(root, monkeypatch, decoded):
    (root / "toy/val.X/n10/n10_5.JPG").write_bytes(b"")
    message(root)
    save(root / "toy/train.X1/n02/n02_0.JPEG", np.zeros((2, 2, 3), dtype=np.uint8))
    save(root / "toy/val.X/n10/n10_5.JPG", np.zeros((2, 2, 3), dtype=np.uint8))
    decoded.clear()
    assert load(root).train_images[TRAIN].max() == 0
    assert len(decoded) == 3 * (TRAIN + TEST)


def test_the_cache_serves_without_the_images_and_in_a_folder_that_cannot_be_written(root, decoded, arrays):
    load(root)
    shutil.rmtree(root / "toy")
    decoded.clear()
    before = content(root / "cache/toy-6-stretch-3")
    np.testing.assert_array_equal(load(root, verify=True).train_images, stacked(arrays, slice(TRAIN)))
    np.testing.assert_array_equal(load(root, classes=CLASSES).train_labels, np.repeat([0, 1, 2], TRAIN))
    assert not decoded
    assert content(root / "cache/toy-6-stretch-3") == before


def test_a_cache_of_something_else_does_not_serve_without_the_images(root):
    load(root)
    shutil.rmtree(root / "toy")
    assert "cache/toy-6-stretch-4 is absent" in message(root, n_classes=4)
    assert "not the 3 asked for; no images" in message(root, classes=["n01", "n02", "n03"])
    (root / "cache/toy-6-stretch-3").rename(root / "cache/toy-6-stretch-4")
    found = message(root, n_classes=4)
    assert "cache/toy-6-stretch-4: a cache of toy at 6 (stretch) with 3 classes, not the 4" in found
    (root / "cache/toy-6-stretch-4").rename(root / "cache/toy-7-crop-3")
    assert "cache/toy-7-crop-3: a cache of toy at 6 (stretch)" in message(root, size=7, fit="crop")


def damage(path, offset):
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {
    "manifest cut off": lambda folder: truncate(folder / "manifest.json"),
    "manifest of another kind": lambda folder: (folder / "manifest.json").write_text("[1]"),
    "manifest altered": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace("n02", "n03")
    ),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "images cut off": lambda folder: truncate(folder / "test.npy"),
    "images too long": lambda folder: (folder / "train.npy").open("ab").write(b"0"),
    "images empty": lambda folder: (folder / "train.npy").write_bytes(b""),
    "no images": lambda folder: (folder / "train.npy").unlink(),
    "images of another type": lambda folder: (folder / "test.npy").write_bytes(
        (folder / "test.npy").read_bytes().replace(b"|u1", b"|i1")
    ),
    "header of the images": lambda folder: damage(folder / "train.npy", 60),
    "labels altered": lambda folder: damage(folder / "train_labels.npy", -8),
    "labels empty": lambda folder: (folder / "test_labels.npy").write_bytes(b""),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_cache_is_made_anew_or_is_an_error_without_the_images(root, arrays, kind):
    load(root)
    folder = root / "cache/toy-6-stretch-3"
    DAMAGES[kind](folder)
    np.testing.assert_array_equal(load(root).train_images, stacked(arrays, slice(TRAIN)))
    np.testing.assert_array_equal(load(root).train_labels, np.repeat([0, 1, 2], TRAIN))
    DAMAGES[kind](folder)
    shutil.rmtree(root / "toy")
    assert f"and the cache {folder} is damaged or not complete" in message(root)


def test_any_damage_to_a_header_counts_as_damage(root):
    load(root)
    folder = root / "cache/toy-6-stretch-3"
    whole = (folder / "train.npy").read_bytes()
    for offset in range(128):
        for byte in b"\0'(\n9":
            (folder / "train.npy").write_bytes(whole[:offset] + bytes([byte]) + whole[offset + 1 :])
            found = image_cache.read(folder)
            assert found is None or found[1].train_images.tobytes() == whole[128:]


def test_altered_pixels_are_found_on_request_and_only_their_chunk_is_decoded_again(root, arrays, decoded):
    load(root)
    path = root / "cache/toy-6-stretch-3/train.npy"
    whole = path.read_bytes()
    damage(path, 128 + 6 * SIZE * SIZE * 3)
    decoded.clear()
    assert load(root).train_images[6].tobytes() != stacked(arrays, slice(TRAIN))[6].tobytes()
    np.testing.assert_array_equal(load(root, verify=True).train_images, stacked(arrays, slice(TRAIN)))
    assert len(decoded) == 5
    assert path.read_bytes() == whole
    damage(path, -1)
    shutil.rmtree(root / "toy")
    assert "is damaged or not complete" in message(root, verify=True)


def test_the_manifest_says_where_the_pixels_came_from(root):
    load(root)
    manifest = json.loads((root / "cache/toy-6-stretch-3/manifest.json").read_text())
    plan = manifest["plan"]
    assert {key: plan[key] for key in ("name", "size", "fit", "classes")} == {
        "name": "toy",
        "size": SIZE,
        "fit": "stretch",
        "classes": CLASSES,
    }
    first = root / "toy/train.X2/n01/n01_0.JPEG"
    assert plan["splits"]["train"]["files"][0] == ["train.X2/n01/n01_0.JPEG", first.stat().st_size]
    assert plan["splits"]["train"]["images"] == 3 * TRAIN
    assert [len(manifest["chunks_sha256"][split]) for split in ("train", "test")] == [3, 2]
    assert sorted(path.name for path in (root / "cache/toy-6-stretch-3").iterdir()) == [
        ".lock",
        "manifest.json",
        "test.npy",
        "test_labels.npy",
        "train.npy",
        "train_labels.npy",
    ]


def test_two_at_once_decode_once(root, decoded, monkeypatch):
    both_are_there, locked = threading.Barrier(2), image_cache._locked

    def locked_together(folder):
        both_are_there.wait(timeout=60)
        return locked(folder)

    monkeypatch.setattr(image_cache, "_locked", locked_together)
    with ThreadPoolExecutor() as pool:
        one, other = pool.map(lambda _: load(root), range(2))
    np.testing.assert_array_equal(one.train_images, other.train_images)
    assert len(decoded) == 3 * (TRAIN + TEST)


def test_waiting_for_another_process_is_said(root, monkeypatch, capsys):
    monkeypatch.setattr(image_cache, "SECONDS", 0.01)
    flock, calls = fcntl.flock, []

    def busy(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise BlockingIOError
        flock(*arguments)

    monkeypatch.setattr(fcntl, "flock", busy)
    assert len(load(root).test_labels) == 3 * TEST
    said = capsys.readouterr().err
    assert said.count("toy-6-stretch-3: another process is decoding into this cache; waiting for it") == 1


def test_without_locks_it_is_said_and_two_at_once_end_with_whole_arrays(root, arrays, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    both_have_begun, known_chunks = threading.Barrier(2), image_cache._known_chunks

    def begun_together(*arguments):
        found = known_chunks(*arguments)
        with contextlib.suppress(threading.BrokenBarrierError):  # one that comes back to mend is alone
            both_have_begun.wait(timeout=5)
        return found

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(image_cache, "_known_chunks", begun_together)
    with pytest.warns(UserWarning, match="toy-6-stretch-3: no locks on this file system"), ThreadPoolExecutor() as pool:
        loaded = list(pool.map(lambda _: load(root), range(2)))
    for images in (*loaded, load(root, verify=True)):
        np.testing.assert_array_equal(images.train_images, stacked(arrays, slice(TRAIN)))


def test_too_little_space_is_an_error_before_decoding(root, monkeypatch, decoded):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert "train.npy: needs 0.0 GB (No space left on device); make room or choose another cache" in message(root)
    assert not decoded
    assert not [path for path in (root / "cache/toy-6-stretch-3").iterdir() if "partial" in path.name]


def test_the_command_prepares_and_says_what_there_is(root, capsys):
    arguments = ["toy", "--data-root", str(root), "--cache", str(root / "cache"), "--size", "6", "--n-classes", "3"]
    image_folder.main([*arguments, "--fit", "crop", "--verify"])
    assert capsys.readouterr().out.splitlines() == [
        "toy train: 12 images of 6×6×3 in 3 classes",
        "toy test: 6 images of 6×6×3 in 3 classes",
    ]
    assert (root / "cache/toy-6-crop-3/manifest.json").exists()


def test_the_command_reports_bad_input_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "nist.image_folder", "toy", "--data-root", str(tmp_path), "--cache", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_torch_is_not_needed():
    program = "import sys; sys.modules['torch'] = None; import nist.image_folder"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0

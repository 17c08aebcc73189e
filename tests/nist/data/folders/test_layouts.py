"""Class folders and shards of any shape are read alike, and what is wrong with them is named."""

import os
import re
import shutil
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nist.data import folders, sources
from nist.errors import InputError
from tests.nist.data.folders.pictures import SIZE, TEST, TRAIN, encoded, load, message, save, stacked, write_shard


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


def test_a_study_names_its_class_list(root):
    (root / "toy/two.txt").write_text("n10\nn01\n")
    settings = {"dataset": "toy", "classes": 2, "class_list": "two.txt", "image_size": SIZE, "resize": "stretch"}
    images, classes = sources.load(settings, root, root / "cache")
    assert classes == ["n01", "n10"]
    assert len(images.train_labels) == 2 * TRAIN


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
    assert "toy/train.X1/n02: class folder without images; expected .jpg, .jpeg, .png, .webp, " in message(root)


def test_what_is_no_image_of_a_class_is_counted_and_hidden_files_are_not(root):
    (root / "toy/train.X1/.thumbnails").mkdir()
    (root / "toy/train.tar").write_bytes(b"")
    shutil.copytree(root / "toy/train.X1", root / "toy/trainer")
    (root / "toy/val.X/n01/._n01_4.png").write_bytes(b"resource fork")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(root).train_labels) == 3 * TRAIN
    (root / "toy/train.X1/readme.txt").write_text("")
    for name in ("a.TXT", "b.txt", "c.gif", "README"):
        (root / "toy/train.X2/n10" / name).write_text("")
    (root / "toy/train.X2/n10/old.png_").mkdir()
    skipped = "2 .txt, 1 .gif, 1 .txt beside the class folders, 1 folder(s), 1 without suffix in train.X1, train.X2"
    expected = re.escape(f"toy: skipped {skipped}; images of a class end in .jpg, .jpeg, .png, .webp")
    with pytest.warns(UserWarning, match=expected) as warned:
        assert len(load(root).train_labels) == 3 * TRAIN
    assert len(warned) == 1


def test_of_many_suffixes_a_few_are_named(root):
    for number in range(8):
        (root / f"toy/val.X/n01/scan.{number:03}").write_text("")
    with pytest.warns(UserWarning, match="skipped 1 .000, 1 .001, 1 .002, 1 .003, 1 .004, 3 more in val.X; images"):
        load(root)


@pytest.mark.parametrize("suffix", ["webp", "BMP", "tif", "tiff", "ppm", "pgm"])
def test_an_image_of_each_usual_suffix_is_read(root, suffix):
    Image.new("L", (SIZE, SIZE), 255).save(root / f"toy/val.X/n01/a.{suffix}")
    images = load(root)
    np.testing.assert_array_equal(images.test_images[0], 255)
    assert len(images.test_labels) == 3 * TEST + 1


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
    assert f"{path}: not a readable image (no format that Pillow knows); fetch it again" in message(root)


@pytest.mark.parametrize("label", [3, -1, None])
def test_a_label_that_is_no_class_is_named_with_its_row(shard_root, arrays, label):
    path = shard_root / "toy/validation-00000-of-00001.parquet"
    write_shard(path, [encoded(arrays["n01"][0])] * 4, pa.array([0, 1, label, 2], pa.int64()))
    assert f"{path}: row 2: label {label}; expected an integer from 0 to 2" in message(shard_root)


def test_a_label_without_images_is_a_wrong_number_of_classes(shard_root, arrays):
    write_shard(shard_root / "toy/validation-00000-of-00001.parquet", [encoded(arrays["n01"][0])] * 2, [0, 2])
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
        (
            {"image": [{"bytes": "text", "path": ""}], "label": [0]},
            "column 'image' should be a struct of bytes and path",
        ),
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
        folders.load(name, root, root / "cache")


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

"""Images are decoded once, whatever kills, damages or interrupts it."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nist.data import folders, memmap_cache
from nist.data.packed import Images
from tests.nist.data.folders.pictures import CLASSES, SIZE, TEST, TRAIN, load, message, save, stacked
from tests.processes import exit_code, fork


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
    noted = memmap_cache.pixels

    def killed(encoded, size, fit):
        if encoded[0] == reference[11]:  # one of the two images in the third and last chunk of the training images
            raise KeyboardInterrupt
        return noted(encoded, size, fit)

    monkeypatch.setattr(memmap_cache, "pixels", killed)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    folder = root / "cache/toy-6-stretch-3"
    assert not (folder / "manifest.json").exists()
    assert len(json.loads((folder / "progress.json").read_text())["chunks_sha256"]["train"]) == 2
    monkeypatch.setattr(memmap_cache, "pixels", noted)
    decoded.clear()
    load(root)
    assert sorted(decoded) == sorted(reference[10:])
    assert content(folder) == content(root / "reference/toy-6-stretch-3")


def test_a_decode_killed_by_the_system_goes_on(root, decoded, monkeypatch):
    """The same with a true SIGKILL, in the middle of the second split."""
    record = memmap_cache._record

    def record_and_die(path, **content):
        record(path, **content)
        if content["chunks_sha256"]["test"]:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(memmap_cache, "_record", record_and_die)
        assert exit_code(fork(lambda: load(root))) == -signal.SIGKILL
    load(root)
    assert [name.rpartition("/")[2] for name in decoded] == ["n10_5.JPG"]
    load(root, cache="reference")
    assert content(root / "cache/toy-6-stretch-3") == content(root / "reference/toy-6-stretch-3")


def test_a_chunk_that_did_not_reach_the_disk_is_decoded_again(root, monkeypatch, decoded):
    expected = load(root, cache="reference")
    noted = memmap_cache.pixels
    monkeypatch.setattr(
        memmap_cache, "pixels", lambda encoded, **options: noted(encoded, **options) if "train" in encoded[0] else 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        load(root)
    monkeypatch.setattr(memmap_cache, "pixels", noted)
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
            found = memmap_cache.read(folder)
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
    both_are_there, locked = threading.Barrier(2), memmap_cache._locked

    def locked_together(folder):
        both_are_there.wait(timeout=600)
        return locked(folder)

    monkeypatch.setattr(memmap_cache, "_locked", locked_together)
    monkeypatch.setattr(memmap_cache, "SECONDS", 0.01)
    with ThreadPoolExecutor() as pool:
        one, other = pool.map(lambda _: load(root), range(2))
    np.testing.assert_array_equal(one.train_images, other.train_images)
    assert len(decoded) == 3 * (TRAIN + TEST)


def test_waiting_for_another_process_is_said(root, monkeypatch, capsys):
    monkeypatch.setattr(memmap_cache, "SECONDS", 0.01)
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

    both_have_begun, known_chunks, begun = threading.Barrier(2), memmap_cache._known_chunks, []

    def begun_together(*arguments):
        found = known_chunks(*arguments)
        begun.append(found)
        if len(begun) <= 2:  # one that comes back to repair is alone
            both_have_begun.wait(timeout=600)
        return found

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(memmap_cache, "_known_chunks", begun_together)
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
    folders.main([*arguments, "--fit", "crop", "--verify"])
    assert capsys.readouterr().out.splitlines() == [
        "toy train: 12 images of 6×6×3 in 3 classes",
        "toy test: 6 images of 6×6×3 in 3 classes",
    ]
    assert (root / "cache/toy-6-crop-3/manifest.json").exists()


def test_what_the_command_is_not_told_is_as_for_imagenet100(monkeypatch):
    asked, nothing = {}, np.zeros((1, 1, 1, 3))
    monkeypatch.setattr(folders, "load", lambda name, **options: asked.update(options) or (Images(*[nothing] * 4), []))
    folders.main(["imagenet100"])
    del asked["data_root"], asked["cache"]
    assert asked == {"size": 224, "fit": "stretch", "classes": None, "n_classes": 100, "verify": False}


def test_the_command_reports_bad_input_in_one_line_and_needs_no_torch(tmp_path):
    program = (
        "import runpy, sys; sys.modules['torch'] = None; runpy.run_module('nist.image_folder', run_name='__main__')"
    )
    arguments = ["toy", "--data-root", str(tmp_path), "--cache", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1

import errno
import os
import shutil

import pytest

from nist.errors import InputError
from nist.runtime.files import TRIES, check_writable, in_folder, make_folder, remove_partial, replacing


def test_a_file_is_put_in_place_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "out.csv"
    with replacing(path) as temporary:
        temporary.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert os.listdir(path.parent) == ["out.csv"]


def test_after_an_error_the_old_file_stands_and_nothing_is_left_over(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail_halfway():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail_halfway()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_the_temporary_name_keeps_the_ending(tmp_path):
    with replacing(tmp_path / "figure.svg") as temporary:
        assert temporary.suffix == ".svg"
        temporary.touch()


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "out.csv"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize(("number", "is_fatal"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_syncs_no_folders_will_do(tmp_path, monkeypatch, number, is_fatal):
    sync = os.fsync

    def refuse(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    if is_fatal:
        with pytest.raises(OSError, match="Input/output error"):
            make_folder(tmp_path / "new")
        return
    with replacing(tmp_path / "new" / "out.csv") as temporary:
        temporary.write_text("content")
    assert (tmp_path / "new" / "out.csv").read_text() == "content"


def test_leftovers_of_a_file_are_removed_and_no_others(tmp_path):
    path = tmp_path / "a[1].csv"
    kept = [path, tmp_path / ".a[2].x.partial.csv", tmp_path / ".a[1].x.partial.txt", tmp_path / "a[1].x.partial.csv"]
    for each in (*kept, tmp_path / ".a[1].x.partial.csv", tmp_path / ".a[1].host-1-ff.partial.csv"):
        each.touch()
    remove_partial(path)
    assert set(tmp_path.iterdir()) == set(kept)


def test_a_place_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match="file/m: nothing can be written there .Not a directory., so nothing is trained"
    ):
        check_writable(tmp_path / "file" / "m")


def test_a_folder_that_another_job_removes_is_made_again(tmp_path):
    folder, left = tmp_path / "a/b", [TRIES - 1]

    def use():
        if left[0]:
            left[0] -= 1
            shutil.rmtree(tmp_path / "a")
            raise FileNotFoundError(folder)
        return folder.is_dir()

    assert in_folder(folder, use)
    with pytest.raises(FileNotFoundError):
        in_folder(folder, (tmp_path / "nowhere/x").read_bytes)

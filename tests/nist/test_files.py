import errno
import os

import pytest

from nist.files import replacing


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

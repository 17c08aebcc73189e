"""Files that are either whole or absent, and that outlive a loss of power once they are there."""

import errno
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TypeVar

from nist.errors import InputError

T = TypeVar("T")
TRIES = 20  # to use a folder that another job, which ends at this moment, removes as empty
NO_SYNC_OF_FOLDERS = {errno.EINVAL, errno.EBADF, errno.ENOTSUP}  # what file systems answer that have none


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; put it in place, synced to disk, when the block ends without error.

    On any error the temporary file is removed and whatever was at ``path`` stays as it was. Folders are made as needed.
    The temporary name is no other process's, on whatever host; a killed process leaves it to ``remove_partial``.
    """
    path = Path(path)
    make_folder(path.parent)
    # The suffix stays last: writers such as matplotlib and numpy choose the format by it.
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.stem}.{owner}.partial{path.suffix}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        with suppress(OSError):  # gone, or on a disk that became read-only: the error that led here says more
            temporary.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, as needed, each so that a loss of power does not take it back."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        _sync_folder(each.parent)


def check_writable(folder: Path) -> None:
    """Make ``folder``, as needed. Raises ``InputError`` that names it if a job could not write there."""
    try:
        in_folder(folder, lambda: tempfile.TemporaryFile(dir=folder).close())
    except OSError as error:
        raise InputError(
            f"{folder}: nothing can be written there ({error.strerror}), so nothing is trained; what is there is kept"
        ) from None


def in_folder(folder: Path, use: Callable[[], T]) -> T:
    """Make ``folder``, as needed, and return what ``use`` does in it.

    Both are done again if another job, which ends at this moment, removes the folder as empty.
    """
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            make_folder(folder)
            return use()
    make_folder(folder)
    return use()


def remove_partial(path: Path) -> None:
    """Remove what killed processes of any host left of writing ``path``; only for one that alone writes it.

    What cannot be removed does no harm.
    """
    for file in path.parent.glob(f".{escape(path.stem)}.*.partial{escape(path.suffix)}"):
        with suppress(OSError):
            file.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Sync the names in a folder; where the file system has no such thing, its names are as safe as they get."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in NO_SYNC_OF_FOLDERS:
            raise

"""Locks on files, which end with the process that holds them, however it ends."""

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class NoLocksError(Exception):
    """The file system has no locks; the message is what it answered."""


def hold(path: Path) -> IO | None:
    """The locked file at ``path``, whose lock lasts until it is closed, or ``None`` if another process holds it.

    Raises ``NoLocksError`` where the file system has none.
    """
    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            file.close()
            if error.errno in NO_LOCKS:
                raise NoLocksError(error.strerror) from None
            raise
        if _is_at(path, file):
            break
        file.close()  # its last holder removed it between the two calls
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file


def holder(path: Path) -> str:
    """Who holds the lock on ``path``, in words."""
    try:
        return path.read_text(encoding="utf-8") or "another process"
    except (OSError, ValueError):
        return "another process"


def _is_at(path: Path, file: IO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False

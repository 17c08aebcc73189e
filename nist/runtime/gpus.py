"""One GPU a process: jobs that run at the same time on a machine with several never share one by accident."""

import errno
import hashlib
import os
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from nist.runtime import locks

SECONDS = 1.0  # between two looks at GPUs that are all taken
_claimed: list[IO | socket.socket] = []  # claims live as long as the process, however it ends


def claim(names: Sequence[str], folder: Path | None = None) -> int:
    """Index of one of the GPUs ``names`` that no other process of this user has claimed; waits until there is one.

    Claims are locks on files in ``folder``, by default one of the user's among temporary files. They end with their
    process, so a killed job leaves none behind. Where that file system has no locks, names of sockets take their place.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"nist-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = False
    while True:
        for index, name in enumerate(names):
            if _claim(folder / f"{name}.lock"):
                return index
        if not said:
            print(
                f"all {len(names)} GPUs are taken by other jobs of yours; waiting for one", file=sys.stderr, flush=True
            )
            said = True
        time.sleep(SECONDS)


def _claim(path: Path) -> bool:
    try:
        claimed = locks.hold(path)
    except locks.NoLocksError as error:
        warnings.warn(f"{path.parent}: no locks on this file system ({error}); GPUs are claimed without", stacklevel=2)
        claimed = _named_socket(path)
    if claimed is None:
        return False
    _claimed.append(claimed)
    return True


def _named_socket(path: Path) -> socket.socket | None:
    """A socket that alone on this machine has the name of ``path``, ``None`` if another one has; for Linux."""
    claimed = socket.socket(socket.AF_UNIX)
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()
    try:
        claimed.bind(f"\0nist-{name}")  # the zero makes it a name and no file
    except OSError as error:
        claimed.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return claimed

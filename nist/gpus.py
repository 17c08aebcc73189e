"""One GPU a process: jobs that run at the same time on a machine with several never share one by accident."""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

SECONDS = 1.0  # between two looks at GPUs that are all taken
_claimed: list[IO] = []  # locks live as long as the process, however it ends


def claim(count: int, folder: Path | None = None) -> int:
    """Index of one of ``count`` GPUs that no other process of this user has claimed; waits until there is one.

    Claims are locks on files in ``folder``, by default one of the user's among temporary files. They end with their
    process, so a killed job leaves none behind.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"nist-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = False
    while True:
        for index in range(count):
            if _lock(folder / f"{index}.lock"):
                return index
        if not said:
            print(f"all {count} GPUs are taken by other jobs of yours; waiting for one", file=sys.stderr, flush=True)
            said = True
        time.sleep(SECONDS)


def _lock(path: Path) -> bool:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _claimed.append(file)
    return True

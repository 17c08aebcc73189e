"""The device of a process. Jobs that run at the same time on a machine with several GPUs never share one."""

import ctypes
import errno
import hashlib
import os
import platform
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import torch

from nist.errors import InputError
from nist.runtime import locks
from nist.runtime.provenance import lines_of

SECONDS = 1.0  # between two looks at GPUs that are all taken
_claimed: list[IO | socket.socket] = []  # claims live as long as the process, however it ends


def choose_device(name: str) -> torch.device:
    """``auto`` takes the GPU if there is one; of several that are visible, one that no other job of this user has.

    Raises ``InputError`` if CUDA is asked for and absent.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no CUDA device is visible here; use --device cpu, or auto")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if torch.cuda.device_count() == 1:
        return torch.device("cuda")
    # Jobs may see different GPUs, each counted from 0: CUDA_VISIBLE_DEVICES. A UUID is the same to all of them.
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    device = torch.device("cuda", claim(names))
    torch.cuda.set_device(device)  # what is made without naming a device is made there too
    return device


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
    claimed: IO | socket.socket | None
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


def emulates_bfloat16() -> bool:
    """Whether this processor lists its instructions and has none for bfloat16."""
    lists = [line.split() for line in lines_of("/proc/cpuinfo") if line.startswith(("flags", "Features"))]
    return bool(lists) and not {"avx512_bf16", "amx_bf16", "bf16"} & set(lists[0])


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of handing it back to the kernel and faulting it in anew.

    Activations are larger than its default thresholds: they would be returned after every step (mallopt(3)).
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 1 << 30)

"""What trains: the device, its name, the versions of the libraries, the allocator."""

import ctypes
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import nist
from nist.errors import InputError
from nist.runtime import gpus


def session(device: torch.device) -> dict:
    """Where, when and how a part of a block is trained; a block that was never interrupted has one.

    A process with a ``niceness``, or that was stopped, shares its processor with others: its seconds measure nothing.
    """
    return {
        "started": now(),
        "device": device_name(device),
        "versions": versions(),
        "commit": commit(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "stopped_seconds": 0.0,
    }


def now() -> str:
    """The time, UTC, as ISO 8601 has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def commit() -> str | None:
    """The commit of this code, marked with a plus where files of this package differ from it; ``None`` outside git."""
    package = Path(nist.__file__).parent
    answers = []
    for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", "."]):
        try:
            done = subprocess.run(["git", "-C", package, *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
        answers.append(done.stdout.strip())
    return answers[0] + ("+" if answers[1] else "")


def versions() -> dict:
    """Versions of what computes the numbers."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


def device_name(device: torch.device) -> str:
    """The processor in words, as its maker calls it where the system says so."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()} (CPU, {os.cpu_count()} cores)"


def emulates_bfloat16() -> bool:
    """Whether this processor lists its instructions and has none for bfloat16."""
    lists = [line.split() for line in _lines("/proc/cpuinfo") if line.startswith(("flags", "Features"))]
    return bool(lists) and not {"avx512_bf16", "amx_bf16", "bf16"} & set(lists[0])


def is_cpu(name: str) -> bool:
    """Whether a ``device_name`` is a CPU's."""
    return " (CPU, " in name


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


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
    device = torch.device("cuda", gpus.claim(names))
    torch.cuda.set_device(device)  # what is made without naming a device is made there too
    return device


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of handing it back to the kernel and faulting it in anew.

    Activations are larger than its default thresholds: they would be returned after every step (mallopt(3)).
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 1 << 30)

"""What trains: the name of the device, the versions of the libraries, the commit."""

import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

import nist


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
    """Versions of Python, torch and numpy, and of timm and torchvision, which some networks come from, if there."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    for name in ("timm", "torchvision"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def device_name(device: torch.device) -> str:
    """The processor in words, as its maker calls it where the system says so."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    models = [line.partition(":")[2].strip() for line in lines_of("/proc/cpuinfo") if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()} (CPU, {os.cpu_count()} cores)"


def is_cpu(name: str) -> bool:
    """Whether a ``device_name`` is a CPU's."""
    return " (CPU, " in name


def lines_of(path: str) -> list[str]:
    """Lines of a file of the system's, none where it has no such file."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

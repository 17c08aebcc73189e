"""Time and memory of a command."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from nist.errors import InputError


class Usage(NamedTuple):
    """Wall clock and CPU time in seconds, of all processes, and the most memory that one of them took, in bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def of(command: list[str], folder: Path = Path()) -> tuple[Usage, str]:
    """Run ``command`` in ``folder``; return what it took and all that it said.

    Raises ``InputError`` with its last line if it fails.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode:
        raise InputError(f"{' '.join(command[:4])} …: {said.strip().splitlines()[-1]}")
    return Usage(seconds, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss), said


def load() -> str:
    """Cores of this machine, and how busy they were, in words."""
    return f"{os.cpu_count()} cores; load over the last minutes {', '.join(f'{one:.1f}' for one in os.getloadavg())}"

"""Snakemake started in the background, as tests need it that disturb its jobs."""

import signal
import subprocess
import time

from tests.processes import HANG
from tests.workflow.small_study import command


def start(project, profile, *targets, **environment):
    """Snakemake, started in the project with one of its profiles; what it prints is in ``<profile>.log``."""
    words, inherited = command(*targets, profile=profile)
    with (project / f"{profile}.log").open("w") as log:
        return subprocess.Popen(words, cwd=project, env=inherited | environment, stdout=log, stderr=log)


def finish(process, project, profile, state=str):
    """Wait for Snakemake, which must succeed; what it printed says why it did not, and ``state`` where it hung."""
    try:
        code = process.wait(timeout=HANG)
    except subprocess.TimeoutExpired:
        code = f"not finished within {HANG} s\n{state()}"
        process.send_signal(signal.SIGINT)  # cancels its jobs; SIGTERM would wait for them
        try:
            process.wait(timeout=HANG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert code == 0, f"{code}\n{(project / f'{profile}.log').read_text()}"


def wait_for(condition, what):
    """What the condition gives once it gives something."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {HANG} s")

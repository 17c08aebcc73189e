"""A copy of the project with the small study, and Snakemake started in it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from tests.workflow.small_study import STUDY, edit_yaml, shrink

ROOT = Path(__file__).parents[2]


def make_project(folder):
    """Copy what a run needs, and configure two variants of two seeds, one block each."""
    for name in ("nist", "analysis", "workflow", "config", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    edit_yaml(folder / STUDY, shrink)
    edit_yaml(folder / "config/config.yaml", lambda config: config.update(studies=["lenet5-digits"], block_size=2))
    return folder


def start(project, profile, targets, **environment):
    """Snakemake, started in the project with a profile of its own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", f"workflow/profiles/{profile}", *targets]
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", **environment}
    with (project / f"{profile}.log").open("w") as log:
        return subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT)


def finish(process, project, profile, seconds):
    """Wait for Snakemake, which must succeed; what it printed says why it did not."""
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # cancels its jobs; SIGTERM would wait for them
        code = f"not finished within {seconds} s"
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert code == 0, (project / f"{profile}.log").read_text()


def wait_for(condition, seconds, what):
    """What the condition gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def metrics_path(project, variant):
    return project / f"results/metrics/lenet5-digits/{variant}/seeds0-1.parquet"


def metrics(project, variant):
    """Metrics of a variant but for the times they took."""
    return pd.read_parquet(metrics_path(project, variant)).drop(columns="seconds")

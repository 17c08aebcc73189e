import fcntl
import os
import shutil
from pathlib import Path

import pytest

from tests.workflow.small_study import logs, make_project, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project whose small study has been trained, analysed and rendered; not to be changed.

    The first worker that needs it makes it, and the others wait for that.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers of this session
    with (base / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project = base / "finished"
        if not project.exists():
            made = make_project(tmp_path_factory.mktemp("workflow") / "project")
            done = snakemake(made)
            assert done.returncode == 0, done.stderr + logs(made)
            made.rename(project)
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, times kept, that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project"))

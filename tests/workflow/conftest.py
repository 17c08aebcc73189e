import shutil
from pathlib import Path

import pytest

from tests.workflow.small_study import logs, make_project, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project whose small study has been trained, analysed and rendered; not to be changed."""
    project = make_project(tmp_path_factory.mktemp("workflow") / "project")
    done = snakemake(project)
    assert done.returncode == 0, done.stderr + logs(project)
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, times kept, that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project"))

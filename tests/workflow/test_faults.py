"""Faults of drivers and of their jobs: kill -9 of one, of the other, of both; two drivers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nist import metrics_file
from tests.nist.training.block import without_times
from tests.workflow import small_study
from tests.workflow.small_study import STUDY, edit_yaml, make_project

METRICS = "results/metrics/lenet5-digits/dense/seeds0-1.parquet"
LOG = "results/logs/train/lenet5-digits/dense/seeds0-1.log"
EPOCHS = 8

pytestmark = [
    pytest.mark.xdist_group("workflow faults"),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX systems"),
]


def snakemake(project, *arguments):
    """The exit status of snakemake, and all it said."""
    done = small_study.snakemake(project, *(arguments or [METRICS]))
    return done.returncode, done.stdout + done.stderr


def start(project, *arguments):
    """Snakemake, started as the leader of a group of processes."""
    words, environment = small_study.command(*(arguments or [METRICS]))
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(words, cwd=project, env=environment, **options)


def training(driver, project):
    """The process that trains for a driver, once it has written a checkpoint."""
    while not any(project.glob("results/checkpoints/**/seeds*")):
        assert driver.poll() is None, "it ended before there was a checkpoint"
        time.sleep(0.02)
    children = psutil.Process(driver.pid).children(recursive=True)
    (job,) = (child for child in children if child.cmdline()[1:3] == ["-m", "nist.train"])
    return job


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project whose dense block of two seeds has been trained; its jobs write a checkpoint after every epoch."""
    project = make_project(tmp_path_factory.mktemp("faults") / "project")
    edit_yaml(project / STUDY, lambda content: content["training"].update(epochs=EPOCHS))
    rules = project / "workflow/rules/train.smk"
    rules.write_text(rules.read_text().replace(" --threads {threads}", " --minutes 0 --threads {threads}"))
    code, said = snakemake(project)
    assert code == 0, said
    return project


@pytest.fixture
def project(trained, tmp_path):
    """A copy whose block is to be trained anew."""
    copy = Path(shutil.copytree(trained, tmp_path / "project"))
    (copy / METRICS).unlink()
    return copy


def block(project):
    """Rows without times, and how many sessions it took."""
    table, description = metrics_file.read(project / METRICS)
    return without_times(table.to_pylist()), len(description["sessions"])


def assert_complete(project, trained, sessions):
    assert block(project) == (block(trained)[0], sessions)
    assert not any((project / "results/checkpoints").iterdir())


def test_a_job_that_is_killed_is_started_again_and_goes_on(project, trained):
    driver = start(project, "--retries", "1", METRICS)
    training(driver, project).kill()
    assert driver.wait() == 0
    assert_complete(project, trained, sessions=2)


def test_a_killed_driver_leaves_a_job_that_no_second_one_disturbs(project, trained):
    driver = start(project)
    job = training(driver, project)
    try:
        job.suspend()  # so that it outlives what follows
        _, said = snakemake(project)
        assert sum("Directory cannot be locked" in line for line in said.splitlines()) == 1
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        code, said = snakemake(project)
        assert code != 0
        assert "It can be removed with the --unlock argument" in said
        assert snakemake(project, "--unlock")[0] == 0
        code, said = snakemake(project)
        assert code != 0
        refusal = (project / LOG).read_text()
        assert f"process {job.pid} on " in refusal
        assert "trains this block; start again when it has finished or been ended; nothing was changed" in refusal
        assert len(refusal.splitlines()) == 1
        assert job.is_running()
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
    code, said = snakemake(project)
    assert code == 0, said
    assert_complete(project, trained, sessions=2)


def test_what_a_job_finished_after_its_driver_was_killed_is_kept(project, trained):
    driver = start(project)
    job = training(driver, project)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    job.wait()
    assert snakemake(project, "--unlock")[0] == 0
    code, said = snakemake(project)
    assert code == 0, said
    assert (project / LOG).read_text() == f"{METRICS}: complete already; remove it to train these runs again\n"
    assert_complete(project, trained, sessions=1)


def test_a_job_of_a_driver_that_is_interrupted_goes_on(project, trained):
    driver = start(project)
    training(driver, project)
    os.killpg(driver.pid, signal.SIGINT)  # what Ctrl-C on a terminal does
    assert driver.wait() != 0
    assert "Traceback" not in (project / LOG).read_text()
    code, said = snakemake(project)
    assert code == 0, said
    assert_complete(project, trained, sessions=2)


def test_a_job_whose_processes_are_all_asked_to_end_ends_its_epoch_first(project, trained):
    driver = start(project)
    training(driver, project)
    os.killpg(driver.pid, signal.SIGTERM)  # what a scheduler does
    assert driver.wait() != 0
    assert "error: SIGTERM; resumable: started again, the block goes on from epoch" in (project / LOG).read_text()
    code, said = snakemake(project)
    assert code == 0, said
    assert_complete(project, trained, sessions=2)


def test_a_job_that_is_killed_when_its_metrics_are_in_place_has_lost_nothing(project, trained):
    module = project / "nist/train.py"
    last = "        clear(checkpoint, arguments.out, alone)\n"
    kill = "        if os.path.exists('to be killed'):\n            os.kill(os.getpid(), 9)\n"
    text = module.read_text()
    assert last in text
    module.write_text(text.replace(last, last + kill))
    (project / "to be killed").touch()
    assert snakemake(project)[0] != 0
    (project / "to be killed").unlink()
    kept = (project / METRICS).read_bytes()
    code, said = snakemake(project)
    assert code == 0, said
    assert (project / METRICS).read_bytes() == kept
    assert block(project) == (block(trained)[0], 1)


def test_statistics_do_not_take_metrics_of_another_configuration_that_were_put_back(trained, tmp_path):
    # Snakemake puts the old file back when the job that was to replace it fails, and takes it for the new one then.
    project = Path(shutil.copytree(trained, tmp_path / "project"))
    edit_yaml(project / STUDY, lambda content: content["training"].update(batch_size=32))
    module = project / "nist/train.py"
    module.write_text(
        module.read_text().replace(
            "    checkpoint = Checkpoint(place", "    os.abort()\n        checkpoint = Checkpoint(place"
        )
    )
    assert snakemake(project)[0] != 0
    done = subprocess.run(
        [sys.executable, "-m", "analysis.statistics", "--study", STUDY, METRICS, "-o", "statistics"],
        cwd=project,
        capture_output=True,
        text=True,
    )
    message = f"error: {METRICS}: of another configuration than {STUDY} has now; remove it, to train it again"
    assert done.stderr.splitlines() == [message]
    assert not (project / "statistics").exists()

"""The Slurm profile that ships, on a real Slurm of three nodes on this machine, with a job cancelled in mid-run."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.small_study import STUDY, VARIANTS, edit_yaml, shrink

ROOT = Path(__file__).parents[2]
PROFILE = "workflow/profiles/slurm/config.yaml"
TARGET = "results/statistics/lenet5-digits/accuracy.csv"
CONFIGURATION = Path("/etc/slurm")  # steps of jobs look for it nowhere else
DAEMONS = ("slurmctld", "slurmd", "munged", "sbatch")
NODES = 3


def why_not():
    """Why no Slurm can be started here, or nothing."""
    if missing := [name for name in DAEMONS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]:
        return f"needs Slurm: {', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "needs root, to start Slurm"
    if (CONFIGURATION / "slurm.conf").exists():
        return f"{CONFIGURATION}/slurm.conf is there: this machine's own Slurm is left alone"
    return ""


pytestmark = [
    pytest.mark.xdist_group("workflow"),
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def slurm_configuration(folder):
    """Name and text of the files under /etc/slurm."""
    sockets = [socket.socket() for _ in range(NODES + 1)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    controller, *ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    host = socket.gethostname().split(".")[0]
    settings = f"""
        ClusterName=test
        SlurmctldHost={host}(127.0.0.1)
        SlurmctldPort={controller}
        SlurmUser=root
        SlurmdUser=root
        AuthInfo=socket={folder}/munge.socket
        StateSaveLocation={folder}/state
        SlurmdSpoolDir={folder}/spool-%n
        SlurmctldPidFile={folder}/slurmctld.pid
        SlurmdPidFile={folder}/slurmd-%n.pid
        ProctrackType=proctrack/linuxproc
        TaskPlugin=task/none
        JobAcctGatherType=jobacct_gather/linux
        AccountingStorageType=accounting_storage/none
        SelectType=select/cons_tres
        SelectTypeParameters=CR_CPU_Memory
        MpiDefault=none
        ReturnToService=2
        SlurmdParameters=config_overrides
        MinJobAge=3600
        KillWait=2
        GresTypes=gpu
        PartitionName=cpu Nodes=ALL Default=YES State=UP
        PartitionName=gpu Nodes=n1 State=UP
    """
    lines = [line.strip() for line in settings.strip().splitlines()]
    for number, port in enumerate(ports, start=1):
        node = f"NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=32000"
        lines.append(node + (" Gres=gpu:1" if number == 1 else ""))
    return {
        "slurm.conf": "\n".join(lines) + "\n",
        "cgroup.conf": "CgroupPlugin=cgroup/v1\n",
        "gres.conf": "NodeName=n1 Name=gpu File=/dev/null\n",  # a count without a file leaves the node invalid
    }


def ask(*command):
    """What a command of Slurm prints; they can wait for ever."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    return done.stdout if done.returncode == 0 else ""


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def stop(processes):
    for process in reversed(processes):
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running Slurm of three nodes, the first with a GPU to ask for; what it wrote is removed again."""
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    files = slurm_configuration(folder)
    CONFIGURATION.mkdir(exist_ok=True)
    for name, text in files.items():
        (CONFIGURATION / name).write_text(text, encoding="utf-8")
    places = {name: f"{folder}/munge.{name}" for name in ("socket", "pid", "log", "seed")}
    munged = ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={places['socket']}"]
    munged += [f"--{name}-file={places[name]}" for name in ("pid", "log", "seed")]
    commands = [munged, ["slurmctld", "-D"], *(["slurmd", "-D", "-N", f"n{n}"] for n in range(1, NODES + 1))]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    log, running = folder / "daemons.log", []
    try:
        with log.open("w") as out:
            for command in commands:
                running.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
                if command is munged:
                    wait_for(Path(places["socket"]).exists, 10, "munged")
        idle = ["sinfo", "-h", "-N", "-p", "cpu", "-t", "idle", "-o", "%N"]
        wait_for(lambda: len(ask(*idle).split()) == NODES, 20, f"{NODES} idle nodes, {log}")
        yield
        ask("scancel", "--user=root", "--full")
        wait_for(lambda: not ask("squeue", "-h", "-t", "pending,running,completing", "-o", "%i"), 15, "jobs to end")
    finally:
        stop(running)
        for name in files:
            (CONFIGURATION / name).unlink()


def edit_profile(profile):
    """What a person would edit on this cluster, which keeps no accounts, and shorter waits."""
    del profile["default-resources"]["slurm_account"]
    profile.update({"slurm-no-account": True, "slurm-status-command": "squeue", "latency-wait": 5})
    profile["set-threads"].update(train=1, trunk=1)  # as in a local run: sums in another order would be other bits
    profile.update({"slurm-init-seconds-before-status-checks": 1, "seconds-between-status-checks": 1})


def make_project(folder):
    """A copy of the project with the small study."""
    for name in ("nist", "analysis", "workflow", "config", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    edit_yaml(folder / STUDY, shrink)
    edit_yaml(folder / "config/config.yaml", lambda config: config.update(studies=["lenet5-digits"], block_size=2))
    edit_yaml(folder / PROFILE, edit_profile)
    return folder


def start(project, profile):
    """Snakemake, started in the project with a profile of its own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", f"workflow/profiles/{profile}", TARGET]
    log = (project / f"{profile}.log").open("w")
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT)


def finish(process, project, profile, seconds):
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


def running_job_of(variant):
    """Number of the running job that trains a variant, or nothing."""
    for line in ask("squeue", "-h", "-t", "running", "-o", "%i %k").splitlines():
        number, comment = line.split(" ", 1)
        if comment.startswith("rule_train") and variant in comment:
            return number
    return None


def metrics(project, variant):
    return pd.read_parquet(project / f"results/metrics/lenet5-digits/{variant}/seeds0-1.parquet").drop(
        columns="seconds"
    )


@pytest.fixture(scope="module")
def trained(cluster, tmp_path_factory):
    """The small study trained here and, with one job cancelled, on the cluster; and that job's number."""
    here, there = (make_project(tmp_path_factory.mktemp(name) / "project") for name in ("local", "cluster"))
    finish(start(here, "default"), here, "default", 120)
    driver = start(there, "slurm")
    try:
        cancelled = wait_for(lambda: running_job_of("dense"), 60, "a running job that trains dense")
        ask("scancel", cancelled)
    finally:
        finish(driver, there, "slurm", 120)
    return here, there, cancelled


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cluster_gives_the_metrics_of_a_local_run(trained, variant):
    here, there, _ = trained
    pd.testing.assert_frame_equal(metrics(there, variant), metrics(here, variant), check_exact=True)


def jobs_of_training():
    """Fields of every job that trained, by number."""
    jobs = {}
    for line in ask("scontrol", "show", "job", "-o").splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if fields.get("Comment", "").startswith("rule_train"):
            jobs[fields["JobId"]] = fields
    return jobs


def test_a_cancelled_job_is_submitted_again_and_asks_for_more(trained):
    cancelled = trained[2]
    jobs = jobs_of_training()
    assert jobs[cancelled]["JobState"] == "CANCELLED"
    (again,) = (
        job for number, job in jobs.items() if number != cancelled and job["Comment"] == jobs[cancelled]["Comment"]
    )
    assert again["JobState"] == "COMPLETED"
    memory = [int(job["MinMemoryNode"].removesuffix("M")) for job in (jobs[cancelled], again)]
    assert memory[1] == 2 * memory[0]


def test_training_asks_for_the_gpu(trained):
    jobs = jobs_of_training().values()
    assert len(jobs) == 3  # two variants, one of them twice
    assert {(job["TresPerNode"], job["NodeList"], job["Partition"]) for job in jobs} == {("gres:gpu:1", "n1", "gpu")}

"""The Slurm profile that ships, on a real Slurm of three nodes: one job is cancelled, another loses its node midway."""

import pandas as pd
import pytest

from analysis.contracts import STATISTICS
from tests.workflow.driver import finish, start, wait_for
from tests.workflow.slurm_cluster import Cluster, ask, why_not
from tests.workflow.small_study import VARIANTS, command, edit_yaml, make_project, metrics

PROFILE = "profiles/slurm/config.yaml"
MEASURED = ["seconds", "joules", "flops_a_second"]  # no two runs take the same time

pytestmark = [
    pytest.mark.xdist_group("slurm"),
    pytest.mark.slurm,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def edit_profile(profile):
    """What a person would edit on this cluster, which keeps no accounts, and shorter waits."""
    del profile["default-resources"]["slurm_account"]
    profile.update({"slurm-no-account": True, "slurm-status-command": "squeue", "latency-wait": 5})
    profile["set-threads"].update(train=1, trunk=1)  # as in a local run: sums in another order would be other bits
    trunk = dict(profile["set-resources"]["trunk"])
    del trunk["gres"]
    profile["set-resources"]["trunk"] = trunk | {"gpu": 1}  # the other way to ask for one
    profile.update({"slurm-init-seconds-before-status-checks": 1, "seconds-between-status-checks": 1})


def running_job_of(variant):
    """Number of the running job that trains a variant, or nothing."""
    for line in ask("squeue", "-h", "-t", "running", "-o", "%i %k").splitlines():
        number, comment = line.split(" ", 1)
        if comment.startswith("rule_train") and variant in comment:
            return number
    return None


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The whole DAG run on the cluster; and the jobs that were cancelled, that lost their node, and all others."""
    project = make_project(tmp_path_factory.mktemp("cluster") / "project")
    edit_yaml(project / PROFILE, edit_profile)
    edit_yaml(project / "profiles/slurm/settings.yaml", lambda settings: settings.update(device="cpu"))
    with Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        without_accounting = project / "profiles/slurm/without-accounting"
        driver = start(project, "slurm", PATH=f"{without_accounting}:{command()[1]['PATH']}")
        try:
            cancelled = wait_for(lambda: running_job_of("dense"), "a running job that trains dense")
            ask("scancel", cancelled)
            lost = wait_for(lambda: running_job_of("nist-1-10-p98"), "a running job that trains the other variant")
            cluster.crash_node("n1", lost)
            wait_for(lambda: running_job_of("nist-1-10-p98") != lost, "the job to be lost with its node")
            cluster.repair_node("n1", lost)
        finally:
            finish(driver, project, "slurm", cluster.state)
        yield project, cancelled, lost, all_jobs()


def all_jobs():
    """Fields of every job, by number."""
    lines = ask("scontrol", "show", "job", "-o").splitlines()
    jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
    return {job["JobId"]: job for job in jobs}


def rule_of(job):
    """The plugin's comment is rule_<name>_wildcards_<values>."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]


def of_rule(jobs, *rules):
    return {number: job for number, job in jobs.items() if rule_of(job) in rules}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cluster_gives_the_metrics_of_a_local_run(trained, finished, variant):
    ours, local = (metrics(project, variant) for project in (trained[0], finished))
    pd.testing.assert_frame_equal(ours, local, check_exact=True)


def test_the_cluster_gives_the_statistics_and_verdicts_of_a_local_run(trained, finished):
    project = trained[0]
    files = sorted(path.relative_to(finished) for path in finished.glob("results/statistics/*/*.csv"))
    assert len(files) == len(STATISTICS)
    for path in [*files, "results/claims.csv"]:
        ours, local = (pd.read_csv(folder / path) for folder in (project, finished))
        timeless = ours.columns.difference(MEASURED, sort=False)
        assert list(ours) == list(local)
        pd.testing.assert_frame_equal(ours[timeless], local[timeless], check_exact=True, obj=str(path))
    assert (project / "results/report.html").is_file()


def test_a_cancelled_job_is_submitted_again_and_asks_for_more(trained):
    _, cancelled, _, jobs = trained
    assert jobs[cancelled]["JobState"] == "CANCELLED"
    (again,) = (
        job for number, job in jobs.items() if number != cancelled and job["Comment"] == jobs[cancelled]["Comment"]
    )
    assert again["JobState"] == "COMPLETED"
    memory = [int(job["MinMemoryNode"].removesuffix("M")) for job in (jobs[cancelled], again)]
    assert memory[1] == 2 * memory[0]


def test_a_job_whose_node_was_lost_is_put_back_by_slurm_and_runs_again(trained):
    _, _, lost, jobs = trained
    assert jobs[lost]["Restarts"] == "1"
    # As the node is back at once, Slurm's order to end what ran there can still reach the job that it has put back,
    # which then fails and is submitted again by Snakemake.
    states = sorted(job["JobState"] for job in jobs.values() if job["Comment"] == jobs[lost]["Comment"])
    assert states in (["COMPLETED"], ["COMPLETED", "FAILED"])


def test_training_alone_asks_for_a_gpu_in_either_way(trained):
    jobs = trained[3]
    training = of_rule(jobs, "train", "trunk")
    assert len({job["Comment"] for job in training.values()}) == 3  # two variants and a trunk
    assert {(job["NodeList"], job["Partition"]) for job in training.values()} == {("n1", "gpu")}
    assert {job.get("TresPerNode") for job in of_rule(jobs, "train").values()} == {"gres:gpu:1"}
    assert {job.get("TresPerJob") for job in of_rule(jobs, "trunk").values()} == {"gres:gpu:1"}
    assert {job["Partition"] for number, job in jobs.items() if number not in training} == {"cpu"}


def test_what_takes_seconds_is_no_job(trained):
    rules = {rule_of(job) for job in trained[3].values()}
    assert rules == {"images", "trunk", "train", "statistics"}

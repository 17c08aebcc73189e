"""The Kubernetes profile that ships, with kubectl itself and a stand-in for the cluster; one pod is lost in mid-run."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from nist import metrics_file
from tests.processes import HANG
from tests.workflow.driver import finish, start, wait_for
from tests.workflow.kubernetes_api import Cluster
from tests.workflow.small_study import ROOT, VARIANTS, edit_yaml, make_project, metrics

PROFILE = Path("profiles/kubernetes")
TARGETS = ["results/statistics/lenet5-digits/accuracy.csv", "results/figures/lenet5-digits/figa2.svg"]

pytestmark = [
    pytest.mark.xdist_group("kubernetes"),
    pytest.mark.kubernetes,
    pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A stand-in for a cluster, which kubectl finds by the environment."""
    folder = tmp_path_factory.mktemp("kubernetes")
    cluster = Cluster(home=tmp_path_factory.mktemp("home"))
    (folder / "config").write_text(cluster.configuration(), encoding="utf-8")
    cluster.environment = {"KUBECONFIG": str(folder / "config"), "KUBECACHEDIR": str(folder / "cache")}
    yield cluster
    cluster.close()


def edit_profile(profile):
    """Shorter waits, a resource of one's own, and as many threads as in a local run: others would give other bits."""
    profile.update({"latency-wait": 5, "seconds-between-status-checks": 1, "max-status-checks-per-second": 10})
    profile["set-threads"].update(train=1, trunk=1)
    profile["default-resources"]["pool"] = "small"
    profile["set-resources"]["train"]["pool"] = "large"


def make_pods_project(folder):
    """The small project with a profile as someone would have edited it, and a checkpoint after every epoch, so that a
    pod can be lost right after one."""
    project = make_project(folder)
    rule = project / "workflow/rules/train.smk"
    rule.write_text(rule.read_text(encoding="utf-8").replace("--threads", "--minutes 0 --threads"), encoding="utf-8")
    edit_yaml(project / PROFILE / "config.yaml", edit_profile)
    edit_yaml(project / PROFILE / "settings.yaml", lambda settings: settings.update(device="cpu"))
    manifest = project / PROFILE / "job.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace("restartPolicy", "nodeSelector: {pool: '${pool}'}\n      restartPolicy"), encoding="utf-8"
    )
    return project


@pytest.fixture(scope="module")
def trained(cluster, tmp_path_factory):
    """The small study trained in pods, one of them lost after a checkpoint: the project, all jobs, and that one."""
    project = make_pods_project(tmp_path_factory.mktemp("pods") / "project")
    driver = start(project, "kubernetes", *TARGETS, **cluster.environment)
    try:
        checkpoints = project / "results/checkpoints/lenet5-digits/dense"
        wait_for(lambda: list(checkpoints.glob("*/seeds0-1.safetensors")), "a checkpoint of dense")
        lost = next(job for job in cluster.submitted if "variant=dense" in wildcards(job))
        lost.kill()
    finally:
        finish(driver, project, "kubernetes")
    return project, list(cluster.submitted), lost


def wildcards(job):
    return job.manifest["metadata"]["annotations"]["wildcards"]


def rule(job):
    return job.manifest["metadata"]["labels"]["rule"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_give_the_metrics_of_a_local_run(trained, finished, variant):
    pods, local = (metrics(project, variant) for project in (trained[0], finished))
    pd.testing.assert_frame_equal(pods, local, check_exact=True)


def test_a_lost_pod_is_submitted_again_with_more_and_goes_on_from_its_checkpoint(trained):
    project, jobs, lost = trained
    (again,) = (job for job in jobs if job is not lost and job.manifest["metadata"] == lost.manifest["metadata"])
    first, second = lost.container["resources"], again.container["resources"]
    assert (first["requests"]["memory"], second["requests"]["memory"]) == ("16000M", "32000M")
    assert (first["limits"]["memory"], second["limits"]["memory"]) == ("16000M", "32000M")
    seconds = [job.manifest["spec"]["template"]["spec"]["activeDeadlineSeconds"] for job in (lost, again)]
    assert seconds == [8 * 3600, 16 * 3600]
    assert (
        len(metrics_file.read(project / "results/metrics/lenet5-digits/dense/seeds0-1.parquet").description["sessions"])
        == 2
    )


def test_training_alone_asks_for_gpus_and_local_rules_for_no_pod(trained):
    jobs = trained[1]
    gpus = sorted((rule(job), job.container["resources"]["limits"]["nvidia.com/gpu"]) for job in jobs)
    assert gpus == [("images", 0), ("statistics", 0), ("train", 1), ("train", 1), ("train", 1), ("trunk", 1)]


def test_a_resource_of_ones_own_is_filled_into_the_manifest(trained):
    pools = {rule(job): job.pod["nodeSelector"]["pool"] for job in trained[1]}
    assert pools == {"images": "small", "statistics": "small", "train": "large", "trunk": "large"}


def test_an_interrupted_driver_leaves_no_pod(cluster, tmp_path):
    project, before = make_pods_project(tmp_path / "project"), len(cluster.submitted)
    driver = start(project, "kubernetes", *TARGETS, **cluster.environment)
    try:
        wait_for(lambda: "with external jobid" in (project / "kubernetes.log").read_text(), "a job")
    finally:
        driver.send_signal(signal.SIGINT)
        driver.wait(timeout=HANG)
    jobs = cluster.submitted[before:]  # on a slow machine the first may have ended well before the interruption
    assert jobs
    assert all(job.process.poll() is not None for job in jobs)
    assert not [job for job in jobs if job.process.returncode and job in cluster.jobs.values()]


def test_what_pods_print_stays_on_the_volume(trained):
    project, jobs, _ = trained
    names = {job.manifest["metadata"]["name"] for job in jobs}
    logs = {path.stem: path.read_text(encoding="utf-8") for path in project.glob("results/logs/kubernetes/*.log")}
    assert logs.keys() == names
    assert all("Building DAG of jobs" in text for text in logs.values())


@pytest.fixture
def submit(cluster, tmp_path):
    """Submit a job that runs a command, from a folder of its own, as Snakemake would; gives its name."""

    def run(command, **resources):
        wanted = {"mem_mb": 1000, "runtime": 1, "gpus": 0, **resources}
        wanted = {name: amount for name, amount in wanted.items() if amount is not None}
        properties = {"rule": "statistics", "wildcards": {"study": "s"}, "threads": 1, "resources": wanted}
        script = tmp_path / "jobscript.sh"
        script.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\n{command}\n", encoding="utf-8")
        return call(cluster, "submit", str(script), cwd=tmp_path)

    return run


def call(cluster, script, *arguments, cwd=ROOT):
    """What a script of the profile prints."""
    command = [str(ROOT / PROFILE / script), *arguments]
    environment = {**os.environ, **cluster.environment}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True, timeout=HANG
    ).stdout.strip()


@pytest.mark.parametrize(("command", "status"), [("true", "success"), ("false", "failed"), ("sleep 60", "running")])
def test_the_status_of_a_job(cluster, submit, command, status):
    name = submit(command)
    if status != "running":
        cluster.jobs[name].process.wait(timeout=HANG)
    assert call(cluster, "status", name) == status


def test_a_job_that_is_gone_has_failed(cluster):
    assert call(cluster, "status", "nist-train-0") == "failed"


def test_a_cluster_that_does_not_answer_loses_no_job(cluster, tmp_path):
    nowhere = tmp_path / "config"
    nowhere.write_text(cluster.configuration().replace(str(cluster.server_port), "9"), encoding="utf-8")
    lost = SimpleNamespace(environment={**cluster.environment, "KUBECONFIG": str(nowhere)})
    assert call(lost, "status", "nist-train-0") == "running"


def test_a_cancelled_job_is_deleted(cluster, submit):
    name = submit("sleep 60")
    process = cluster.jobs[name].process
    call(cluster, "cancel", name)
    assert name not in cluster.jobs
    assert process.poll() is not None


def test_a_job_that_a_killed_driver_left_running_makes_way(cluster, submit):
    first = cluster.jobs[submit("sleep 60")]
    second = cluster.jobs[submit("sleep 60")]
    assert first.manifest["metadata"]["name"] == second.manifest["metadata"]["name"]
    assert first.process.poll() is not None
    assert second.process.poll() is None


def test_a_resource_that_the_profile_lacks_is_named(submit):
    with pytest.raises(subprocess.CalledProcessError) as raised:
        submit("true", gpus=None)
    (line,) = raised.value.stderr.splitlines()
    assert line.endswith("job.yaml: nothing to fill in for 'gpus'; a resource of that name, in config.yaml, would do")


def test_what_the_cluster_refuses_is_not_taken_for_submitted(cluster, submit, monkeypatch):
    monkeypatch.setattr(
        cluster, "create", lambda manifest: (403, {"kind": "Status", "code": 403, "message": "forbidden"})
    )
    with pytest.raises(subprocess.CalledProcessError) as raised:
        submit("true")
    assert "kubectl did not take it as nist-statistics-" in raised.value.stderr


def test_pods_of_jobs_and_of_the_driver_are_of_one_image_and_see_one_volume(cluster, submit):
    pod = cluster.jobs[submit("true")].pod
    driver = list(yaml.safe_load_all((ROOT / PROFILE / "setup.yaml").read_text(encoding="utf-8")))[-1]["spec"]
    (container,), (of_driver,) = pod["containers"], driver["containers"]
    assert of_driver["image"] == container["image"]
    assert driver["securityContext"] == pod["securityContext"]
    assert driver["volumes"][0] in pod["volumes"]
    assert of_driver["volumeMounts"][0] in container["volumeMounts"]

"""Profiles are folders that one copies and edits; what they say of a machine stands nowhere else."""

import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from tests.workflow.small_study import ROOT, edit_yaml, make_project, snakemake

PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/config.yaml"))
WITH_SETTINGS = [name for name in PROFILES if name != "default"]
# All jobs are announced: the studies of two models, and class folders that must be decoded.
STUDIES = "studies=[lenet5-digits,vgg16-imagenet100]"

GPU = re.compile(r"gpus?|gres")  # how a scheduler is asked for one


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("profiles") / "project")


@pytest.fixture
def project(untrained, tmp_path):
    return Path(shutil.copytree(untrained, tmp_path / "project"))


def announced(project, profile, *configuration):
    """Text of a dry run, one piece a job: its rule, resources and command."""
    done = snakemake(project, "-n", "-p", "--quiet", "host", "--config", STUDIES, *configuration, profile=profile)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.split(r"^(?:local)?rule ", done.stdout, flags=re.MULTILINE)[1:]


def test_there_is_a_profile_for_each_kind_of_machine():
    assert {"default", "workstation", "slurm"} <= set(PROFILES)


@pytest.mark.parametrize("profile", WITH_SETTINGS)
def test_a_profile_gives_training_alone_a_gpu_and_takes_its_settings_from_beside_it(profile):
    folder = ROOT / "profiles" / profile
    content = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    asking = {rule for rule, resources in content["set-resources"].items() if any(map(GPU.fullmatch, resources))}
    assert asking == {"train", "trunk", "replay"}
    assert content["configfile"] == "settings.yaml"
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    settings = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
    assert settings.keys() <= config.keys()


@pytest.mark.slow
@pytest.mark.parametrize("profile", WITH_SETTINGS)
def test_jobs_have_what_a_copied_profile_says_and_the_command_line_changes_single_settings(project, profile):
    profiles = project / "profiles"
    shutil.copytree(profiles / profile, profiles / "mine")
    edit_yaml(profiles / "mine/settings.yaml", lambda settings: settings.update(block_size=1, device="cpu"))
    jobs = announced(project, "mine", "device=cuda")
    asking = {job.partition(":")[0] for job in jobs if re.search(r"\bgpus?=1\b|gres=gpu:1\b", job)}
    assert asking == {"train", "trunk"}
    assert {"images", "image_folder", "statistics"} <= {job.partition(":")[0] for job in jobs}
    training = [job for job in jobs if job.startswith("train:")]
    assert sum("--study lenet5-digits" in job for job in training) == 2 * 2  # two variants of two seeds, one a block


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU would take it")
def test_the_command_line_chooses_the_device_before_the_profile_does(project):
    edit_yaml(project / "profiles/workstation/settings.yaml", lambda settings: settings.update(device="cpu"))
    block = "lenet5-digits/dense/seeds0-0"
    options = ("--config", "studies=[lenet5-digits]", "device=cuda", "block_size=1")
    done = snakemake(project, f"results/metrics/{block}.parquet", *options, profile="workstation")
    assert done.returncode != 0
    log = (project / f"results/logs/train/{block}.log").read_text(encoding="utf-8")
    assert "--device cuda: no CUDA device is visible here" in log


@pytest.mark.slow
@pytest.mark.parametrize("profile", WITH_SETTINGS)
def test_a_mistake_in_a_profiles_settings_is_one_line(project, profile):
    edit_yaml(project / f"profiles/{profile}/settings.yaml", lambda settings: settings.update(blocksize=1))
    done = snakemake(project, "-n", profile=profile)
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: profiles/{profile}/settings.yaml: top level: ")
    assert "'blocksize' was unexpected" in last


RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_carry_no_words_of_a_cluster(path):
    words = r"slurm|partition|\bgres\b|kubernetes|\bpods?\b|\bgpus?\b|account|mem_mb|runtime|nvidia"
    assert re.findall(words, path.read_text(encoding="utf-8"), re.IGNORECASE) == []

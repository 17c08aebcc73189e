"""The Containerfile stays in step with the Makefile, the packages and the manifests. It is not built here."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "").splitlines()
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
LET_IN = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]


def instructions(name):
    """Arguments of every instruction of that name."""
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{name} ")]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_its_python_is_one_the_project_admits(project):
    (base,) = instructions("FROM")
    name, version = re.fullmatch(r"([a-z/.]+):(\d+\.\d+)-slim-[a-z]+", base).groups()
    assert name == "python"  # no host: wherever podman is told to look
    assert SpecifierSet(project["project"]["requires-python"]).contains(version)


def test_packages_come_from_the_lock_through_make_alone():
    text = "\n".join(LINES)
    assert "make .venv/$ENVIRONMENT" in text
    assert not re.search(r"\b(pip|uv|conda)\b", text)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    environments = re.findall(r"ENVIRONMENT=(\S+)", text)
    assert sorted(environments) == [".complete", ".without-torch"]
    assert all(f"$(VENV)/{name}\n" in makefile for name in environments)


def test_what_it_copies_is_there_and_let_in():
    assert IGNORED[[line.startswith("#") for line in IGNORED].index(False)] == "*"
    assert [path for path in LET_IN if not (ROOT / path).exists()] == []
    copied = [source for line in instructions("COPY") for source in line.split()[1:-1] if source != "."]
    assert copied
    assert set(copied) <= set(LET_IN)


def test_all_that_a_run_needs_is_let_in():
    needed = {"nist", "analysis", "Snakefile", "workflow", "profiles", "config", "docs", "results/published"}
    assert needed <= set(LET_IN)


def test_no_data_set_and_no_result_of_this_machine_is_let_in():
    assert not {"data", "results", ".git", ".venv"} & set(LET_IN)


def test_pods_run_as_its_user_and_find_its_commands():
    (uid,) = re.findall(r"useradd .*--uid (\d+)", "\n".join(LINES))
    setup = yaml.safe_load_all((ROOT / "profiles/kubernetes/setup.yaml").read_text(encoding="utf-8"))
    (pod,) = [each["spec"] for each in setup if each["kind"] == "Pod"]
    assert pod["securityContext"]["runAsUser"] == int(uid)
    assert "root" not in instructions("USER")
    assert {"git", "kubernetes-client", "make"} <= set(instructions("RUN")[0].split())

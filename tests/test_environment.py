"""pyproject.toml, environment.yml and requirements.lock name the same packages, and every one is used or explained."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal", "torch": "pytorch",
               "huggingface-hub": "huggingface_hub"}  # fmt: skip


@pytest.fixture(scope="module")
def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    requirements = map(Requirement, [*project["dependencies"], *(text for extra in extras for text in extra)])
    return {requirement.name: requirement for requirement in requirements if requirement.name != project["name"]}


@pytest.fixture(scope="module")
def locked():
    """Every locked version of every package."""
    versions = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            name, version = re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line).groups()
            versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def test_conda_names_the_same_packages_and_ranges(declared):
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (from_pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]  # conda has none of these
    entries = [*(entry for entry in entries if isinstance(entry, str) and entry != "pip"), *from_pip]
    conda = {Requirement(entry).name: Requirement(entry).specifier for entry in entries}
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert conda.pop("python") == Requirement(f"python{python}").specifier
    assert conda == {CONDA_NAMES.get(name, name): requirement.specifier for name, requirement in declared.items()}


def test_the_lock_satisfies_every_range(declared, locked):
    for name, requirement in declared.items():
        versions = locked.get(canonicalize_name(name), [])
        assert versions, f"{name} is not in requirements.lock: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), name


def test_the_lock_has_hashes_and_no_addresses():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_torch_is_the_one_the_runs_were_made_with(locked):
    assert locked["torch"] == ["2.15.0"]
    assert len(locked["torchvision"]) == 1


@pytest.mark.xdist_group("environment")
def test_tests_of_one_group_stay_in_one_worker(request):
    """Those of Slurm would start it twice otherwise, and others train their project once a worker."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("of make test alone, which runs tests in several workers")
    assert request.node.nodeid.endswith("@environment")

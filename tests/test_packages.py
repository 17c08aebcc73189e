"""The wheel: ``nist`` alone, tried in an environment that has no more than what it says it needs."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import nist

ROOT = Path(__file__).parents[1]
USED = """
import torch
from torch import nn
import nist

model = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))
nist.sparsify(model, factors=[2, 4])
assert nist.prune(model, 0.9) == 67
assert sum(layer.active_weights for layer in nist.audit(model)) == 67
assert model(torch.ones(3, 32)).shape == (3, 10)
assert type(nist.densify(model)[0]) is nn.Linear
assert nist.calibrate(0.01, "cpu")
"""


def needed(names):
    """Names of distributions that ``names`` need, themselves with them, as installed here."""
    found, pending = set(), list(names)
    while pending:
        name = pending.pop()
        try:
            requirements = map(Requirement, distribution(name).requires or [])
        except PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            pending += [one.name for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")  # a build leaves files
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("nist", "analysis"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory):
    """A function that runs words in an environment of the wheel and what it needs, linked from this one."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    install = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, check=True)
    requirements = map(Requirement, distribution_of(wheel))
    base = [one.name for one in requirements if not one.marker]
    for name in needed(base):
        files = distribution(name).files
        for top in {file.parts[0] for file in files} - {"..", "__pycache__", "bin"}:
            target = site / top
            if not target.exists():
                target.symlink_to(Path(distribution(name).locate_file(top)).resolve())

    def run(*words):
        return subprocess.run([folder / "bin" / words[0], *words[1:]], cwd=folder, capture_output=True, text=True)

    return run


def distribution_of(wheel):
    """What the wheel says it needs."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    return [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]


def test_type_checkers_see_the_public_names_where_they_are():
    lines = (ROOT / "nist/__init__.pyi").read_text(encoding="utf-8").splitlines()[1:]
    seen = {line.split()[-1]: line.split()[1] for line in lines}
    assert seen == {name: getattr(nist, name).__module__ for name in nist.__all__}


@pytest.mark.slow
def test_the_wheel_holds_nist_alone_and_says_that_it_is_typed(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"nist", "nist_sparse_training"}
    assert {"nist/py.typed", "nist/__init__.pyi", "nist/sparse/costs.yaml", "nist/studies/study.schema.yaml"} <= {
        *names
    }


@pytest.mark.slow
def test_the_method_needs_torch_numpy_and_yaml_alone(bare):
    done = bare("python", "-c", USED)
    assert done.returncode == 0, done.stderr
    assert bare("python", "-c", "import analysis").returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["nist-train", "nist-train-all"])
def test_a_command_says_what_to_install(bare, command):
    done = bare(command, "--help")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("here: pip install 'nist-sparse-training[train]'")

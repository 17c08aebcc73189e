"""Commands that the page, figures, tables and the ledger print: they ask for what is missing, and are accepted."""

import re
import shlex
import shutil
import subprocess

import pytest

from analysis import study_results
from analysis.pipeline import Pipeline
from nist.studies import study, yaml_file
from tests.workflow.small_study import ROOT

NAMES = [path.stem for path in sorted((ROOT / "config/studies").glob("*.yaml"))]
CONFIGURATION = yaml_file.read(ROOT / "config/config.yaml")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder with the Makefile, the studies and an environment, and with no run; make would install one otherwise."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / ".venv").mkdir()
    (folder / ".venv/.complete").touch()
    return folder


def named(clone, command):
    """The studies that a command names to Snakemake."""
    words = shlex.split(command)
    if words[0] == "make":
        done = subprocess.run([*words, "-n"], cwd=clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        command = done.stdout
    return re.search(r"studies=\[(.*?)\]", command).group(1).replace(" ", "").split(",")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize("name", NAMES)
def test_the_command_for_a_study_names_it_and_is_accepted(clone, name):
    studies = named(clone, study_results.how_to_run((name,)))
    assert name in studies
    pipeline = Pipeline({**CONFIGURATION, "metrics_source": "train", "studies": studies})
    assert len(pipeline.made(name)) >= len(study.load(name).variants)


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_the_command_for_several_studies_names_them_all(clone):
    names = ("vgg16-imagenet100", "vgg16-imagenet100-low", "lenet5-fmnist-controls")
    assert {*names, "lenet5-fmnist"} <= {*named(clone, study_results.how_to_run(names))}

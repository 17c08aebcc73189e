"""The embedded LeNet-5 study made small enough to be trained in a test, and Snakemake run on it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from nist.studies import study

ROOT = Path(__file__).parents[2]
STUDY = "config/studies/lenet5-digits.yaml"
VARIANTS = ("dense", "nist-1-10-p98")
PAPER_ITEMS = ("fig1", "fig2", "figa1", "figa2", "tablea1", "tablea3")  # those that the page cannot do without, and two


def edit_yaml(path, change):
    """Read a YAML file, ``change`` its content, and write it back."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def edit_study(path, change):
    """Read a study, ``change`` its content, and write it back whole: it then extends none."""
    content = study.load(path).content
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def shrink(content):
    """Two variants, two seeds, two epochs, few resamples."""
    content["seeds"] = "0-1"
    content["training"]["epochs"] = 2
    content["training"]["optimizers"][0]["share"] = content["training"]["optimizers"][1]["share"] = 0.5
    content["variants"] = {name: content["variants"][name] for name in VARIANTS}
    content["variants"]["nist-1-10-p98"]["prune"]["epoch"] = 1
    content["statistics"].update(resamples=99, calibration_splits=100, calibration_resamples=99)


def fewer_items(manifest):
    """Leave out most of the paper's own figures and tables."""
    for name in manifest.keys() - {*PAPER_ITEMS}:
        manifest[name].pop("studies", None)


def copy_project(folder):
    """A copy of what Snakemake needs of the project."""
    for name in ("nist", "analysis", "workflow", "profiles", "config", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def make_project(folder):
    """A copy of the project with the small study alone, as one block of seeds a variant."""
    copy_project(folder)
    edit_study(folder / STUDY, shrink)
    edit_yaml(folder / "config/figures.yaml", fewer_items)
    edit_yaml(folder / "config/config.yaml", lambda config: config.update(studies=["lenet5-digits"], block_size=2))
    return folder


def command(*arguments, profile="default"):
    """Command line and environment that run Snakemake with one of the project's profiles."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    words = [sys.executable, "-m", "snakemake", "--workflow-profile", f"profiles/{profile}", *arguments]
    return words, environment


def snakemake(project, *arguments, profile="default"):
    words, environment = command(*arguments, profile=profile)
    return subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True)


def jobs_of(said):
    """Number of jobs by rule that a dry run announces."""
    if "Nothing to be done" in said:
        return {}
    table = re.search(r"^job +count\n[- ]+\n(.*?)\ntotal", said, re.MULTILINE | re.DOTALL)
    return {rule: int(count) for rule, count in map(str.split, table[1].splitlines()) if rule != "all"}


def metrics(project, variant):
    """Metrics of a variant but for the times they took."""
    path = project / f"results/metrics/lenet5-digits/{variant}/seeds0-1.parquet"
    return pd.read_parquet(path).drop(columns="seconds")


def logs(project):
    """What the jobs of a project printed."""
    return "\n".join(path.read_text() for path in project.glob("results/logs/**/*.log"))

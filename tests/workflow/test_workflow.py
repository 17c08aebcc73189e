"""The DAG, run for real on a study of two seeds and two epochs, and what it would redo after a change.

What is trained when, under which names, is ``nist.studies.plan``'s and tested there; here Snakemake is seen to agree.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.small_study import ROOT, STUDY, VARIANTS, edit_yaml, jobs_of, logs, make_project, snakemake

ITEMS = "items_of_lenet5-digits"


def planned(project, *arguments):
    """Number of jobs by rule that a dry run announces."""
    done = snakemake(project, "-n", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return jobs_of(done.stdout)


def append_comment(path):
    """Change a file's content; Snakemake compares checksums where only the time of a small file has changed."""
    path.write_text(path.read_text(encoding="utf-8") + "# A remark.\n", encoding="utf-8")


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_everything_asked_for_is_there(finished):
    results = finished / "results"
    expected = [
        "report.html",
        "claims.csv",
        "figures/fig1.svg",
        *(f"figures/lenet5-digits/{name}.{ending}" for name in ("figa2", "figa3") for ending in ("svg", "pdf", "png")),
        *(f"tables/tablea1.{ending}" for ending in ("csv", "md", "tex")),
        *(f"tables/lenet5-digits/tablea2.{ending}" for ending in ("csv", "md", "tex")),
        *(f"statistics/lenet5-digits/{name}.csv" for name in ("wilcoxon", "wilson", "auc_sd", "cost", "holm", "power")),
        *(f"metrics/lenet5-digits/{variant}/seeds0-1.parquet" for variant in VARIANTS),
    ]
    assert [name for name in expected if not (results / name).is_file()] == []
    assert "4 training runs in 1 study" in (results / "report.html").read_text(encoding="utf-8")
    papers = {path.stem for kind in ("figures", "tables") for path in (results / kind).glob("*.*")}
    assert papers == {"fig1", "fig2", "figa1", "tablea1"}  # what needs no runs of the paper's studies


def test_what_changes_no_number_and_no_picture_redoes_nothing(project):
    append_comment(project / "nist/training/loop.py")  # which is part of what trains
    assert planned(project, "--config", "data_root=elsewhere", "device=cpu") == {}


def test_what_changes_a_picture_redraws_and_computes_nothing(project):
    edit_yaml(project / STUDY, lambda content: content["variants"]["dense"].update(colour="green"))
    assert planned(project) == {ITEMS: 1, "report": 1}
    append_comment(project / "analysis/figures/style.py")
    assert planned(project) == {ITEMS: 1, "paper_items": 1, "report": 1}


@pytest.mark.slow
def test_what_reads_studies_reads_them_again_when_the_defaults_change(project):
    append_comment(project / "config/defaults.yaml")
    assert planned(project) == {"ledger": 1, "findings": 1, "report": 1}


def test_what_changes_a_statistic_recomputes_and_trains_nothing(project):
    append_comment(project / "analysis/statistics/auc_sd.py")
    assert set(planned(project)) == {"statistics", ITEMS, "report"}


def test_an_edit_deep_below_redoes_what_hangs_on_it(project):
    append_comment(project / "nist/sparse/mask.py")  # counts of weights come from there, and the drawings of masks
    assert set(planned(project)) == {"statistics", "ledger", "findings", ITEMS, "paper_items", "report"}


def test_what_changes_a_number_trains_again(project):
    replace(project / "nist/training/loop.py", "EVALUATION_BATCH = 1024", "EVALUATION_BATCH = 512")
    jobs = planned(project, "--config", "seeds={lenet5-digits: 0-3}")
    assert (jobs["trunk"], jobs["train"]) == (2, 4)  # both blocks of either variant, of which one is new


def test_a_mistake_in_the_configuration_is_one_line(project):
    done = snakemake(project, "-n", "--config", "studies=[nowhere]")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == "error: config/studies/nowhere.yaml: no such file"


def test_from_another_folder_it_says_what_to_do(tmp_path):
    words = [sys.executable, "-m", "snakemake", "-n", "-s", str(ROOT / "Snakefile")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"error: run in the folder of the project, with snakemake --directory {ROOT}"


@pytest.mark.slow
def test_new_parameters_new_seeds_and_another_prune_redo_what_hangs_on_them(project):
    edit_yaml(project / STUDY, lambda content: content["statistics"].update(confidence=0.9))
    jobs = planned(project)
    assert "train" not in jobs
    assert "statistics" in jobs
    assert planned(project, "--config", "seeds={lenet5-digits: 0-3}")["train"] == 2  # seeds 2-3 of either variant
    edit_yaml(project / STUDY, lambda content: content["variants"][VARIANTS[1]]["prune"].update(sparsity=0.97))
    assert planned(project)["train"] == 1


@pytest.mark.slow
def test_the_paper_s_items_and_the_ledger_take_what_is_configured(project, tmp_path):
    targets = ("--", "results/tables/tablea3.csv", "results/claims.csv")
    assert planned(project, "results/claims.csv") == {}
    fresh = make_project(tmp_path / "fresh")
    jobs = planned(fresh, "--config", "studies=[alexnet-cifar10]", *targets)
    assert set(jobs) == {"images", "ledger", "paper_items", "statistics", "train", "trunk"}
    # Stand-ins and pilots decide no claim.
    names = "[vgg16-cifar10, deit-small-cifar10, alexnet-cifar10-pilot]"
    assert set(planned(fresh, "--config", f"studies={names}", "--", "results/claims.csv")) == {"ledger"}


@pytest.mark.slow
def test_a_list_of_classes_reaches_the_command_that_decodes_them(project):
    study = project / "config/studies/vgg16-imagenet100.yaml"
    edit_yaml(study, lambda content: content["data"].update(class_list="a-hundred.txt"))
    studies = "studies=[vgg16-imagenet100,deit-small-imagenet100]"
    done = snakemake(project, "-n", "-p", "--quiet", "host", "--config", studies)
    assert done.stdout.count("python -m nist.image_folder imagenet100") == 2
    assert done.stdout.count("--n-classes 100 --classes=data/imagenet100/a-hundred.txt") == 1
    assert "results/images/imagenet100-224-stretch-100-a-hundred.txt/manifest.json" in done.stdout


@pytest.mark.slow
def test_what_is_trained_without_snakemake_is_not_trained_again(project):
    for name in ("metrics", "trunks", "statistics", "benchmarks"):  # Snakemake takes a benchmark's age for the job's
        shutil.rmtree(project / "results" / name)
    assert planned(project).keys() >= {"train", "trunk"}
    command = [sys.executable, "-m", "nist.train_all", "lenet5-digits"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert planned(project).keys().isdisjoint({"train", "trunk"})


@pytest.mark.slow
def test_a_clock_that_went_backwards_trains_nothing_again(project):
    block = f"lenet5-digits/{VARIANTS[1]}/seeds0-1"
    metrics = project / f"results/metrics/{block}.parquet"
    os.utime(metrics, (1e9, 1e9))  # older than the trunk that it was trained from
    before = metrics.read_bytes()
    done = snakemake(project, str(metrics.relative_to(project)))
    assert done.returncode == 0, done.stderr
    assert "complete already" in (project / f"results/logs/train/{block}.log").read_text()
    assert metrics.read_bytes() == before


@pytest.mark.slow
def test_a_metrics_file_cut_in_half_stops_the_statistics_with_its_name(project):
    path = project / "results/metrics/lenet5-digits/dense/seeds0-1.parquet"
    path.write_bytes(path.read_bytes()[:500])
    done = snakemake(project, "results/statistics/lenet5-digits/accuracy.csv")
    assert done.returncode != 0
    log = (project / "results/logs/statistics/lenet5-digits.log").read_text()
    assert "dense/seeds0-1.parquet: not a whole Parquet file" in log
    assert len(log.splitlines()) == 1
    assert done.stderr.splitlines()[-1] == f"results/logs/statistics/lenet5-digits.log: {log.strip()}"


@pytest.mark.slow
def test_the_tutorial_of_a_study_of_ones_own_works(finished, tmp_path):
    page = (ROOT / "docs/own-study.md").read_text(encoding="utf-8")
    model, experiment = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "yaml"))
    project = Path(shutil.copytree(finished, tmp_path / "project"))
    shutil.copy(ROOT / STUDY, project / STUDY)  # as a reader has it, who extends it
    for text in (model, experiment):
        path = project / text.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    smaller = ["seeds={small-digits: 0-2}", "studies=[small-digits]", "block_size=auto"]
    done = snakemake(project, "--config", *smaller)
    assert done.returncode == 0, done.stderr + logs(project)
    report = (project / "results/report.html").read_text(encoding="utf-8")
    assert "A small network on handwritten digits" in report
    assert "9 training runs in 1 study" in report
    append_comment(project / "mymodels/small.py")
    assert planned(project, "--config", *smaller) == {}
    replace(project / "mymodels/small.py", "nn.ReLU()", "nn.Tanh()")
    assert planned(project, "--config", *smaller)["train"] == 3


@pytest.mark.slow
def test_snakemakes_own_report_has_captions_and_categories(project, tmp_path):
    done = snakemake(project, "--report", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "figures, tables and the" in content
    for text in ("The paper's figures and tables", "Claims", "tablea1", "Every claim of the paper with its verdict"):
        assert text.replace("'", "\\u0027") in content or text in content, text


@pytest.mark.slow
def test_runs_of_another_study_are_taken_over_and_not_trained_again(project):
    """A study in blocks of its own takes one of the dense runs, and trains a random mask."""
    path = project / "config/studies/controls.yaml"
    shutil.copy(project / STUDY, path)

    def change(content):
        content.update(study="controls", edition="own", seeds="1-1", block_size=1)
        content["variants"]["dense"]["runs_of"] = "lenet5-digits"
        pruned = content["variants"].pop(VARIANTS[1])
        content["variants"]["random"] = {**pruned, "changes": {"model.head.scheme": "random"}}

    edit_yaml(path, change)
    edit_yaml(project / STUDY, lambda content: content.update(block_size=2))
    taking = ("--config", "studies=[lenet5-digits,controls]", "block_size=auto")
    jobs = planned(project, *taking)
    assert (jobs["take"], jobs["train"], jobs["trunk"]) == (1, 1, 1)
    taken = "results/metrics/controls/dense/from-lenet5-digits/seeds1-1.parquet"
    done = snakemake(project, taken, *taking)
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        pd.read_parquet(project / path) for path in (taken, "results/metrics/lenet5-digits/dense/seeds0-1.parquet")
    )
    assert set(ours["study"]) == {"controls"}
    theirs = theirs[theirs["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours.drop(columns="study"), theirs.drop(columns="study"))

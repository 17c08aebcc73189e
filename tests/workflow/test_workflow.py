"""The DAG, run for real on a study of two seeds and two epochs, and what it would redo after a change."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.small_study import ROOT, STUDY, edit_yaml, logs, make_project, snakemake

pytestmark = pytest.mark.xdist_group("workflow")  # one worker, so that the project is trained once


def planned(project, *arguments):
    """Number of jobs by rule that a dry run announces."""
    done = snakemake(project, "-n", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    if "Nothing to be done" in done.stdout:
        return {}
    table = re.search(r"^job +count\n[- ]+\n(.*?)\ntotal", done.stdout, re.MULTILINE | re.DOTALL)
    return {rule: int(count) for rule, count in map(str.split, table[1].splitlines()) if rule != "all"}


def append_comment(path):
    """Change a file's content; Snakemake compares checksums where only the time of a small file has changed."""
    path.write_text(path.read_text(encoding="utf-8") + "# A remark.\n", encoding="utf-8")


def test_everything_asked_for_is_there(finished):
    results = finished / "results"
    expected = [
        "report.html",
        "claims.csv",
        "figures/fig1.svg",
        *(f"figures/lenet5-digits/{name}.{ending}" for name in ("figa2", "figa3") for ending in ("svg", "pdf", "png")),
        *(f"figures/{name}.{ending}" for name in ("fig2", "fig3a", "figa6") for ending in ("svg", "pdf", "png")),
        *(f"tables/{name}.{ending}" for name in ("table1", "tablea1") for ending in ("csv", "md", "tex")),
        *(f"tables/lenet5-digits/tablea2.{ending}" for ending in ("csv", "md", "tex")),
        *(f"statistics/lenet5-digits/{name}.csv" for name in ("wilcoxon", "wilson", "auc_sd", "cost", "holm", "power")),
        *(f"metrics/lenet5-digits/{variant}/seeds0-1.parquet" for variant in ("dense", "nist-1-10-p98")),
    ]
    assert [name for name in expected if not (results / name).is_file()] == []
    assert "4 training runs in 1 study" in (results / "report.html").read_text(encoding="utf-8")


def test_a_second_run_has_nothing_to_do(project):
    assert planned(project) == {}


def test_a_changed_figure_retrains_nothing(project):
    append_comment(project / "analysis/figures/figa2.py")
    assert planned(project) == {"figure": 1, "paper_figure": 1, "report": 1}


def test_items_of_the_paper_train_nothing_and_take_what_is_configured(project):
    table = (project / "results/tables/tablea3.csv").read_text(encoding="utf-8")
    assert "Not run: alexnet-cifar10. snakemake" in table
    assert planned(project, "results/tables/tablea3.csv") == {}
    jobs = planned(project, "--config", "studies=[alexnet-cifar10]", "--", "results/tables/tablea3.csv")
    assert jobs["paper_table"] == 1
    assert jobs["train"] > 1


@pytest.mark.parametrize(
    ("names", "jobs"),
    [
        ("[vgg16-cifar10, deit-small-cifar10, alexnet-cifar10-pilot]", {"ledger"}),
        ("[alexnet-cifar10]", {"images", "ledger", "statistics", "train", "trunk"}),
    ],
)
def test_the_ledger_reads_statistics_of_the_papers_studies_alone(tmp_path, names, jobs):
    fresh = make_project(tmp_path / "project")
    assert set(planned(fresh, "--config", f"studies={names}", "--", "results/claims.csv")) == jobs


def test_a_manifest_that_names_a_study_that_is_not_there(project):
    edit_yaml(project / "config/figures.yaml", lambda items: items["fig4"].update(studies=["nowhere"]))
    assert "config/studies/nowhere.yaml: no such file" in snakemake(project, "-n").stdout


def test_a_changed_statistic_retrains_nothing(project):
    append_comment(project / "analysis/statistics/auc_sd.py")
    assert set(planned(project)) == {"statistics", "aa_calibration", "holm", "figure", "table", "report"}


def test_what_several_statistics_are_built_on_is_among_their_inputs(project):
    append_comment(project / "analysis/resampling.py")
    assert {"statistics", "aa_calibration"} <= set(planned(project))


def test_adding_seeds_trains_only_those(project):
    jobs = planned(project, "--config", "seeds={lenet5-digits: 0-3}")
    assert jobs["train"] == 2  # one block, seeds 2-3, of either variant


def test_a_new_colour_redraws_and_retrains_nothing(project):
    edit_yaml(project / STUDY, lambda content: content["variants"]["dense"].update(colour="green"))
    jobs = planned(project)
    assert jobs.keys() == {"figure", "table", "report"}


def test_a_new_parameter_of_the_statistics_recomputes_them_and_retrains_nothing(project):
    edit_yaml(project / STUDY, lambda content: content["statistics"].update(confidence=0.9))
    assert "train" not in planned(project)
    assert "statistics" in planned(project)


def test_another_learning_rate_retrains(project):
    edit_yaml(project / STUDY, lambda content: content["training"]["optimizers"][0].update(learning_rate=0.01))
    assert planned(project)["train"] == 2


def test_another_prune_retrains_its_variant_only(project):
    edit_yaml(project / STUDY, lambda content: content["variants"]["nist-1-10-p98"]["prune"].update(sparsity=0.97))
    assert planned(project)["train"] == 1


def test_a_variant_that_shares_a_trunk_retrains_no_other(project):
    def add(content):
        pruned = content["variants"]["nist-1-10-p98"]
        content["variants"]["sparser"] = {**pruned, "prune": {**pruned["prune"], "sparsity": 0.99}}

    edit_yaml(project / STUDY, add)
    jobs = planned(project)
    assert (jobs.get("trunk"), jobs["train"]) == (None, 1)


def test_class_folders_are_decoded_once_and_trunks_shared(project):
    configuration = ["studies=[vgg16-imagenet100,vgg16-imagenet100-low,deit-small-imagenet100]", "block_size=auto"]
    jobs = planned(project, "--config", *configuration)
    assert jobs["image_folder"] == 1
    # Five seeds, one a job: the trunks of VGG16 end after epochs 1 and 4, and four variants of DeiT share one.
    assert (jobs["train"], jobs["trunk"]) == (5 * (4 + 2 + 6), 5 * (2 + 1))


def test_other_classes_are_another_cache(project):
    study = project / "config/studies/vgg16-imagenet100.yaml"
    edit_yaml(study, lambda content: content["data"].update(class_list="a-hundred.txt"))
    studies = "studies=[vgg16-imagenet100,deit-small-imagenet100]"
    done = snakemake(project, "-n", "-p", "--quiet", "host", "--config", studies)
    assert done.stdout.count("python -m nist.image_folder imagenet100") == 2
    assert done.stdout.count("--n-classes 100 --classes=data/imagenet100/a-hundred.txt") == 1
    assert "results/images/imagenet100-224-stretch-100-a-hundred.txt/manifest.json" in done.stdout


def test_a_comment_in_the_training_code_retrains_nothing_a_number_does(project):
    loop = project / "nist/loop.py"
    append_comment(loop)
    assert planned(project) == {}
    source = loop.read_text(encoding="utf-8")
    loop.write_text(source.replace("EVALUATION_BATCH = 1024", "EVALUATION_BATCH = 512"), encoding="utf-8")
    assert planned(project)["train"] == 2


def test_what_is_trained_without_snakemake_is_not_trained_again(project):
    for name in ("metrics", "trunks", "statistics", "benchmarks"):  # Snakemake takes a benchmark's age for the job's
        shutil.rmtree(project / "results" / name)
    assert planned(project).keys() >= {"train", "trunk"}
    command = [sys.executable, "-m", "nist.train_all", "lenet5-digits"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert planned(project).keys().isdisjoint({"train", "trunk"})


def test_a_clock_that_went_backwards_trains_nothing_again(project):
    block = "lenet5-digits/nist-1-10-p98/seeds0-1"
    metrics = project / f"results/metrics/{block}.parquet"
    os.utime(metrics, (1e9, 1e9))  # older than the trunk that it was trained from
    before = metrics.read_bytes()
    done = snakemake(project, str(metrics.relative_to(project)))
    assert done.returncode == 0, done.stderr
    assert "complete already" in (project / f"results/logs/train/{block}.log").read_text()
    assert metrics.read_bytes() == before


def test_moving_the_data_retrains_nothing(project):
    assert planned(project, "--config", "data_root=elsewhere", "device=cpu") == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "sudies=[x]"], "config/config.yaml: top level: Additional properties are not allowed"),
        (["--config", "studies=[nowhere]"], "config/studies/nowhere.yaml: no such file"),
        (["--config", "download=true"], "config/config.yaml: download: 'true' is not one of"),
        (["--config", "block_size=0"], "config/config.yaml: block_size: 0 is less than the minimum of 1"),
        (["--config", "block_size=all"], "config/config.yaml: block_size: 'all' does not match '^auto$'"),
        (["--config", "seeds={mobilenetv1-digits: 0-3}"], "'mobilenetv1-digits' is not among the studies"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(project, arguments, message):
    done = snakemake(project, "-n", *arguments)
    assert done.returncode != 0
    assert sum(message in line for line in done.stdout.splitlines()) == 1


def test_a_figure_that_is_not_in_the_manifest_is_named(project):
    edit_yaml(project / STUDY, lambda content: content["feeds"].update(figz={}))
    done = snakemake(project, "-n")
    assert "feeds: 'figz' is not in config/figures.yaml; there are table1, fig1" in done.stdout


def test_a_metrics_file_cut_in_half_stops_the_statistics_with_its_name(project):
    path = project / "results/metrics/lenet5-digits/dense/seeds0-1.parquet"
    path.write_bytes(path.read_bytes()[:500])
    done = snakemake(project)
    assert done.returncode != 0
    log = (project / "results/logs/statistics/lenet5-digits/together.log").read_text()
    assert "dense/seeds0-1.parquet: not a whole Parquet file" in log
    assert len(log.splitlines()) == 1


def test_the_tutorial_of_a_study_of_ones_own_works(finished, tmp_path):
    page = (ROOT / "docs/own-study.md").read_text(encoding="utf-8")
    model, experiment = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "yaml"))
    project = Path(shutil.copytree(finished, tmp_path / "project"))
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
    assert planned(project, "--config", *smaller) == {}
    append_comment(project / "mymodels/small.py")
    assert planned(project, "--config", *smaller) == {}
    source = project / "mymodels/small.py"
    source.write_text(source.read_text().replace("nn.ReLU()", "nn.Tanh()", 1))
    assert planned(project, "--config", *smaller)["train"] == 3


def test_snakemakes_own_report_has_captions_and_categories(project, tmp_path):
    done = snakemake(project, "--report", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "figures, tables and the" in content
    for text in ("The paper's figures and tables", "Claims", "figa4a", "Every claim of the paper with its verdict"):
        assert text.replace("'", "\\u0027") in content or text in content, text


TAKING = ("--config", "studies=[lenet5-digits,controls]")


@pytest.fixture
def with_controls(project):
    """The finished project with a study that takes the dense runs, and trains a random mask."""
    path = project / "config/studies/controls.yaml"
    shutil.copy(project / STUDY, path)

    def change(content):
        content.update(study="controls", edition="own")
        content["variants"]["dense"]["runs_of"] = "lenet5-digits"
        content["variants"]["random"] = {
            **content["variants"].pop("nist-1-10-p98"),
            "changes": {"model.head.scheme": "random"},
        }

    edit_yaml(path, change)
    edit_yaml(project / "config/config.yaml", lambda config: config.update(block_size="auto"))
    for study in (path, project / STUDY):
        edit_yaml(study, lambda content: content.update(block_size=2))
    return project


def test_runs_of_another_study_are_taken_over_and_not_trained_again(with_controls):
    jobs = planned(with_controls, *TAKING)
    assert (jobs["take"], jobs["train"], jobs["trunk"]) == (1, 1, 1)
    taken = "results/metrics/controls/dense/from-lenet5-digits/seeds0-1.parquet"
    done = snakemake(with_controls, taken, *TAKING)
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        pd.read_parquet(with_controls / path)
        for path in (taken, "results/metrics/lenet5-digits/dense/seeds0-1.parquet")
    )
    assert set(ours["study"]) == {"controls"}
    pd.testing.assert_frame_equal(ours.drop(columns="study"), theirs.drop(columns="study"))


def test_some_of_the_runs_are_taken_whatever_the_blocks(with_controls):
    edit_yaml(with_controls / "config/studies/controls.yaml", lambda content: content.update(seeds="1-1", block_size=1))
    taken = "results/metrics/controls/dense/from-lenet5-digits/seeds1-1.parquet"
    options = [*TAKING, "seeds={}"]
    assert planned(with_controls, *options)["take"] == 1
    done = snakemake(with_controls, taken, *options)
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        pd.read_parquet(with_controls / path)
        for path in (taken, "results/metrics/lenet5-digits/dense/seeds0-1.parquet")
    )
    theirs = theirs[theirs["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours.drop(columns="study"), theirs.drop(columns="study"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["studies=[controls]"], "studies: controls takes runs from lenet5-digits; add it to the studies"),
        (
            [*TAKING[1:], "seeds={controls: 0-3}"],
            "seeds: controls takes runs from lenet5-digits; give that one the same seeds",
        ),
    ],
)
def test_a_study_that_takes_runs_needs_the_one_that_trains_them(with_controls, options, message):
    done = snakemake(with_controls, "-n", "--config", *options)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout

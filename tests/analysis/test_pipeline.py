"""What the rules ask for, without Snakemake: files of items, and what is refused in one line."""

import shutil
from pathlib import Path

import pytest

from analysis.pipeline import Pipeline
from nist.errors import InputError
from nist.studies import yaml_file

CONFIG = yaml_file.read(Path("config/config.yaml"))


@pytest.fixture(scope="module")
def published():
    return Pipeline({**CONFIG, "metrics_source": "published", "studies": "evidence"})


@pytest.fixture(scope="module")
def trained():
    return Pipeline({**CONFIG, "studies": ["lenet5-digits", "alexnet-cifar10"]})


def test_an_item_of_the_paper_takes_what_is_configured_of_its_studies(trained):
    statistics = trained.item_statistics([None])
    there = {Path(path).parent.name for path in statistics}
    published = {"lenet5-fmnist", "lenet5-cifar10", "mobilenetv1-cifar10", "mlp-fmnist-comparison-98"}
    assert there == {"alexnet-cifar10", *published}
    assert "results/statistics/alexnet-cifar10/accuracy.csv" in statistics


def test_an_item_of_the_paper_is_made_where_there_are_runs_of_it(trained):
    made = trained.items_of(None)
    assert {"fig1", "tablea1", "table1", "tablea3"} <= {*made}  # of no runs, and of one of three studies
    assert {"fig3a", "tablea5", "figa6"}.isdisjoint(made)
    assert "results/tables/tablea3.csv" in trained.item_files([None])
    assert {"--only=tablea3", "--study=alexnet-cifar10"} <= {*trained.item_options([None])}


def test_a_study_has_its_items_for_itself_unless_the_paper_has_them_of_it(trained):
    files, others = trained.item_files(["lenet5-digits"]), trained.item_files(["lenet5-digits"], is_first=False)
    assert files[:2] == ["results/figures/lenet5-digits/figa2.svg", "results/figures/lenet5-digits/figa3.svg"]
    assert "results/tables/lenet5-digits/tablea2.csv" in files
    assert len(others) == 2 * len(files)
    assert not any("figa4" in path for path in trained.item_files(["alexnet-cifar10"]))  # the paper's
    assert trained.item_options(["lenet5-digits"]) == ["--study=lenet5-digits"]


def test_a_variant_without_runs_decides_statistics_too(published):
    before = published.decides(["lenet5-fmnist"])
    assert before == published.decides(["lenet5-fmnist"])
    variants = published.studies["lenet5-fmnist"].variants
    variants["another"] = variants["dense"]
    after = published.decides(["lenet5-fmnist"])
    del variants["another"]
    assert after != before


def test_published_studies_share_a_job_and_a_trained_one_has_its_own(published, trained):
    assert published.rendered == [*published.studies]
    assert {*trained.studies} - {*trained.rendered} == {"lenet5-digits", "alexnet-cifar10"}
    assert {*trained.item_jobs} == {
        "paper_items",
        "published_items",
        "items_of_lenet5-digits",
        "items_of_alexnet-cifar10",
    }
    assert {*published.item_jobs} == {"paper_items", "published_items"}
    names = published.item_jobs["published_items"]
    assert {"lenet5-fmnist", "mobilenetv1-cifar10-pilot"} <= {*names}
    assert "results/tables/lenet5-fmnist/comparisons.csv" in published.item_files(names)
    assert "--study=lenet5-fmnist" in published.item_options(names)


def test_a_look_of_a_study_is_part_of_what_decides_its_items(trained):
    before = trained.item_looks(["lenet5-digits"])
    assert before == trained.item_looks(["lenet5-digits"])
    assert before[0][0][2]["dense"]["colour"] == "red"


def test_what_is_rendered_from_published_runs_is_not_made(published, trained):
    assert published.made("lenet5-fmnist") == []
    assert published.published("lenet5-fmnist")
    assert "alexnet-cifar10" not in published.studies
    assert any(remark.startswith("alexnet-cifar10: left out") for remark in published.remarks)
    assert published.replays()
    assert trained.published("alexnet-cifar10") == []
    assert len(trained.made("alexnet-cifar10")) == 5 * 4  # heads, blocks of five seeds


def test_published_runs_are_shown_beside_what_is_trained_and_count_once(trained):
    assert [*trained.studies][-2:] == ["lenet5-digits", "alexnet-cifar10"]
    assert trained.published("lenet5-fmnist")
    assert trained.made("lenet5-fmnist") == []
    both = Pipeline({**CONFIG, "studies": ["lenet5-fmnist"], "seeds": {"lenet5-fmnist": "18-21"}})
    assert {*both.published("lenet5-fmnist")} == {*trained.published("lenet5-fmnist")}
    assert {Path(path).name for path in both.made("lenet5-fmnist")} == {"seeds20-21.parquet"}


def test_as_if_nothing_was_published_is_of_what_is_trained_alone():
    again = Pipeline({**CONFIG, "studies": ["lenet5-fmnist"], "metrics_source": "train"})
    assert again.published("lenet5-fmnist") == []
    assert again.published("lenet5-cifar10")
    assert all("/lenet5-fmnist/" not in path for path in again.replays())


def test_runs_of_a_study_that_has_changed_are_left_out_where_something_is_trained(tmp_path, monkeypatch):
    for name in ("config", "workflow", "results"):
        (tmp_path / name).symlink_to(Path(name).resolve())
    (tmp_path / "config").unlink()
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config/studies/lenet5-cifar10-pilot.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("epochs: ", "epochs: 1"), encoding="utf-8")
    beside = Pipeline(CONFIG)
    assert "lenet5-cifar10-pilot" not in beside.studies
    assert "lenet5-cifar10" in beside.studies
    assert any("lenet5-cifar10-pilot" in remark for remark in beside.remarks)
    with pytest.raises(InputError, match="lenet5-cifar10-pilot"):
        Pipeline({**CONFIG, "metrics_source": "published"})


def test_one_published_seed_of_each_variant_is_replayed(published):
    found = published.replays_to_train("first")
    assert "results/replays/lenet5-fmnist/dense/seeds0-0.parquet" in found
    assert "results/replays/mobilenetv1-cifar10-pilot/plain/seeds300-300.parquet" in found
    with pytest.raises(InputError, match="99"):
        published.replays_to_train(99)


def test_what_can_never_be_published_is_not_said_to_be_published_first():
    example = Pipeline({**CONFIG, "metrics_source": "published", "studies": ["lenet5-digits"]})
    assert example.remarks == []
    with pytest.raises(InputError, match="lenet5-digits is of edition 'example', which is never published"):
        example.replays_to_train("first")


def test_the_findings_are_of_the_papers_studies_configured_or_not(trained):
    assert "config/studies/mobilenetv1-cifar10.yaml" in trained.findings_studies
    assert "config/studies/lenet5-digits.yaml" not in trained.findings_studies

"""What the rules ask for, without Snakemake: files of items, and what is refused in one line."""

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
    statistics = trained.item_statistics(None)
    assert {Path(path).parent.name for path in statistics} == {"alexnet-cifar10"}
    assert "results/statistics/alexnet-cifar10/accuracy.csv" in statistics


def test_an_item_of_the_paper_is_made_where_there_are_runs_of_it(trained):
    made = trained.items_of(None)
    assert {"fig1", "tablea1", "table1", "tablea3"} <= {*made}  # of no runs, and of one of three studies
    assert {"fig4", "tablea5", "accuracysparsity"}.isdisjoint(made)
    assert "results/tables/tablea3.csv" in trained.item_files(None)
    assert {"--only=tablea3", "--study=alexnet-cifar10"} <= {*trained.item_options(None)}


def test_a_study_has_its_items_for_itself_unless_the_paper_has_them_of_it(trained):
    files, others = trained.item_files("lenet5-digits"), trained.item_files("lenet5-digits", is_first=False)
    assert files[:2] == ["results/figures/lenet5-digits/figa2.svg", "results/figures/lenet5-digits/figa3.svg"]
    assert "results/tables/lenet5-digits/tablea2.csv" in files
    assert len(others) == 2 * len(files)
    assert not any("figa4" in path for path in trained.item_files("alexnet-cifar10"))  # the paper's
    assert trained.item_options("lenet5-digits") == ["--study=lenet5-digits"]


def test_a_look_of_a_study_is_part_of_what_decides_its_items(trained):
    before = trained.item_looks("lenet5-digits")
    assert before == trained.item_looks("lenet5-digits")
    assert before[0][0][2]["dense"]["colour"] == "red"


def test_what_is_rendered_from_published_runs_is_not_made(published, trained):
    assert published.made("lenet5-fmnist") == []
    assert published.published("lenet5-fmnist")
    assert "alexnet-cifar10" not in published.studies
    assert any(remark.startswith("alexnet-cifar10: left out") for remark in published.remarks)
    assert published.replays()
    assert trained.replays() == {}
    assert trained.published("alexnet-cifar10") == []
    assert len(trained.made("alexnet-cifar10")) == 5 * 4  # heads, blocks of five seeds


def test_one_published_seed_of_each_variant_is_replayed(published):
    found = published.replays_to_train("first")
    assert "results/replays/lenet5-fmnist/dense/seeds0-0.parquet" in found
    assert "results/replays/mobilenetv1-cifar10-pilot/plain/seeds300-300.parquet" in found
    with pytest.raises(InputError, match="99"):
        published.replays_to_train(99)


def test_the_findings_are_of_the_papers_studies_configured_or_not(trained):
    assert "config/studies/mobilenetv1-cifar10.yaml" in trained.findings_studies
    assert "config/studies/lenet5-digits.yaml" not in trained.findings_studies

"""What the rules ask for, without Snakemake: files of items, and what is refused in one line."""

from pathlib import Path

import pytest

from analysis import study_results
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
    statistics = trained.item_statistics(None, "table")
    assert {Path(path).parent.name for path in statistics} == {"alexnet-cifar10"}
    assert "results/statistics/alexnet-cifar10/accuracy.csv" in statistics
    assert "results/tables/tablea3.csv" in trained.all_items("table")
    # What has no runs at all is not drawn.
    assert {*trained.items_of(None, "figure")} == {"fig1", "fig2", "figa1", "figa4a", "figa4b"}
    assert {*trained.items_of(None, "table")} == {
        "table1",
        "tablea1",
        "tablea3",
    }


def test_a_command_for_the_papers_items_makes_those_that_the_rules_expect(trained, tmp_path):
    studies = [f"--study={name}" for name in trained.paper_studies]
    for kind in ("figure", "table"):
        options = ["--paper", *studies, "-o", str(tmp_path)]
        papers = [item.name for item in study_results.parse("m", None, kind, options)[0]]
        assert papers == [name for name in trained.items_of(None, kind) if not trained.items[name]["statistics"]]
        path = tmp_path / "alexnet-cifar10/any.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("variant\ndense\n", encoding="utf-8")
        papers = [item.name for item in study_results.parse("m", None, kind, [*options, str(path)])[0]]
        assert papers == trained.items_of(None, kind)
        path.unlink()


def test_a_study_has_its_items_for_itself_unless_the_paper_has_them_of_it(trained):
    assert ("lenet5-digits", "figure") in trained.shown
    assert ("alexnet-cifar10", "figure") not in trained.shown  # Fig. A4 is the paper's
    files = trained.item_files("lenet5-digits", "figure")
    assert files[:2] == ["results/figures/lenet5-digits/figa2.svg", "results/figures/lenet5-digits/figa3.svg"]
    assert len(files) == 3 * len(trained.items_of("lenet5-digits", "figure"))
    assert trained.item_options("lenet5-digits") == ["--study=lenet5-digits"]
    assert trained.item_options(None)[0] == "--paper"


def test_a_look_of_a_study_is_part_of_what_decides_its_items(trained):
    before = trained.item_looks("lenet5-digits", "figure")
    assert before == trained.item_looks("lenet5-digits", "figure")
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

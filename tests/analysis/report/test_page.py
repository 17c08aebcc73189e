"""The page: what goes into it, and that it is safe and self-contained; its behaviour is tested in test_browser.py."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.claims.claim import read as read_claims
from analysis.metrics import runs
from analysis.report import assumptions, curves, items, provenance, verdicts
from nist.errors import InputError
from nist.studies import study, yaml_file


@pytest.mark.parametrize(
    ("name", "number"), [("fig1", "Fig. 1"), ("figa2", "Fig. A2"), ("fig3a", "Fig. 3A"), ("tablea6", "Table A6")]
)
def test_items_are_numbered_as_in_the_paper(name, number):
    assert items.number(name) == number


def test_runs_in_words():
    counts = pd.DataFrame({"n": [20, 20], "n_diverged": [0, 0]})
    assert provenance.in_words(counts) == "20 runs a variant"
    assert provenance.in_words(counts.assign(n=1)) == "1 run a variant"
    assert provenance.in_words(counts.assign(n=[5, 20], n_diverged=[0, 2])) == "5 to 20 runs a variant (2 diverged)"


def test_seeds_in_words():
    assert provenance.seeds_in_words([{"seeds": [3]}, {"seeds": [3]}]) == "3"
    assert provenance.seeds_in_words([{"seeds": [0, 1]}, {"seeds": [2]}]) == "0 to 2"
    assert provenance.seeds_in_words([{"seeds": [0, 1]}, {"seeds": [4]}]) == "0 to 4, 3 of them"


@pytest.fixture
def experiment():
    """A study with one figure and one table, some of its texts hostile."""
    result = study.load("lenet5-digits")
    result.content["feeds"] = {"figa2": {}, "tablea2": {}}
    result.content["title"] = "<script>alert(1)</script>"
    result.variants["dense"]["label"] = "</script><b>dense"
    return result


@pytest.fixture
def html(experiment, metrics_file, make_page, tmp_path):
    for folder, name in (("figures", "figa2.svg"), ("tables", "tablea2.csv")):
        (tmp_path / folder / experiment.name).mkdir(parents=True)
        content = "<svg/>" if name.endswith("svg") else "Model,Runs\n<b>x</b>,20\n"
        (tmp_path / folder / experiment.name / name).write_text(content)
    metrics = metrics_file("m", [[0.1, 0.2]] * 3, study=experiment.name, variant="dense", diverged={1})
    return make_page(experiment, [metrics])


def test_the_page_is_self_contained(html):
    assert "data:image/svg+xml;base64,PHN2Zy8+" in html
    assert not re.search(r'(src|href)="(https?:)?//', html)
    assert "3 runs a variant (1 diverged)" in html
    assert "Embedded example." in html
    assert "test device" in html
    assert '<a href="m.parquet">' in html


def test_a_stand_in_is_named_as_one(metrics_file, make_page):
    stand_in, paper = study.load("vgg16-cifar10"), study.load("alexnet-cifar10")
    pages = []
    for one in (stand_in, paper):
        one.content["feeds"], one.content["study"] = {}, "small"  # nothing is drawn, and no figure is of a small study
        path = metrics_file(one.path.stem, [[0.1, 0.2]] * 2, study="small", variant="dense")
        pages.append(make_page(one, [path]))
    assert '<h2 id="small">VGG16 on CIFAR-10 (stand-in) <a class="anchor"' in pages[0]
    assert "No claim of the paper is judged by them" in pages[0]
    assert "Stand-in.</strong>" not in pages[1]
    assert "Embedded example.</strong>" not in "".join(pages)


@pytest.mark.parametrize(
    ("sessions", "shown"),
    [
        ([], "–"),
        ([{"joules": None}], "–"),
        ([{"joules": 1500.0}, {"joules": 600.0}], "2.1"),
        ([{"joules": 1500.0}, {}], "–"),  # what is not known of one session is not known of all
    ],
)
def test_the_table_of_runs_says_their_rate_and_energy(metrics_file, sessions, shown):
    path = metrics_file("m", [[0.1, 0.2]] * 3, study="s", variant="v", describe={"sessions": sessions})
    blocks = runs.read_blocks([path])
    (row,) = provenance.table(blocks, runs.join(blocks)).to_dict("records")
    assert (row["Seed-epochs a second"], row["Minutes in all"], row["kJ"]) == ("2.00", "0.1", shown)


def test_energies_of_a_variants_blocks_are_added_up_or_not_known(metrics_file):
    def energy(*joules):
        paths = [
            metrics_file(f"m{place}", [[0.1]], first_seed=place, describe={"sessions": [{"joules": one}]})
            for place, one in enumerate(joules)
        ]
        blocks = runs.read_blocks(paths)
        return provenance.table(blocks, runs.join(blocks))["kJ"].tolist()

    assert energy(1000.0, 250.0) == ["1.2"]
    assert energy(1000.0, None) == ["–"]


def test_the_page_escapes_what_it_is_given(html):
    assert "<script>alert" not in html
    assert "</script><b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_the_page_shows_every_claim_and_assumption(html):
    assert html.count('<tr id="claim-') == 354
    assert '<tr id="assumption-U26">' in html
    assert '<tr id="assumption-B2">' in html


def test_curves_are_those_of_the_runs(experiment, frame):
    rng = np.random.default_rng(0)
    accuracies = rng.integers(0, 10_001, (2, 3, 4)) / 10_000
    rows = [
        frame(values, study=experiment.name, variant=name, train_accuracy=values / 2, first_seed=5)
        for values, name in zip(accuracies, ("nist-1-10-p98", "dense"), strict=True)
    ]
    text = curves.explorer(pd.concat(rows), experiment)
    assert "<" not in text
    dense, sparse = json.loads(text)["variants"]
    assert (dense["label"], dense["seeds"], sparse["dashes"]) == ("</script><b>dense", [5, 6, 7], "10 3")
    np.testing.assert_array_equal(np.array(dense["val"]) / 10_000, accuracies[1])
    np.testing.assert_array_equal(dense["train"], np.round(accuracies[1] * 5_000).astype(int))


def test_figures_of_the_ledger_are_short_and_words_stay_words():
    claims = read_claims()
    row = {
        "verdict": "arithmetic ok",
        "low": "",
        "high": "",
        "n": "",
        "readings": "",
        "finding": "",
        "reason": "",
        "rule": "",
    }
    shown = verdicts.section(
        pd.DataFrame(
            [
                {
                    "id": "abs.acc_gain.alexnet_lo",
                    "printed": "8",
                    "ours": "8.408714486",
                    **row,
                    "low": "nan",
                    "high": "nan",
                },
                {"id": "abs.deit70", "printed": "negligible", "ours": "", **row},
                {"id": "f1.a.edges", "printed": "10", "ours": "33595392", **row},
            ]
        ),
        {},
    )
    assert [(one["printed"], one["ours"]) for one in shown["rows"]] == [
        ("8 %", "8.41 %"),
        ("–", ""),  # its words name it
        ("10 edges", "33,595,392 edges"),
    ]
    assert [(one["low"], one["high"]) for one in shown["rows"]] == [("", "")] * 3  # no "nan to nan"
    assert shown["counts"]["arithmetic ok"] == shown["total"] == 3
    assert [one["row"]["id"] for one in shown["headlines"]] == ["abs.deit70"]
    assert claims["f1.a.edges"].unit == "edges"


def test_figures_say_what_they_lack_and_what_they_are_beside():
    row = {
        "verdict": "inconclusive",
        "low": "1",
        "high": "3",
        "n": "20",
        "ours": "2",
        "rule": "",
        "readings": "",
        "finding": "",
    }
    shown = verdicts.section(
        pd.DataFrame(
            [
                {
                    **row,
                    "id": "a2.lenet5.fmnist.dense.mean_acc",
                    "printed": "91.3",
                    "reason": "Smaller than the paper's: 60 of 120 epochs. More.",
                },
                {**row, "id": "a2.lenet5.q.cifar_improve", "printed": "higher", "reason": "One against another."},
                {**row, "id": "abs.sparsity", "printed": "90", "reason": ""},
            ]
        ),
        {},
    )
    assert [one["shortfall"] for one in shown["rows"]] == ["60 of 120 epochs", "", ""]
    sparsity, lenet5 = shown["headlines"]
    assert (sparsity["printed"], lenet5["beside"]) == ("more than 90 %", "beside the dense head, after the prune")


def test_a_page_of_assumptions_without_tables_is_named(tmp_path):
    (tmp_path / "a.md").write_text("# Nothing\n")
    with pytest.raises(InputError, match="a.md: no table of assumptions"):
        assumptions.read(tmp_path / "a.md")


def test_a_study_of_the_paper_shows_the_papers_items_once():
    manifest = yaml_file.read(Path("config/figures.yaml"))
    names = items.shown_in(
        [study.load(name) for name in ("lenet5-cifar10", "lenet5-fmnist", "lenet5-digits")], manifest
    )
    own = {"comparisons", "trainingcost"}  # of no paper: each study's
    assert names["lenet5-cifar10"] == {"figa2": "", "figa3": "", "tablea2": "", **dict.fromkeys(own, "lenet5-cifar10")}
    assert names["lenet5-fmnist"] == dict.fromkeys({"figa2", *own}, "lenet5-fmnist")  # Fig. A2 is of CIFAR-10
    assert names["lenet5-digits"] == dict.fromkeys({"figa2", "figa3", "tablea2", *own}, "lenet5-digits")


def test_every_item_of_the_paper_is_listed_with_what_it_lacks():
    manifest = yaml_file.read(Path("config/figures.yaml"))
    listed = {one["id"]: one for one in items.paper_items(manifest, {"figa4a"}, {"alexnet-cifar10"})}
    figures = ["1", "2", "3a", "3b", "4", "a1", "a2", "a3", "a4a", "a4b", "a5", "a6"]
    tables = ["1", "a1", "a2", "a3", "a4", "a5", "a6"]
    assert {*listed} == {f"fig{one}" for one in figures} | {f"table{one}" for one in tables}
    assert (listed["figa4a"]["missing"], listed["figa4a"]["shown"]) == ([], True)
    assert listed["table1"]["missing"] == ["vgg16-imagenet100", "deit-small-imagenet100"]
    assert listed["fig1"]["missing"] == listed["tablea1"]["missing"] == []
    assert [link.name for link in listed["figa4a"]["links"]] == ["figa4a.svg", "figa4a.pdf", "figa4a.png"]

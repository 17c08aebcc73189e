"""The findings: text whose numbers are those of the runs, and which says no more than they allow."""

import re

import numpy as np
import pytest

from analysis import sources
from analysis.claims import claim, ledger
from analysis.claims.evidence import Evidence
from analysis.findings import page, words
from analysis.findings.verdicts import Verdicts
from analysis.report import findings
from analysis.statistics import aa_calibration, holm, together
from nist import record, study
from nist.errors import InputError

NAME = "lenet5-fmnist"
TESTED = ["wilcoxon", "sd_permutation", "brown_forsythe", "superiority", "paired_difference", "equivalence"]
SEEDS, EPOCHS = 8, 6


def test_an_interval_allows_one_of_three_things_to_be_said():
    assert words.said(0.1, 0.2, "higher", "lower") == "higher"
    assert words.said(-0.2, -0.1, "higher", "lower") == "lower"
    assert words.said(-0.1, 0.1, "higher", "lower") == "not shown to differ"
    assert words.said(float("nan"), float("nan"), "higher", "lower") == "not shown to differ"


def test_numbers_in_words():
    assert words.points(-0.0123) == "−1.23"
    assert words.percent(0.5) == "50.0 %"
    assert [words.p_value(p) for p in (float("nan"), 3e-5, 0.0123)] == ["p undefined", "p < 0.0001", "p = 0.012"]
    assert [words.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert words.markdown([{"A": "1|2"}]) == "| A |\n| --- |\n| 1\\|2 |"
    assert words.markdown([]) == ""


@pytest.fixture(scope="module")
def accuracies():
    """Validation and training accuracies by variant, shape (seeds, epochs).

    98 % is two points worse and fits less, with the same gap where training accuracies are equal; 99.5 % falls apart.
    """
    rng = np.random.default_rng(3)
    rise = np.array([0.6, 0.7, 0.8, 0.84, 0.88, 0.9])
    found = {}
    for name, shift, sd in (("dense", 0, 0.001), ("nist-1-10-p98", -0.02, 0.001), ("nist-1-10-p99.5", -0.2, 0.05)):
        train = np.linspace(0.6, 0.99 + 2 * shift, EPOCHS) + 0.001 * rng.standard_normal((SEEDS, 1))
        found[name] = rise + shift + sd * rng.standard_normal((SEEDS, EPOCHS)), train
    found["nist-1-5-p99.5"] = found["nist-1-10-p99.5"]
    return found


@pytest.fixture(scope="module")
def verdicts():
    return Verdicts(ledger.ledger(Evidence(claim.read(), {}, {})), claim.read())


@pytest.fixture
def text(accuracies, make_rows, description, load_study, tmp_path, verdicts):
    """The findings from generated runs of the study of Fashion-MNIST alone, in one line a paragraph."""
    content = study.load(NAME).content
    content["statistics"] |= {"resamples": 199, "calibration_splits": 100, "calibration_resamples": 19}
    content["training"]["epochs"] = EPOCHS
    content["seeds"] = f"0-{SEEDS + 1}"
    experiment = load_study(content)
    metrics, folder = [], tmp_path / NAME
    for name, (validation, train) in accuracies.items():
        weights = 10_920 if name == "dense" else 218
        rows = make_rows(validation, study=NAME, variant=name, train_accuracy=train, active=[weights] * EPOCHS)
        metrics.append(tmp_path / name / "seeds.parquet")
        described = description(range(SEEDS), EPOCHS, configuration=experiment.configuration(name))
        record.write(metrics[-1], rows, described)
    together.compute(experiment, metrics, folder)
    arguments = ["--study", str(experiment.path)]
    aa_calibration.main([*arguments, *map(str, metrics), "-o", str(folder / "aa_calibration.csv")])
    tests = [str(folder / f"{name}.csv") for name in [*TESTED, "epochs_to_accuracy", "gap_at_accuracy"]]
    calibration = ["--calibration", str(folder / "aa_calibration.csv")]
    holm.main([*arguments, *tests, *calibration, "-o", str(folder / "holm.csv")])
    others = [study.load(name) for name in ("lenet5-cifar10", "alexnet-cifar10")]
    given = sources.read([experiment, *others], sorted(folder.glob("*.csv")))
    return re.sub(r"(?<=\S)\n(?=[^\n|#-])", " ", page.page(given, verdicts))


def test_the_numbers_are_those_of_the_runs(text, accuracies):
    dense, sparse = (accuracies[name][0].max(axis=1) for name in ("dense", "nist-1-10-p98"))
    assert f"the accuracy is lower: {100 * (sparse - dense).mean():+.2f}".replace("-", "−") in text
    last = sorted(accuracies["nist-1-10-p99.5"][0][:, -1])
    assert f"end at {', '.join(f'{100 * value:.1f}' for value in last[:-1])} and {100 * last[-1]:.1f} %" in text
    assert "8 of 10 runs of each head, 6 epochs" in text
    assert f"| Dense | 10,920 | 91.3 ± 0.1 | {100 * dense.mean():.1f} ± " in text


def test_what_spreads_more_is_said_to_and_what_does_not_is_not(text):
    assert re.search(r"NIST \(1, 10\), 99.5 %: SD × \d+\.\d\d \(.*?\), less steady\.", text)
    assert re.search(r"NIST \(1, 10\), 98 %: SD × [01]\.\d\d \(.*?\), not shown to differ\.", text)


def test_a_gap_that_is_smaller_because_less_is_fitted_is_said_to_be(text):
    assert "the sparse head has fitted less" in text
    assert "what the smaller gap of Fig. A3 shows is that less is fitted" in text


def test_studies_that_are_not_run_are_named_with_their_command(text):
    assert "- **LeNet-5 on CIFAR-10**: 47 claims: " in text
    assert "`make evidence STUDY=alexnet-cifar10`" in text


def test_without_any_run_there_is_the_arithmetic(verdicts):
    text = page.page(sources.read([study.load(NAME)], []), verdicts)
    assert "## LeNet-5" not in text
    assert "## What needs no run" in text
    assert "| Table A5 | 119995556 parameters | 119955556 |" in text
    assert f"{verdicts.count('arithmetic wrong')} do not" in text


def test_the_page_takes_the_text_without_its_title_and_escapes_it(tmp_path):
    path = tmp_path / "findings.md"
    path.write_text("# Title\n\nOne <b>two</b> **three**.\n\n## Section\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n")
    html = str(findings.section(path))
    assert "Title" not in html
    assert "One &lt;b&gt;two&lt;/b&gt; <strong>three</strong>." in html
    assert "<h3>Section</h3>" in html
    assert '<div class="scroll" tabindex="0"' in html
    assert '<th scope="col">A</th>' in html


def test_findings_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"findings\.md: not readable"):
        findings.section(tmp_path / "findings.md")

"""From metrics files to the table of comparisons, on a study whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from analysis.items import main
from analysis.statistics.study_runs import StudyRuns
from analysis.tables import comparisons

NAMES = [
    "wilcoxon",
    "sd_permutation",
    "paired_difference",
    "superiority",
    "epochs_to_accuracy",
    "gap_at_accuracy",
    "power",
]


@pytest.fixture
def make_table(metrics_file, load_study, study_content, tmp_path):
    """The table from validation accuracies by variant, shape (seeds, epochs); a study may have more variants."""

    def make(curves, variants):
        study_content["statistics"] |= {"resamples": 199, "calibration_splits": 100, "calibration_resamples": 19}
        study_content["variants"] = {name: study_content["variants"][name] for name in variants}
        experiment = load_study(study_content)
        metrics = [
            metrics_file(name, values, study=experiment.name, variant=name, train_accuracy=np.full_like(values, 0.9))
            for name, values in curves.items()
        ]
        folder = tmp_path / experiment.name
        StudyRuns(experiment, metrics).write(folder)
        inputs = [str(folder / f"{name}.csv") for name in ["holm", *NAMES]]
        main(["--study", str(experiment.path), *inputs, "--only", "comparisons", "-o", str(tmp_path)])
        path = tmp_path / "tables" / experiment.name / "comparisons.csv"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return table.set_index(["Variant", "Question"])

    return make


@pytest.fixture(scope="module")
def made():
    """The table of ``table``, once it is made."""
    return []


@pytest.fixture
def table(make_table, made):
    """Twelve runs a variant: one steadier by half and 2 points better than the dense one, one just like it."""
    if made:
        return made[0]
    noise = {"dense": (0.02, 0.0), "nist-1-10-p98": (0.01, 0.02), "nist-1-10-p99.5": (0.02, 0.0)}
    rng, rise = np.random.default_rng(5), np.array([0.5, 0.7, 0.75, 0.8])
    curves = {name: rise + shift + sd * rng.standard_normal((12, 4)) for name, (sd, shift) in noise.items()}
    made.append(make_table(curves, noise))
    return made[0]


def test_variants_without_runs_have_no_row_and_what_has_no_interval_says_so(make_table):
    one_run = {"dense": np.array([[0.5, 0.7, 0.8]]), "nist-1-10-p98": np.array([[0.4, 0.8, 0.9]])}
    table = make_table(one_run, ["dense", "nist-1-10-p98", "nist-1-5-p99.5"])
    assert set(table.index.get_level_values("Variant")) == {"NIST (1, 10), 98 %"}
    effects = table.loc["NIST (1, 10), 98 %", "Effect"]
    assert effects["Is it more accurate?"] == "+10.00 points (n = 1 cannot show this)"
    assert not effects.str.contains("nan").any()


def test_every_variant_is_asked_every_question(table):
    assert len(table) == 2 * 7
    assert "Dense" not in table.index.get_level_values("Variant")
    assert set(table["Runs"]) == {"12"}
    assert set(table["Comparisons"]) == {"2"}


def test_what_differs_is_found_and_what_does_not_is_not(table):
    better, same = (table.loc[name] for name in ("NIST (1, 10), 98 %", "NIST (1, 10), 99.5 %"))
    ratio = float(better.loc["Is it steadier?", "Effect"].split()[1])
    assert 0.3 < ratio < 0.8
    assert better.loc["Is it more accurate?", "Effect"].startswith("+")
    for question, word, sides in (("steadier", "steadier", "two-sided"), ("more accurate", "higher", "two-sided")):
        assert better.loc[f"Is it {question}?", "Answer"] == word
        assert same.loc[f"Is it {question}?", "Answer"] == "not significant"
        assert better.loc[f"Is it {question}?", "p"].endswith(f", {sides}")
    assert same.loc["Is it equivalent, within 0.5 points?", "Answer"] == "not shown to be equivalent"
    assert int(same.loc["Is it more accurate?", "Runs needed"].replace(",", "")) > 12
    assert float(better.loc["Is it equivalent, within 0.5 points?", "p, Holm"]) > 0.5
    for frame in (better, same):
        frame = frame[frame["p"] != "–"]  # the gap, which is none: training accuracies are the others
        written = (
            frame[name].str.removesuffix(", one-sided").str.removesuffix(", two-sided") for name in ("p, Holm", "p")
        )
        holm_p, p = (numbers.replace("< 0.0001", "0").astype(float) for numbers in written)
        assert (holm_p >= p - 1e-9).all()


def test_the_papers_test_tells_the_other_direction_too_and_three_whole_runs_none(make_table):
    curves = {name: np.full((3, 8), 0.5) for name in ("dense", "nist-1-10-p98")}
    for sd, runs in zip((0.01, 0.02), curves.values(), strict=True):  # twice the SD at every epoch: W is the largest
        runs += sd * np.arange(1, 9) * np.array([[-1], [0], [1]])
    rows = make_table(curves, curves).loc["NIST (1, 10), 98 %"]
    papers, whole = (rows.loc[text] for text in (comparisons.PAPERS_TEST.text, "Is it steadier?"))
    assert (papers["Answer"], papers["p"]) == ("less steady", f"{2**-8:.2g}, one-sided, the other way")
    assert (whole["Answer"], whole["p"]) == ("not significant", "0.5, two-sided")  # centred, the middle runs are alike


def test_the_papers_word_is_its_tests_own_though_one_run_raises_the_mean_sd(make_table):
    base = 0.5 + 0.01 * np.linspace(-1, 1, 10)[:, np.newaxis] * np.linspace(1, 1.5, 20)
    steadier = 0.5 + 0.8 * (base - 0.5)
    steadier[0, -2:] -= 0.3  # one run collapses at the end
    rows = make_table({"dense": base, "nist-1-10-p98": steadier}, ["dense", "nist-1-10-p98"]).loc["NIST (1, 10), 98 %"]
    assert rows.loc[comparisons.PAPERS_TEST.text, "Answer"] == "steadier"
    assert float(rows.loc[comparisons.PAPERS_TEST.text, "Effect"].split()[1]) > 1


def test_one_point_is_no_plural():
    assert comparisons.questions(0.01)[4].text == "Is it equivalent, within 1 point?"


def test_a_test_that_was_not_calibrated_and_a_p_that_is_undefined_are_dashes():
    assert comparisons._p(np.nan) == "–"
    assert comparisons._p(3e-5) == "< 0.0001"
    assert comparisons._p(0.0123) == "0.012"

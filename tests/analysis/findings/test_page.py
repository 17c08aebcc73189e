"""The findings: text whose numbers are those of the runs, and which says no more than they allow."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from analysis import formatting, study_results
from analysis.claims import claim
from analysis.findings import methods, page
from analysis.findings.verdicts import Verdicts
from analysis.report import findings
from analysis.statistics.study_runs import StudyRuns
from nist import metrics_file
from nist.errors import InputError
from nist.studies import study

NAME = "lenet5-fmnist"
SEEDS, EPOCHS = 8, 6


def test_an_interval_allows_one_of_three_things_to_be_said():
    assert formatting.said(0.1, 0.2, "higher", "lower") == "higher"
    assert formatting.said(-0.2, -0.1, "higher", "lower") == "lower"
    assert formatting.said(-0.1, 0.1, "higher", "lower") == "not significant"
    assert formatting.said(float("nan"), float("nan"), "higher", "lower") == "undefined"


def test_numbers_in_words():
    assert formatting.points(-0.0123) == "−1.23"
    assert formatting.percent(0.5) == "50.0 %"
    assert [formatting.p_value(p) for p in (float("nan"), 3e-5, 0.0123)] == ["p undefined", "p < 0.0001", "p = 0.012"]
    assert [formatting.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert formatting.markdown_table([{"A": "1|2"}]) == "| A |\n| --- |\n| 1\\|2 |"
    assert formatting.markdown_table([]) == ""


def test_wrong_figures_of_a_place_are_those_of_every_claim_printed_there(verdicts):
    table = verdicts.table("arithmetic wrong", "derivable", ("Abstract", "Table 1", "Sec. "))
    assert "| Table A5, Table 1 | 959.9 × 10¹² FLOPs |" in table
    assert "| Table A5 |" not in table


@pytest.fixture(scope="module")
def accuracies():
    """Validation and training accuracies by variant, shape (seeds, epochs).

    Validation accuracy is one function of what is fitted by the end of an epoch, half a step above the recorded mean,
    in the dense head and at 98 %, where less is fitted; at 99.5 % runs fall apart.
    """
    rng, found = np.random.default_rng(3), {}
    for name, end, shift, sd in (
        ("dense", 0.99, 0, 0.001),
        ("nist-1-10-p98", 0.93, 0, 0.001),
        ("nist-1-10-p99.5", 0.7, -0.2, 0.05),
    ):
        train = np.linspace(0.6, end, EPOCHS) + 0.001 * rng.standard_normal((SEEDS, 1))
        fitted = train + (end - 0.6) / (EPOCHS - 1) / 2
        found[name] = 0.5 + 0.4 * fitted + shift + sd * rng.standard_normal((SEEDS, EPOCHS)), train
    found["nist-1-5-p99.5"] = found["nist-1-10-p99.5"]
    return found


@pytest.fixture(scope="module")
def verdicts(verdicts_without_runs):
    return Verdicts(verdicts_without_runs, claim.read())


@pytest.fixture
def statistics(make_rows, description, load_study, tmp_path):
    """Compute what the findings read of a study from generated runs; return the study, shortened, and the files."""

    def compute(name, accuracies, epochs, sessions=(), whole=0):
        content, folder = study.load(name).content, tmp_path / name
        content["statistics"] |= {"resamples": 199, "calibration_splits": 100, "calibration_resamples": 19}
        content["training"]["epochs"] = epochs
        for variant in content["variants"].values():
            variant.pop("runs_of", None)
        experiment, metrics = load_study(content), []
        for variant, (validation, train) in accuracies.items():
            dense = whole if content["variants"][variant]["prune"] else epochs
            weights = [10_920] * dense + [218] * (epochs - dense)
            rows = make_rows(validation, study=name, variant=variant, train_accuracy=train, active=weights)
            metrics.append(tmp_path / f"{name}-{variant}.parquet")
            configuration = experiment.configuration(variant)
            said = {"configuration": configuration, "sessions": list(sessions)}
            metrics_file.write(metrics[-1], rows, description(range(len(train)), epochs, **said))
        StudyRuns(experiment, metrics).write(folder)
        return experiment, sorted(folder.glob("*.csv"))

    return compute


def in_lines(text):
    """The text with one line a paragraph."""
    return re.sub(r"(?<=\S)\n(?=[^\n|#-])", " ", text)


@pytest.fixture(scope="module")
def written():
    """Texts that several tests read."""
    return {}


@pytest.fixture
def text(written, accuracies, statistics, verdicts):
    """The findings from generated runs of the study of Fashion-MNIST alone."""
    if NAME not in written:
        experiment, paths = statistics(NAME, accuracies, EPOCHS)
        others = [study.load(name) for name in ("lenet5-cifar10", "alexnet-cifar10")]
        written[NAME] = in_lines(page.page(study_results.read([experiment, *others], paths), verdicts))
    return written[NAME]


def test_the_numbers_are_those_of_the_runs(text, accuracies):
    dense, sparse = (accuracies[name][0].max(axis=1) for name in ("dense", "nist-1-10-p98"))
    difference = f"{100 * (sparse - dense).mean():+.2f}".replace("-", "−")
    assert f"**Answer.** At 98 % sparsity the accuracy is lower than the dense head's, {difference} points (" in text
    assert "the paper prints −0.4; for (1, 10) " in text  # 90.9 and 91.3
    assert "`make evidence STUDY=alexnet-cifar10`, after its pilot, `STUDY=alexnet-cifar10-pilot`" in text
    before, after = 100 * accuracies["nist-1-5-p99.5"][0].mean(axis=0)[3:5]
    assert f"from {before:.1f} to {after:.1f} % for (1, 5)" in text
    assert "6 of the 120 epochs of Table A1" in text
    assert f"| Dense | 10,920 | 91.3 ± 0.1 | {100 * dense.mean():.1f} ± " in text


def test_a_peak_before_the_prune_counts_beside_the_papers_alone(accuracies, statistics, verdicts):
    validation, train = accuracies["nist-1-10-p99.5"]
    early = validation.copy()
    early[:, 1] = accuracies["dense"][0].max(axis=1) + np.linspace(0.01, 0.03, SEEDS)
    experiment, paths = statistics(NAME, {**accuracies, "nist-1-10-p99.5": (early, train)}, EPOCHS, whole=4)
    text = in_lines(page.page(study_results.read([experiment], paths), verdicts))
    assert "At 99.5 % it is lower for factors (1, 10), −" in text
    assert re.search(r"At the best of all epochs: at 98 % −.*; for \(1, 10\) \+2\.00 points \(", text)


def test_what_spreads_more_is_said_to_and_what_does_not_is_not(text):
    assert re.search(r"NIST \(1, 10\), 99.5 %: less steady, SD × \d+\.\d\d \(.*?\), p = 0\.\d+; Wilcoxon: p = ", text)
    assert re.search(r"NIST \(1, 10\), 98 %: not significant, SD × [01]\.\d\d \(", text)


def test_training_costs_what_it_is_counted_and_what_was_measured(text):
    cost = (
        r"Cost beside Dense's: Eq\. 3 × 0\.\d+ to 0\.\d+, multiply-accumulates × 0\.\d+, seconds on test device × 1\.\n"
    )
    assert re.search(cost, text)
    assert "joules on" not in text  # none recorded them


def test_runs_are_laid_out_by_the_classes_that_their_prune_cut_off(text, accuracies, statistics, verdicts):
    assert "have no path" not in text  # none recorded it
    counts = {str(seed): seed // 4 for seed in range(SEEDS)}
    experiment, paths = statistics(NAME, accuracies, EPOCHS, [{"unreached_outputs": counts}])
    text = page.page(study_results.read([experiment], paths), verdicts)
    last = accuracies["nist-1-5-p99.5"][0][:, -1]
    ranges = [f"{100 * kept.min():.1f} to {100 * kept.max():.1f}" for kept in (last[:4], last[4:])]
    assert f"NIST (1, 5), 99.5 %: 0: {ranges[0]}; 1: {ranges[1]}." in text
    experiment, paths = statistics(NAME, accuracies, EPOCHS, [{"unreached_outputs": {"0": 0, "1": 0}}])
    text = page.page(study_results.read([experiment], paths), verdicts)
    assert f"(recorded in 2 of {SEEDS} runs)." in text


def test_a_gap_that_is_smaller_because_less_is_fitted_is_said_to_be(text):
    assert re.search(r"98 %, at a training accuracy of \d+\.\d % \(U49\): not significantly different, ", text)
    assert "from the dense head's +" in text
    assert "not comparable" not in text  # nothing was lost at its prune


def test_a_head_that_fits_less_than_the_first_epoch_of_the_dense_one_is_not_compared(accuracies, statistics, verdicts):
    validation, train = accuracies["nist-1-10-p99.5"]
    experiment, paths = statistics(NAME, {**accuracies, "nist-1-10-p99.5": (validation - 0.3, train - 0.3)}, EPOCHS)
    text = in_lines(page.page(study_results.read([experiment], paths), verdicts))
    assert "NIST (1, 10), 99.5 %: not comparable; after the prune some runs never reach" in text
    assert "nan" not in text


def test_a_head_that_overfits_less_is_said_to(accuracies, statistics, verdicts):
    dense, sparse = (accuracies[name] for name in ("dense", "nist-1-10-p98"))
    steadier = {**accuracies, "nist-1-10-p98": (dense[0] + 0.02, sparse[1])}
    experiment, paths = statistics(NAME, steadier, EPOCHS)
    text = in_lines(page.page(study_results.read([experiment], paths), verdicts))
    assert re.search(r"98 %, at a training accuracy of \d+\.\d % \(U49\): smaller, −", text)


@pytest.mark.parametrize(
    ("names", "heading"),
    [
        (("mobilenetv1-cifar10", "mobilenetv1-cifar10-controls"), "## MobileNetV1 on CIFAR-10 (Table A6)"),
        pytest.param(
            ("lenet5-cifar10", "lenet5-cifar10-controls"), "## LeNet-5 on CIFAR-10 (Table A2)", marks=pytest.mark.slow
        ),
        pytest.param(
            ("alexnet-cifar10", "alexnet-cifar10-controls"), "## AlexNet on CIFAR-10 (Table A3)", marks=pytest.mark.slow
        ),
    ],
)
def test_every_study_has_a_section_with_its_heads_and_its_controls(names, heading, statistics, verdicts):
    rng, experiments, paths, curves = np.random.default_rng(1), [], [], {}
    for name in names:
        curves[name] = {
            variant: (rng.uniform(0.4, 0.9, (5, 7)), rng.uniform(0.4, 0.9, (5, 7)))
            for variant in study.load(name).variants
        }
        experiment, files = statistics(name, curves[name], 7)
        experiments.append(experiment)
        paths += files
    text = page.page(study_results.read(experiments, paths), verdicts)
    assert heading in text
    section = text[text.index(heading) : text.index("## What needs no run")]
    for experiment in experiments:
        for variant in experiment.variants.values():
            assert variant["label"] in section
    assert f"`make evidence STUDY={names[0]}`" not in text
    if names[0].startswith("mobilenet"):
        (dense, _), (sparse, _) = (curves[names[0]][variant] for variant in ("dense-1", "sparse-3"))
        assert f"| 0.02593 | {dense.std(axis=0, ddof=1).mean():.5f} | 0.7778 |" in section
        assert f"| 0.01627 | {sparse.std(axis=0, ddof=1).mean():.5f} | 0.4880 |" in section
        assert "The paper: SD × 0.63." in section  # 0.01627 / 0.02593
        last = formatting.points((sparse[:, -1] - dense[:, -1]).mean())
        assert re.search(rf"Accuracy at the last epoch, which decides: [a-z ]+, {re.escape(last)} points", section)
        own = [[next(e for e, v in enumerate(run) if v >= 0.95 * run[-1]) for run in arm] for arm in (sparse, dense)]
        fewer = formatting.signed(np.subtract(*own).mean(), 1)
        assert re.search(rf"the run's own last accuracy: [a-z ]+, {re.escape(fewer)} epochs", section)


@pytest.mark.parametrize(
    ("runs", "answer"),
    [
        (1, "one run of each head has no SD."),
        (2, "n = 2 of 20 seeds are too few for a test of whole runs."),
    ],
)
def test_few_runs_tell_nothing_of_spread(runs, answer, statistics, verdicts):
    name, rng = "mobilenetv1-cifar10", np.random.default_rng(1)
    curves = {
        one: (rng.uniform(0.4, 0.9, (runs, 4)), rng.uniform(0.4, 0.9, (runs, 4))) for one in ("dense-1", "sparse-3")
    }
    experiment, paths = statistics(name, curves, 4)
    text = page.page(study_results.read([experiment], paths), verdicts)
    section = text[text.index("## MobileNetV1") : text.index("## What needs no run")]
    assert f"**Answer.** Not known: {answer}" in section
    assert "points (no interval)." in section
    assert "undefined" not in section


@pytest.fixture
def controls(written, statistics, verdicts):
    """The findings of LeNet-5 and some of its controls: runs little apart, but for the method's, which are lower."""
    if "main" not in written:
        rng = np.random.default_rng(4)
        written["main"] = statistics(
            NAME, {one: rng.uniform(0.4, 0.9, (2, 5, 7)) for one in study.load(NAME).variants}, 7
        )

    def make(runs, *heads):
        rng, curves = np.random.default_rng(2), {}
        for head, level, sd in (("nist-1-10-p99.5", 0.7, 0.06), *((head, 0.9, 0.001) for head in heads)):
            peaks = level + sd * rng.standard_normal((runs, 1)) + np.zeros(7)
            curves[head] = peaks, rng.uniform(0.4, 0.9, (runs, 7))
        (main, files), (experiment, paths) = written["main"], statistics(f"{NAME}-controls", curves, 7)
        return page.page(study_results.read([main, experiment], paths + files), verdicts), curves

    return make


def row(text, head):
    return next(line for line in text.splitlines() if line.startswith(f"| {head} |"))


def test_what_few_runs_say_alone_but_not_for_six_heads_is_said_so(controls):
    # Heads that were not run count among the six.
    text, curves = controls(5, "dense-p99.5", "no-hidden-layer-p95.5")
    assert re.search(r"\) \| (higher|not significant), p = 0\.\d+ \|", row(text, "Dense, pruned to 99.5 %"))
    assert "Differences are control minus NIST (1, 10), 99.5 %; n = 5 of 20 seeds." in text
    assert "the lowest possible p of the permutation test is 0.062, and 0.38 after Holm's correction" in text
    peak = 100 * curves["no-hidden-layer-p95.5"][0][:, 4:].max(axis=1).mean()
    assert f"In one layer 54 weights reach {peak:.1f} ± " in text
    assert "for as many in two layers the paper prints 91.2 ± 0.2" in text
    assert "| NIST (1, 10), 99.5 % | 54 | " in text  # the method's own row
    assert "Not run: One linear layer, 120 → 10; Random mask, 99.5 %; NIST (1, 10), 54 weights at random; NIST" in text


def test_what_many_runs_say_is_said_without_reserve(controls):
    text, _ = controls(10, "dense-p99.5")
    assert "| higher, p" in row(text, "Dense, pruned to 99.5 %")
    assert "cannot show a difference of spread" not in text


def test_a_single_run_has_no_margin(controls):
    text, _ = controls(1, "dense-p99.5")
    assert re.search(r"\| Dense, pruned to 99.5 % \| 54 \| \d\d\.\d \|", text)
    assert [line for line in text.splitlines() if "nan" in line] == []


def test_studies_that_are_not_run_are_named_with_their_command(text):
    assert re.search(r"- \*\*LeNet-5 on CIFAR-10\*\* \(\d+ claims\): `make evidence STUDY=lenet5-cifar10`", text)
    assert "`make evidence STUDY=alexnet-cifar10`" in text


def test_a_study_that_lacks_a_head_is_no_error_and_nothing_is_said_of_it(accuracies, statistics, verdicts):
    two = {name: accuracies[name] for name in ("dense", "nist-1-10-p98")}
    experiment, paths = statistics(NAME, two, EPOCHS)
    text = page.page(study_results.read([experiment], paths), verdicts)
    assert "## LeNet-5 on Fashion-MNIST (Table A2)\n\nNot all four heads have runs" in text
    assert "At 98 % the accuracy" not in text


def test_two_runs_of_two_epochs_are_no_error(statistics, verdicts):
    # What two runs leave undefined is said to be; there is no calibration of so few.
    rng = np.random.default_rng(1)
    curves = {name: rng.uniform(0.4, 0.9, (2, 2, 2)) for name in study.load("mobilenetv1-cifar10").variants}
    experiment, paths = statistics("mobilenetv1-cifar10", curves, 2)
    text = page.page(study_results.read([experiment], paths), verdicts)
    assert "n = 2 of 20 seeds, 2 epochs" in text
    assert "random halves" not in text
    assert "nan" not in text


def test_one_run_has_no_spread(statistics, verdicts):
    curves = {name: np.full((2, 1, 2), 0.5) for name in ("dense-1", "sparse-3")}
    experiment, paths = statistics("mobilenetv1-cifar10", curves, 2)
    text = page.page(study_results.read([experiment], paths), verdicts)
    assert "| Dense-1 | 10,920 | 0.02593 | – | 0.7778 | – |" in text.replace("10,240", "10,920")
    assert "nan" not in text


def test_the_choice_of_the_epoch_on_test_images_is_sized(accuracies, statistics, verdicts):
    # The dense head is best on held-out images at the last epoch, the other at the first, which test images like best.
    falling = tuple(each[:, ::-1] for each in accuracies["dense"])
    sessions = [{"test_accuracy": {f"{seed}": {"1": 0.82} for seed in range(SEEDS)}}]
    for seed, tested in sessions[0]["test_accuracy"].items():
        tested |= {f"{epoch}": 0.8 + 0.001 * int(seed) for epoch in range(2, EPOCHS + 1)}
    held_out = {"dense": accuracies["dense"], "nist-1-10-p98": falling}
    one, found = statistics("lenet5-fmnist-holdout", held_out, EPOCHS, sessions)
    other, more = statistics(NAME, accuracies, EPOCHS)
    text = in_lines(page.page(study_results.read([one, other], [*found, *more]), verdicts))
    assert "- Dense: 80.3 %, +1.65 points (+1.30 to +2.00)." in text
    assert "- NIST (1, 10), 98 %: 82.0 %, +0.00 points (+0.00 to +0.00)." in text
    assert "98 % minus Dense, epoch selected on held-out images: higher, +1.65 points (+1.45 to +1.85);" in text
    assert "on test images: not significantly different, +0.00 points (+0.00 to +0.00)." in text


def test_methods_are_told_from_nist_or_not(statistics, verdicts, monkeypatch):
    rng, name = np.random.default_rng(2), "lenet5-fmnist-comparison-98"
    ends = {"nist": 0.85, "dense": 0.88, "erk": 0.8, "magnitude": 0.1, "rigl": 0.87, "snip": 0.85}
    curves = {
        variant: (end + 0.004 * rng.standard_normal((SEEDS, 4)), np.full((SEEDS, 4), 0.9))
        for variant, end in ends.items()
    }
    curves["magnitude"][0][:] = 0.1  # no path is left
    counts = {"effective": 200, "unused": 3, "unreached": 0}
    sessions = [{"paths": {str(seed): counts for seed in range(SEEDS)}}]
    experiment, paths = statistics(name, curves, 4, sessions)
    given = study_results.read([experiment], paths)
    text = in_lines(page.page(given, verdicts))
    assert "## Beside other methods with as many weights" in text
    apart = "less accurate than Dense and RigL; more accurate than Random (ERK) and Magnitude at initialisation"
    assert f"by mean rank NIST is number 3 of 5 sparse methods. It is {apart}; not" in text
    answers = text.partition("What the published runs")[0]
    assert f".** By mean rank NIST is number 3 of 5 sparse methods. It is {apart}; not" in answers
    assert "not significantly different from SNIP." in text
    assert re.search(r"minus NIST: RigL \+[12]\.\d\d points \([^)]*\) and SNIP [+−]0\.\d\d points", text)
    assert "From run to run it is not significantly different from Dense, Random (ERK), RigL and SNIP. All " in text
    assert " All runs of Magnitude at initialisation score the same." in text
    rigl = r"\| RigL \| 8[67]\.\d ± \d\.\d\d \| \+\d\.\d\d points \(.*?\) \| \d\.\d\d \| 1\.\d\d \| 98\.17 \| 8 \|"
    assert re.search(rigl, text)

    words = {"erk": "less steady", "rigl": "steadier"}  # of eight runs none is told after the correction
    monkeypatch.setattr(methods.comparisons, "answer", lambda _source, one, _question: _said(words.get(one)))
    alike = "not significantly different from Dense and SNIP"
    expected = f"From run to run it is steadier than Random (ERK); less steady than RigL; {alike}."
    assert expected in in_lines(page.page(given, verdicts))


def _said(word):
    return SimpleNamespace(word=word or formatting.NOT_SIGNIFICANT)


def test_without_any_run_there_is_the_arithmetic(verdicts):
    text = page.page(study_results.read([study.load(NAME)], []), verdicts)
    assert "## LeNet-5" not in text
    assert "## What needs no run" in text
    assert "| Sec. 4.2 | at most 0.5 points | 0.53 points |" in text
    assert "| Table 1 | 262 × 10¹² FLOPs | 100.8 × 10¹² FLOPs |" in text
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


def test_a_study_starts_with_question_answer_number_and_caveat_in_fifteen_lines(text):
    section = text[text.index("## LeNet-5 on Fashion-MNIST") : text.index("### Details")]
    assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == ["Question", "Answer", "Number", "Caveat"]
    assert len(section.strip().splitlines()) <= 15

"""The ledger as a whole: every claim has a rule that can be applied, and the file is the same each time."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import contracts
from analysis.claims import arithmetic, claim, ledger, ledger_file, orderings, words
from analysis.claims.evidence import PAPER, Evidence, read_statistics
from analysis.statistics.accuracy import accuracy
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.epochs_to_converge import epochs_to_converge
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.overfitting_gap import overfitting_gap
from analysis.statistics.run_curves import run_curves
from analysis.statistics.run_epochs import run_epochs
from analysis.statistics.run_scores import run_scores
from analysis.statistics.sd_permutation import sd_permutation
from analysis.statistics.wilcoxon import wilcoxon
from analysis.statistics.wilson import wilson
from nist.errors import InputError
from nist.studies import study

CLAIMS = claim.read()
STUDIES = {path.stem: study.load(path) for path in sorted(Path("config/studies").glob("*.yaml"))}


def write(path, **changes):
    """``claims.csv`` of one row."""
    row = (
        dict.fromkeys(claim.COLUMNS, "")
        | {"id": "x", "kind": "derivable", "printed": "1", "rule": "recompute"}
        | changes
    )
    pd.DataFrame([row]).to_csv(path, index=False)
    return path


# Studies that are shorter than the paper's, and say so (N3).
SHORTER = {"lenet5-fmnist": 60}


class TestClaims:
    def test_all_354_with_unique_ids_and_a_known_rule(self):
        assert len(CLAIMS) == 354
        assert {one.rule for one in CLAIMS.values()} == set(ledger.RULES)

    def test_every_expression_decides_something(self):
        used = {part.get("expression") for one in CLAIMS.values() for part in (one.parameters, one.changed)}
        assert used - {None} == set(arithmetic.EXPRESSIONS)

    @pytest.mark.parametrize("column", ["source", "study", "variant", "quantity", "kind"])
    def test_nothing_is_left_blank(self, column):
        assert all(getattr(one, column) for one in CLAIMS.values())

    def test_every_claim_is_on_a_study_of_the_paper(self):
        assert {one.study for one in CLAIMS.values()} & set(STUDIES) <= set(PAPER)
        assert {STUDIES[name].content["edition"] for name in PAPER} == {"paper"}

    def test_claims_on_runs_are_on_studies_of_the_paper(self):
        for one in CLAIMS.values():
            if one.rule in ledger.OF_RUNS:
                assert {name for name, _ in ledger.involved(one)} <= set(PAPER), one.id

    def test_variants_are_those_of_the_studies(self):
        for one in CLAIMS.values():
            if one.rule in ledger.OF_RUNS:
                for name, variant in ledger.involved(one):
                    assert name not in STUDIES or variant in STUDIES[name].variants, one.id

    def test_the_paper_s_sizes_are_those_of_the_studies(self):
        for name, size in PAPER.items():
            if name in STUDIES:
                content = STUDIES[name].content
                epochs = size.epochs
                if name in SHORTER:
                    epochs = SHORTER[name]
                    assert f"Trained for {epochs} epochs" in content["description"]
                assert (content["data"]["dataset"], content["training"]["epochs"]) == (size.dataset, epochs)

    def test_references_are_there_and_epochs_are_trained(self):
        for one in CLAIMS.values():
            names = [text[1:] for text in [*one.parameters.values(), *one.changed.values()] if text.startswith("@")]
            names += [
                word for word in one.parameters.get("check", "").split() if "." in word and not word.startswith("~")
            ]
            names += [one.parameters[key] for key in ("mean", "maximum", "against") if key in one.parameters]
            names += one.parameters.get("claims", "").split() + one.parameters.get("column", "").split()
            assert set(names) <= set(CLAIMS), one.id
            if one.rule in ("direction", "equivalence", "steadier"):
                epochs = [side.partition("@")[2] for pair in orderings.named_pairs(one.parameters) for side in pair]
                assert all(int(epoch) <= PAPER[one.study].epochs for epoch in epochs if epoch.isdecimal()), one.id

    def test_every_figure_that_decides_something_is_a_number(self):
        for one in CLAIMS.values():
            if one.rule in {"recompute", "interval", "maximum", "margin", "spread", "share", "bound", "epochs_to"}:
                assert one.figure.step > 0 if one.printed or "claimed" in one.parameters else not one.printed

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"kind": "guess"}, "x: kind 'guess' should be one of derivable"),
            ({"parameters": "expression"}, "x: parameter 'expression' should be written name=value"),
        ],
    )
    def test_a_bad_row_is_named(self, tmp_path, changes, message):
        with pytest.raises(InputError, match=message):
            claim.read(write(tmp_path / "claims.csv", **changes))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"rule": "guess"}, "x: no rule 'guess'; there are interval"),
            ({"parameters": "expression=guess"}, "x: no expression 'guess'; there are difference"),
            ({"parameters": "expression=active"}, "x: active: .*missing 1 required positional argument: 'network'"),
            ({"parameters": "expression=reduction; a=@y; b=@y"}, "x: refers to 'y', which is not there"),
            ({"parameters": "expression=count; terms=a b", "printed": "two"}, "x: 'two' is not a number"),
            ({"rule": "not_testable"}, "x: its rule needs the parameter 'reason'"),
        ],
    )
    def test_a_bad_rule_is_named(self, tmp_path, changes, message):
        claims = claim.read(write(tmp_path / "claims.csv", **changes))
        with pytest.raises(InputError, match=message):
            ledger.decide(claims["x"], Evidence(claims))

    def test_a_double_id_and_a_missing_column(self, tmp_path):
        path = write(tmp_path / "claims.csv")
        rows = pd.read_csv(path)
        pd.concat([rows, rows]).to_csv(path, index=False)
        with pytest.raises(InputError, match="x stands there twice"):
            claim.read(path)
        rows.drop(columns="rule").to_csv(path, index=False)
        with pytest.raises(InputError, match="the columns should be id, source"):
            claim.read(path)


class TestWithoutRuns:
    verdicts = ledger.ledger(Evidence(CLAIMS, STUDIES))

    def test_nothing_is_claimed_of_runs(self):
        assert set(self.verdicts["verdict"]) == {
            *("arithmetic ok", "arithmetic wrong", "adopted", "not run", "not testable"),
        }

    def test_not_run_says_the_command(self):
        rows = self.verdicts[self.verdicts["verdict"] == "not run"].set_index("id")["reason"]
        assert rows.str.contains("To run it: `make evidence STUDY=", regex=False).all()
        assert "`make evidence STUDY=alexnet-cifar10`" in rows["a3.alexnet.dense.mean_acc"]
        assert 'STUDY="vgg16-imagenet100 vgg16-imagenet100-low"' in rows["s42.vgg.q.lr_low_slow"]

    def test_reasons_are_sentences_without_internals(self):
        reasons = self.verdicts["reason"]
        assert reasons.str.match(r"[^a-z].*\.$").all()
        variants = "|".join({re.escape(name) for one in STUDIES.values() for name in one.variants if "-" in name})
        internal = rf"@|\w=[a-z@]|\b(?:{variants})\b|" + "|".join(map(re.escape, CLAIMS))
        found = reasons[reasons.str.replace(r"`.*?`", "", regex=True).str.contains(internal)]
        assert found.tolist() == []

    def test_a_summary_names_the_statement_that_decides_it(self):
        reason = self.verdicts.set_index("id")["reason"]["abs.deit_first30"]
        assert reason.startswith("Decided by “sparse variants higher than dense before epoch 30” (A.6, Abstract). ")

    def test_not_testable_says_why(self):
        assert self.verdicts.loc[self.verdicts["verdict"] == "not testable", "reason"].str.len().gt(20).all()

    def test_numbers_are_in_the_printed_unit(self):
        ours = self.verdicts.set_index("id")["ours"]
        assert ours["t1.alexnet.dense.flops"] == "100.786176"
        assert ours["t1.alexnet.nist.head_params"] == "3.359"
        assert ours["a3.alexnet.dense.params"] == "33595392"
        assert ours["a3s.switch"] == "80"


@pytest.fixture(scope="module")
def run_statistics():
    """Statistics of lenet5-cifar10 as the pipeline computes them, from made-up curves of 20 runs of 120 epochs."""
    experiment, rng = STUDIES["lenet5-cifar10"], np.random.default_rng(0)
    variants = list(experiment.variants)
    index = pd.MultiIndex.from_product([variants, range(20), range(1, 121)], names=["variant", "seed", "epoch"])
    frame = index.to_frame(index=False).assign(study=experiment.name, diverged=False, active_weights=100)
    level = 0.577 + 0.01 * frame["variant"].map(variants.index) + rng.normal(0, 0.002, len(variants) * 20).repeat(120)
    frame["val_accuracy"] = level * (1 - np.exp(-frame["epoch"] / 4)) + rng.normal(0, 0.002, len(frame))
    frame["train_accuracy"] = frame["val_accuracy"] + 0.001 * frame["epoch"]
    frame["train_loss"], frame["val_loss"] = 1.0, 1 + 0.001 * frame["epoch"]
    sd = epochwise_sd(frame)
    names = pd.DataFrame({"study": experiment.name, "variant": variants})
    tables = {
        "accuracy": accuracy(frame),
        "learning_curve": learning_curve(frame),
        "overfitting_gap": overfitting_gap(frame),
        "epochs_to_converge": epochs_to_converge(frame, "dense"),
        "auc_sd": auc_sd(sd),
        "sd_permutation": sd_permutation(frame, "dense", resamples=99, rng=rng),
        "run_scores": run_scores(frame),
        "run_curves": run_curves(frame),
        "run_epochs": run_epochs(frame, "dense"),
        "wilcoxon": wilcoxon(sd, "dense"),
        "wilson": wilson(sd, "dense"),
        "cost": names.assign(**dict.fromkeys(contracts.CONTRACTS["cost"][1], 120)).assign(training_images=50_000),
    }
    return {(experiment.name, name): table for name, table in tables.items()}


def test_the_statistics_of_a_study_decide_all_its_claims(run_statistics):
    verdicts = ledger.ledger(Evidence(CLAIMS, STUDIES, run_statistics)).set_index("id")
    of_study = verdicts.loc[[one.id for one in CLAIMS.values() if one.study == "lenet5-cifar10"], "verdict"]
    assert "not run" not in set(of_study)
    assert of_study["a1.lenet5.epochs"] == "adopted"
    assert verdicts.loc["a2.lenet5.q.cifar_improve", "verdict"] == "reproduced"  # 60 against 58 %
    assert verdicts.loc["fa3.lenet5.q.gap_dense_largest", "verdict"] == "contradicted as read"  # all gaps are the same
    assert verdicts.loc["a2.lenet5.cifar10.dense.mean_acc", "verdict"] == "reproduced"
    assert verdicts.loc["a2.lenet5.cifar10.dense.mean_acc", "n"] == "20"
    steadier = verdicts.loc["a2.lenet5.q.98_stability", "reason"]
    assert steadier.startswith("SD of Dense relative to NIST (1, 10), 98 %, p = ")
    assert " at epoch 60 against " in verdicts.loc["fa3.lenet5.q.gap_dense_largest", "reason"]


STAND_INS = [name for name, one in STUDIES.items() if one.content["edition"] == "stand-in"]


@pytest.mark.parametrize("name", STAND_INS)
def test_runs_of_a_stand_in_decide_no_claim(run_statistics, name):
    def statistics(study_name, variants):
        tables = {statistic: table.assign(study=study_name) for (_, statistic), table in run_statistics.items()}
        for table in tables.values():
            table["variant"] = table["variant"].map(
                dict(zip(STUDIES["lenet5-cifar10"].variants, variants, strict=False))
            )
        return {(study_name, statistic): table for statistic, table in tables.items()}

    source = f"{name.removesuffix('-cifar10')}-imagenet100"
    without = ledger.ledger(Evidence(CLAIMS, STUDIES))
    given = statistics(name, STUDIES[name].variants)
    pd.testing.assert_frame_equal(ledger.ledger(Evidence(CLAIMS, STUDIES, given)), without)
    genuine = statistics(source, STUDIES[source].variants)  # the very same numbers, of what it stands for
    assert (ledger.ledger(Evidence(CLAIMS, STUDIES, genuine))["verdict"] != without["verdict"]).any()


def test_the_command_writes_the_same_bytes_each_time(run_statistics, tmp_path):
    for (name, statistic), frame in run_statistics.items():
        path = tmp_path / name / f"{statistic}.csv"
        path.parent.mkdir(exist_ok=True)
        frame.to_csv(path, index=False)
    statistics = [str(path) for path in sorted(tmp_path.glob("*/*.csv"))]
    for output in ("first.csv", "second.csv"):
        ledger.main([*statistics, "--studies", "lenet5-cifar10", "-o", str(tmp_path / output)])
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "second.csv").read_bytes()
    written = pd.read_csv(tmp_path / "first.csv", dtype=str, keep_default_na=False)
    assert list(written.columns) == [
        *("id", "verdict", "printed", "ours", "low", "high", "n", "readings", "finding", "reason", "rule"),
    ]
    direct = ledger.ledger(Evidence(CLAIMS, {"lenet5-cifar10": STUDIES["lenet5-cifar10"]}, run_statistics))
    pd.testing.assert_frame_equal(written, direct)


@pytest.mark.parametrize(
    ("name", "header", "message"),
    [
        ("claims", "id,verdict", "no statistic is called 'claims'"),
        ("cost", "variant,epochs", "not a statistic .* no column 'dense'"),
    ],
)
def test_a_file_that_is_no_statistic_is_named(tmp_path, name, header, message):
    path = tmp_path / f"{name}.csv"
    path.write_text(f"{header}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}.csv: {message}"):
        read_statistics([path])


class TestTogether:
    ONE = replace(CLAIMS["abs.mobilenet"], parameters=claim.parse("claims=p q", "abs.mobilenet"))

    @pytest.mark.parametrize(
        ("rules", "verdict"),
        [
            ((("expression=count; terms=a", "1"), ("expression=count; terms=a b", "2")), "arithmetic ok"),
            ((("expression=count; terms=a b", "1"), ("expression=count; terms=a b", "2")), "contradicted"),
        ],
    )
    def test_as_good_as_the_worst(self, rules, verdict):
        parts = {
            name: replace(CLAIMS["f1.a.edges"], id=name, printed=printed, parameters=claim.parse(text, name))
            for name, (text, printed) in zip("pq", rules, strict=True)
        }
        assert ledger.decide(self.ONE, Evidence(parts)).verdict == verdict


class TestSettings:
    def test_a_study_that_departs_from_the_paper_is_not_run_as_printed(self, study_content, load_study):
        study_content["training"]["optimizers"][0]["learning_rate"] = 0.5
        departed = load_study({**study_content, "study": "lenet5-cifar10"})
        given = Evidence(CLAIMS, {"lenet5-cifar10": departed})
        found = ledger.decide(CLAIMS["a1.lenet5.lr"], given)
        assert found.verdict == "not run"
        assert found.reason.endswith("learning_rate is 0.5")  # and no command, as no run changes it
        assert ledger.decide(CLAIMS["a1.lenet5.batch"], given).verdict == "adopted"

    def test_a_key_that_a_study_lacks(self):
        found = ledger.decide(
            CLAIMS["a1.deit_small.lr_min"], Evidence(CLAIMS, {"deit-small-imagenet100": STUDIES["lenet5-cifar10"]})
        )
        assert "has no training/schedule/lr_min" in found.reason

    def test_statements_of_the_paper_against_each_other(self):
        found = ledger.decide(CLAIMS["s3.deit.epochs300"], Evidence(CLAIMS))
        assert (found.verdict, found.estimate.value) == ("arithmetic wrong", "400")


@pytest.mark.parametrize(
    ("a", "sign", "b", "possible"),
    [
        ("90.9", ">", "91.3", False),
        ("91.2", ">", "91.2", True),  # either may have been rounded
        ("81.91", "=", "81.90", True),  # 81.905 by rounding, and cut off
        ("81.92", "=", "81.90", False),
        ("81.9", "=", "81.90", True),
        ("81.9", "=", "81.91", True),
        ("79.4", "~0.1", "79.45", True),
        ("80.81", "~0.5", "81.91", False),
    ],
)
def test_comparisons_of_printed_figures(a, sign, b, possible):
    claims = {name: replace(CLAIMS["t1.deit.dense.top1"], id=name, printed=text) for name, text in (("a", a), ("b", b))}
    one = replace(claims["a"], parameters=claim.parse(f"check=a {sign} b", "a"))
    assert (arithmetic.check(one, claims) is None) == possible


def test_points_and_percents_have_two_decimals():
    shown = [("0.46667", "points"), ("-4.9694", "points"), ("53.9", "%"), ("0.021345", "%"), ("1.8871", "×")]
    assert [ledger_file.short(*one) for one in shown] == ["0.47", "-4.97", "53.90", "0.02134", "1.887"]
    assert [ledger_file.short(one, "%") for one in ("60", "nan", "negligible")] == ["60", "", "negligible"]
    assert [ledger_file.short(one) for one in ("9999.7", "10001.60524", "1.2474e+15")] == [
        "10000",
        "10002",
        "1.247e+15",
    ]


def test_semicolons_part_sentences_but_not_what_is_quoted():
    assert words.sentences(["decided by “lower; often” (Fig. 4); p = 0.05", ""]) == (
        "Decided by “lower; often” (Fig. 4). p = 0.05."
    )


def test_figures_stand_as_a_reader_writes_them():
    shown = [("33595392", "weights"), ("-4576", "1e12 FLOPs"), ("4.76e-4", "p"), ("1.247e+15", "FLOPs"), ("9.6e14", "")]
    assert [words.figure(*one) for one in shown] == [
        *("33,595,392 weights", "−4,576 × 10¹² FLOPs", "4.76 × 10⁻⁴", "1.247 × 10¹⁵ FLOPs", "9.6 × 10¹⁴")
    ]
    assert [words.figure(one, "×") for one in ("15.8", "60,806", "1/50")] == ["15.8 ×", "60,806 ×", "1/50"]

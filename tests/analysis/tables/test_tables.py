"""The paper's tables: runs with its means, spreads and maxima give its figures back; wrong ones are shown as such."""

import importlib
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import manifest, study_results
from analysis.claims import claim
from analysis.items import main
from analysis.metrics import runs
from analysis.statistics import cost
from analysis.statistics.accuracy import accuracy
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.epochs_to_converge import epochs_to_converge
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.wilcoxon import wilcoxon
from analysis.statistics.wilson import wilson
from analysis.study_results import Source
from analysis.tables import layout, printed, sparse_heads, table1, tablea1, tablea5, tablea6
from nist.errors import InputError
from nist.studies import study, yaml_file

CLAIMS = claim.read()
MANIFEST = yaml_file.read(Path("config/figures.yaml"))
TABLES = [name for name, item in MANIFEST.items() if item["kind"] == "table" and "studies" in item]
PEAK, LARGEST, SPREAD = "Mean ± MOE, peak (%)", "Max, peak (%)", "SD, peak (points)"


def sample(mean, sd, largest, n):
    """n values with that mean, SD (ddof 1) and maximum: the maximum, one low outlier, and the others equal."""
    above = largest - mean
    scale = sqrt(((n - 1) * sd**2 - above**2 * n / (n - 1)) / ((n - 1) * (n - 2)))
    rest = mean - above / (n - 1) + scale * np.array([1.0] * (n - 2) + [-(n - 2.0)])
    assert rest.max() <= largest
    return np.array([largest, *rest])


def source(frame, name, peaks):
    """A study whose runs reach ``peaks``, an array a variant, in their second epoch of two."""
    experiment, frames, counts = study.load(name), [], []
    for variant, values in peaks.items():
        frames.append(frame(np.stack([values / 2, values], axis=1), study=name, variant=variant))
        weights = cost.head_weights(experiment.configuration(variant))
        counts.append({"variant": variant, **weights, **cost.ratios(weights)})
    return Source(experiment, {"accuracy": accuracy(pd.concat(frames)), "cost": pd.DataFrame(counts)})


def prints_as(ours, text):
    """Whether a number, rounded or cut off to the digits of ``text``, is that."""
    decimals = len(text.partition(".")[2])
    value, step = float(ours), 10**-decimals
    return f"{value:.{decimals}f}" == text or f"{int(value / step + 1e-9) * step:.{decimals}f}" == text


def rows(table, origin):
    return table[table["Source"] == origin].to_dict("records")


def test_the_sample_has_the_moments_asked_for():
    values = sample(0.7849, 0.02, 0.7945, 20)
    assert (values.mean(), values.std(ddof=1), values.max()) == pytest.approx((0.7849, 0.02, 0.7945))


def test_table_a3_comes_back_from_runs_with_its_means_sds_and_maxima(frame):
    printed_rows = {
        name: sparse_heads.prefix("alexnet-cifar10", name) for name in study.load("alexnet-cifar10").variants
    }
    peaks = {
        name: sample(*(float(CLAIMS[f"{start}.{key}"].figure.value) for key in ("mean_acc", "moe", "max_acc")), 20)
        for name, start in printed_rows.items()
    }
    given = source(frame, "alexnet-cifar10", peaks)
    table = sparse_heads.build([given])
    assert table["Source"].tolist() == ["paper", "recomputed", "ours"] * 5
    for paper, recomputed, ours in zip(*(rows(table, name) for name in ("paper", "recomputed", "ours")), strict=True):
        mean, margin = paper[PEAK].split(" ± ")
        assert prints_as(ours[PEAK].split(" ± ")[0], mean)
        assert float(ours[SPREAD]) == float(margin)  # B7: the ± are SDs
        assert ours[LARGEST] == paper[LARGEST]
        assert ours["Active weights"] == recomputed["Active weights"] == paper["Active weights"]
        assert prints_as(ours["Final sparsity (%)"], paper["Final sparsity (%)"])
        assert ours["Comp. ratio"] == recomputed["Comp. ratio"]
        assert ours["Runs"] == "20"
    initial = given.statistics["cost"]["initial_sparsity"]
    for sparsity, paper in zip(initial, rows(table, "paper"), strict=True):
        assert prints_as(100 * sparsity, paper["Init. sparsity (%)"])
    first = rows(table, "paper")[0], rows(table, "recomputed")[0]
    assert [row["Comp. ratio"] for row in first] == ["0×", "1×"]  # N6


def test_table_a2_comes_back_on_both_data_sets(frame):
    given = []
    for name in ("lenet5-fmnist", "lenet5-cifar10"):
        starts = {variant: sparse_heads.prefix(name, variant) for variant in study.load(name).variants}
        values = {
            variant: [float(CLAIMS[f"{start}.{key}"].figure.value) for key in ("mean_acc", "max_acc")]
            for variant, start in starts.items()
        }
        given.append(source(frame, name, {v: sample(mean, top - mean, top, 20) for v, (mean, top) in values.items()}))
    table = sparse_heads.build(given)
    assert table["Data set"].tolist() == ["FMNIST"] * 12 + ["CIFAR-10"] * 12
    for paper, ours in zip(rows(table, "paper"), rows(table, "ours"), strict=True):
        assert ours[PEAK].split(" ± ")[0] == paper[PEAK].split(" ± ")[0]
        assert ours[LARGEST] == paper[LARGEST]
        assert prints_as(ours["Init. sparsity (%)"], paper["Init. sparsity (%)"])
        assert prints_as(ours["Final sparsity (%)"], paper["Final sparsity (%)"])


def test_table_a2_gives_back_a_margin_that_its_maximum_allows(frame):
    sd = 0.001 * sqrt(20) / 2.093024
    table = sparse_heads.build([source(frame, "lenet5-fmnist", {"dense": sample(0.913, sd, 0.920, 20)})])
    assert rows(table, "paper")[0][PEAK] == "91.3 ± 0.1"
    assert rows(table, "ours")[0][PEAK] == "91.3 ± 0.10"  # the same in points


def test_table_a4_has_the_right_counts_beside_the_printed_ones(frame):
    peaks = {
        "dense": sample(0.712, 0.002, 0.714, 5),
        "nist-1-2-100": sample(0.781, 0.0024, 0.7834, 5),
        "nist-1-2-100-p99.9": sample(0.782, 0.0037, 0.7857, 5),
        "nist-1-2-100-p99.9-early": sample(0.782, 0.0037, 0.7857, 5),
    }
    table = sparse_heads.build([source(frame, "vgg16-imagenet100", peaks)])
    assert len(table) == 9  # the prune after epoch 1 is Table A5's
    counts = {
        origin: [row["Active weights"] for row in rows(table, origin)] for origin in ("paper", "recomputed", "ours")
    }
    assert counts["paper"] == ["119,955,556", "443,835", "119,995"]
    assert counts["recomputed"] == counts["ours"] == ["119,947,264", "442,880", "119,947"]  # C1, C2
    assert [row["Comp. ratio"] for row in rows(table, "ours")] == ["1×", "270.8×", "1,000×"]
    assert [row[PEAK].split(" ")[0] for row in rows(table, "ours")] == ["71.20", "78.10", "78.20"]
    assert [row[LARGEST] for row in rows(table, "ours")][1:] == [row[LARGEST] for row in rows(table, "paper")][1:]


@pytest.fixture
def trained(metrics_file):
    """A source of runs that converge in a given epoch of ``epochs``, with cost and curves, from metrics files."""

    def make(name, converged, epochs, images, others):
        experiment, paths = study.load(name), []
        for variant, epoch in converged.items():
            curve = np.where(np.arange(1, epochs + 1) < epoch, 0.5, 0.7)
            description = {
                "configuration": experiment.configuration(variant),
                "training_images": images,
                "parameters": {"other": others},
            }
            curves = [curve, curve + 0.01]
            paths.append(metrics_file(variant, curves, study=name, variant=variant, describe=description))
        blocks = runs.read_blocks(paths)
        frame = runs.join(blocks)
        convergence = epochs_to_converge(frame, "dense")
        statistics = {
            "accuracy": accuracy(frame),
            "cost": cost.cost(blocks, convergence),
            "epochs_to_converge": convergence,
            "learning_curve": learning_curve(frame),
        }
        return Source(experiment, statistics)

    return make


VGG = {"dense": 20, "nist-1-2-100": 5, "nist-1-2-100-p99.9": 5, "nist-1-2-100-p99.9-early": 5}


def test_table_1_with_the_papers_epochs_and_the_right_number_of_images(trained):
    given = [
        trained("alexnet-cifar10", {"dense": 15, "nist-1-2-10-p99.99": 7}, 60, 50_000, 2_251_584 + 8_202),
        trained("vgg16-imagenet100", VGG, 60, 130_000, 14_714_688 + 8_292),
        trained("deit-small-imagenet100", {"dense": 9, "nist-p60": 9, "nist-p70": 9}, 400, 130_000, 470_500),
    ]
    table = table1.build(given)
    flops = {
        origin: [row["FLOPs (×10¹²)"] for row in rows(table, origin)] for origin in ("paper", "recomputed", "ours")
    }
    assert flops["paper"] == ["262", "0.012", "959.9", "0.31", "4,576", "2,059", "686"]
    # Audit B5, C3, E1.
    assert flops["recomputed"] == ["100.8", "0.06457", "1,247.5", "0.4798", "4,514.5", "2,085.3", "1,864.5"]
    ours = flops["ours"]
    assert ours[:4] + ours[5:] == flops["recomputed"]  # the fifth is of the prune after epoch 4
    params = [row["Params"] for row in rows(table, "ours")]
    assert params[0] == "33,595,392 (Head), 35,846,976 (Total)"
    assert params[1] == "3,359 (Head), 2,254,943 (Total)"
    assert params[3] == "119,947 (Head), 14,834,635 (Total)"
    assert params[5:] == ["21,704,164", "8,963,965", "6,840,599"]
    assert [row["Params"] for row in rows(table, "recomputed")] == params[:4] + params[5:]
    assert [row["Compression"] for row in rows(table, "ours")] == [
        *("1×", "10,000× (Head), 15.9× (Total)", "1×", "1,000× (Head), 9.078× (Total)"),
        *("1,000× (Head), 9.078× (Total)", "1×", "2.421×", "3.173×"),
    ]
    epochs = [(paper["Epochs to converge"], paper["Top-1 (%)"]) for paper in rows(table, "paper")]
    assert epochs[:4] == [("15", "79.4"), ("7", "86.4"), ("20", "71.4"), ("5", "78.6")]
    assert [row["Epochs to converge"].split()[0] for row in rows(table, "ours")[:4]] == ["15", "7", "20", "5"]


def test_table_a5_with_one_number_of_images(trained):
    table = tablea5.build([trained("vgg16-imagenet100", VGG, 60, 130_000, 14_722_980)])
    ours = rows(table, "ours")
    for row, recomputed in zip(ours, rows(table, "recomputed"), strict=True):
        for column in ("Active weights", "Total FLOPs (×10¹²)", "Rel. to dense (%)"):
            assert row[column] == recomputed[column]
    assert [row["Total FLOPs (×10¹²)"] for row in ours] == ["1,247.5", "1.151", "0.4798"]  # C3
    assert [row["Rel. to dense (%)"] for row in ours] == ["100", "0.0923", "0.0385"]
    assert [row["Active weights"] for row in ours] == ["119,947,264", "442,880", "442,880 → 119,947"]
    paper = rows(table, "paper")
    assert [row["Total FLOPs (×10¹²)"] for row in paper] == ["959.9", "0.88", "0.31"]
    assert [row["Notes"] for row in paper] == ["Baseline", "Reaches peak accuracy by epoch 2–3", "Most efficient case"]
    assert paper[2]["Active weights"] == "443,835 → 120,000"


# Studies that are meant to differ from Table A1: in Fig. 3A's learning rate, and in length (N3).
DIFFERENT = {"vgg16-imagenet100-low": ["LR"], "lenet5-fmnist": ["Epochs"]}


def test_table_a1_has_the_printed_settings_in_every_study():
    table = tablea1.build([Source(study.load(name)) for name in MANIFEST["tablea1"]["studies"]])
    for _, model in table.groupby("Model", sort=False):
        first, *studies = model.to_dict("records")
        assert first["Source"] == "paper"
        for row in studies:
            differing = [column for column in table.columns[2:] if row[column] != first[column]]
            assert differing == DIFFERENT.get(row["Source"], [])
    assert "CosineLRScheduler(initial_lr=0.001, lr_min=0.0001" in table["LR"].tolist()[-1]
    assert table["Optimizer"].tolist()[0] == "Adam + SGD(momentum=0.9)"


def epochwise():
    """Epochwise SDs with the means of Table A6, 24 of 30 epochs lower, and a rank sum of 78."""
    ranks = np.arange(1, 31)
    signs = np.where(np.isin(ranks, [3, 8, 12, 15, 18, 22]), 1, -1)
    baseline = 0.008 + (0.025927 - 0.008) * ranks / ranks.mean()
    difference = signs * ranks * (0.025927 - 0.016268) * 30 / -(signs * ranks).sum()
    curves = {"dense-1": baseline, "sparse-1": baseline * 1.1, "sparse-3": baseline + difference}
    return pd.DataFrame(
        [
            {"study": "mobilenetv1-cifar10", "variant": name, "metric": "val_accuracy", "epoch": epoch, "sd": sd}
            for name, curve in curves.items()
            for epoch, sd in enumerate(curve, start=1)
        ]
    ).assign(n=20, n_diverged=0, ddof=1)


def test_table_a6_comes_back():
    sd = epochwise()
    statistics = {"auc_sd": auc_sd(sd), "wilcoxon": wilcoxon(sd, "dense-1"), "wilson": wilson(sd, "dense-1")}
    table = tablea6.build([Source(study.load("mobilenetv1-cifar10"), statistics)])
    paper, ours = rows(table, "paper"), rows(table, "ours")[-3:]
    for one, other in zip(paper, ours, strict=True):
        assert [one[column] for column in ("Model", "Metric", "Value", "Dense-1")] == [
            other[column] for column in ("Model", "Metric", "Value", "Dense-1")
        ]
    assert ours[0]["Notes"].startswith("Diff = −0.00966 (−37.3 %); Wilcoxon W = 78, p = 0.000476")
    assert paper[0]["Notes"] == "Diff = −0.00966 (−37.3 %); Wilcoxon p = 4.76e-4"


@pytest.mark.parametrize("name", [name for name in TABLES if MANIFEST[name]["statistics"]])
def test_a_table_without_runs_has_the_printed_figures_and_says_how_to_make_ours(name):
    module = importlib.import_module(manifest.module_of(MANIFEST, name))
    table = module.build([Source(study.load(one)) for one in MANIFEST[name]["studies"]])
    for row in rows(table, "ours"):
        assert printed.NOT_RUN in row.values()
    names = MANIFEST[name]["studies"]
    titles = "; ".join(study.load(one).title for one in names)
    assert table.iloc[-1, 0] == f"Not run: {titles}. To run it: {study_results.how_to_run(tuple(names))}"
    assert rows(table, "paper")


def test_a_table_shows_what_is_there_and_names_what_is_not(frame):
    there = source(frame, "lenet5-cifar10", {"dense": sample(0.58, 0.02, 0.60, 20)})
    table = sparse_heads.build([there, Source(study.load("lenet5-fmnist"))])
    assert [row[PEAK] for row in rows(table, "ours")] == ["58.0 ± 0.94"] + [printed.NOT_RUN] * 7
    absent = "NIST (1, 10), 98 %, NIST (1, 10), 99.5 %, NIST (1, 5), 99.5 % of LeNet-5 on CIFAR-10"
    said = f"Not run: {absent}; LeNet-5 on Fashion-MNIST. To run it: make evidence"
    assert table["Model"].tolist()[-1].startswith(said)


def test_every_study_of_the_paper_is_in_an_item():
    named = {name for item in MANIFEST.values() for name in item.get("studies", [])}
    there = {path.stem for path in study.FOLDER.glob("*.yaml") if study.load(path).content["edition"] == "paper"}
    assert {name for name in named if study.load(name).content["edition"] == "paper"} == there


def test_seeds_in_another_order_give_the_same_bytes(metrics_file, tmp_path):
    rng, name = np.random.default_rng(0), "alexnet-cifar10"
    configurations = {variant: study.load(name).configuration(variant) for variant in study.load(name).variants}
    paths = [
        metrics_file(
            f"{variant}-{first}",
            rng.uniform(0.2, 0.9, (3, 8)),
            first,
            study=name,
            variant=variant,
            describe={"configuration": configuration},
        )
        for variant, configuration in configurations.items()
        for first in (0, 3)
    ]
    for copy, order in (("a", paths), ("b", paths[::-1])):
        folder = tmp_path / copy / name
        folder.mkdir(parents=True)
        blocks = runs.read_blocks(order)
        frame = runs.join(blocks)
        accuracy(frame).to_csv(folder / "accuracy.csv", index=False)
        cost.cost(blocks, epochs_to_converge(frame, "dense")).to_csv(folder / "cost.csv", index=False)
        inputs = [str(folder / "accuracy.csv"), str(folder / "cost.csv")]
        main(["--study", name, *inputs, "--only", "tablea3", "-o", str(tmp_path / copy)])
    for suffix in (".csv", ".md", ".tex"):
        first, second = (tmp_path / copy / "tables" / name / f"tablea3{suffix}" for copy in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_a_single_run_has_no_margin(frame):
    (ours,) = rows(sparse_heads.build([source(frame, "alexnet-cifar10", {"dense": np.array([0.78])})]), "ours")[:1]
    assert (ours[PEAK], ours[SPREAD], ours["Runs"]) == ("78.00", "", "1")


def test_table_a2_reads_like_the_papers(frame):
    experiment = study.load("lenet5-digits")
    curves = [[0.9, 0.91], [0.9, 0.93]]
    one = [frame(curves, variant=name, diverged={1} if name == "dense" else ()) for name in experiment.variants]
    cost = pd.DataFrame(
        [
            {"variant": name, "initial_sparsity": 0.912, "final_sparsity": 0.98, "final": 218, "compression": 50.09}
            for name in experiment.variants
        ]
    )
    table = sparse_heads.build([Source(experiment, {"accuracy": accuracy(pd.concat(one)), "cost": cost})])
    assert not {"Source", "Data set"} & set(table.columns)  # the paper prints nothing on the example
    first, second = table.iloc[0], table.iloc[1]
    assert first["Mean ± MOE, peak (%)"] == "92.0 ± 12.71"  # t(0.975, 1) = 12.706, SD √2 points, n = 2
    assert first["Neuroseed factors"] == "–"
    assert first["Runs"] == "2 (1 diverged)"
    assert (second["Neuroseed factors"], second["Runs"], second["Active weights"]) == ("1, 10", "2", "218")
    assert (second["Init. sparsity (%)"], second["Comp. ratio"]) == ("91.20", "50.09×")


def test_table_a6_compares_with_the_baseline(mobilenet):
    experiment, frame = mobilenet
    sd = epochwise_sd(frame)
    statistics = {"auc_sd": auc_sd(sd), "wilcoxon": wilcoxon(sd, "dense-1"), "wilson": wilson(sd, "dense-1")}
    table = tablea6.build([Source(experiment, statistics)])
    assert table.columns.tolist() == ["Model", "Metric", "Value", "Dense-1", "Notes"]
    assert table["Model"].unique().tolist() == ["Sparse-1 NIST", "Sparse-3 NIST"]
    mean = sd[sd["variant"] == "sparse-3"]["sd"].mean()
    assert table.iloc[3]["Value"] == f"{mean:.5f}"
    assert "(exact, one-sided, 4 epochs)" in table.iloc[3]["Notes"]
    assert table.iloc[4]["Notes"] == "3 of 4 epochs"


def test_table_a6_says_that_a_single_run_has_no_sd(mobilenet):
    experiment, frame = mobilenet
    sd = epochwise_sd(frame[frame["seed"] == frame["seed"].min()])
    statistics = {"auc_sd": auc_sd(sd), "wilcoxon": wilcoxon(sd, "dense-1"), "wilson": wilson(sd, "dense-1")}
    table = tablea6.build([Source(experiment, statistics)])
    assert {*table["Value"], *table["Dense-1"]} == {"–"}
    assert {*table["Notes"]} == {"a single run has no SD"}


def test_tables_are_written_in_three_formats(tmp_path):
    table = pd.DataFrame([{"Model": "A & B", "Mean": "91.3 ± 0.10"}])
    layout.write(table, "98 % sparse & small", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "Model,Mean\nA & B,91.3 ± 0.10\n"
    assert (tmp_path / "t.md").read_text().startswith("98 % sparse & small\n\n| Model   | Mean        |")
    latex = (tmp_path / "t.tex").read_text()
    assert r"A \& B & 91.3 $\pm$ 0.10 \\" in latex
    assert r"\caption{98~\% sparse \& small}" in latex


def test_what_was_not_run_stands_below_a_table(tmp_path):
    said = "Not run: NIST, 98 %. To run it: make"
    table = pd.DataFrame([{"Model": "Dense", "Mean": "91.3"}, {"Model": said, "Mean": ""}])
    layout.write(table, "Accuracy", tmp_path / "t.csv")
    assert layout.split(pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False))[1] == f"{said}."
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert [lines[-3], lines[-1]] == ["| Dense   | 91.3   |", f"{said}."]
    end = (tmp_path / "t.tex").read_text().split(r"\end{tabular}")[1]
    assert end == "\n\\par Not run: NIST, 98~\\%. To run it: make.\n\\end{table}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--study", "alexnet-cifar10", "--only", "tablea9"], "--only tablea9: there are fig"),
        (["--paper", "--only", "heads"], "--only heads: there are fig"),  # of a benchmark, not of the paper
        ([], "give a --study, or --paper"),
    ],
)
def test_a_table_that_is_not_there_is_refused_in_one_line(arguments, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "-o", str(tmp_path)])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_study_that_an_item_of_the_paper_needs_is_named(tmp_path):
    with pytest.raises(InputError, match="tablea3 is made from alexnet-cifar10; give --study alexnet-cifar10 too"):
        main(["--paper", "--only", "tablea3", "-o", str(tmp_path)])

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from analysis.figures import fig1, fig4, figa2, figa3, figa5, style
from analysis.sources import Source
from analysis.statistics.accuracy import accuracy
from analysis.statistics.auc_sd import auc_sd
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.overfitting_gap import overfitting_gap
from analysis.statistics.wilcoxon import wilcoxon
from analysis.statistics.wilson import wilson
from analysis.tables import layout, tablea2, tablea6
from nist import study


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture
def mobilenet(frame):
    """The embedded MobileNetV1 study and three runs of each of its variants over four epochs."""
    rng = np.random.default_rng(0)
    experiment = study.load("mobilenetv1-digits")
    one = [frame(rng.uniform(0.2, 0.9, (3, 4)), study=experiment.name, variant=name) for name in experiment.variants]
    return experiment, pd.concat(one, ignore_index=True)


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_fig4_draws_mean_and_band_of_every_head(mobilenet, axes):
    experiment, frame = mobilenet
    curves = learning_curve(frame)
    fig4.plot(curves, experiment, axes)
    assert list(lines(axes)) == ["Dense-1", "Sparse-1 NIST", "Sparse-3 NIST"]
    rows = curves[(curves["variant"] == "sparse-3") & (curves["metric"] == "val_accuracy")]
    np.testing.assert_allclose(lines(axes)["Sparse-3 NIST"].get_ydata(), rows["mean"])
    band = axes.collections[2].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx((rows["mean"] + rows["sd"]).max())
    assert band.min() == pytest.approx((rows["mean"] - rows["sd"]).min())
    assert lines(axes)["Dense-1"].get_color() == style.SHADES["red"]


def test_figa5_shows_the_papers_two_series_in_its_colours(mobilenet, axes):
    experiment, frame = mobilenet
    sd = epochwise_sd(frame)
    figa5.plot(sd, experiment, axes)
    assert list(lines(axes)) == ["Dense-1", "Sparse-3 NIST"]
    assert lines(axes)["Dense-1"].get_color() == style.SHADES["orange"]
    np.testing.assert_allclose(lines(axes)["Dense-1"].get_ydata(), sd[sd["variant"] == "dense-1"]["sd"])


def test_figa2_and_figa3_draw_every_variant_of_lenet5(frame, axes):
    experiment = study.load("lenet5-digits")
    one = [frame([[0.5, 0.6]], train_accuracy=[[0.6, 0.8]], variant=name) for name in experiment.variants]
    figa2.plot(learning_curve(pd.concat(one), ddof=0), experiment, axes)
    assert [line.get_ydata().tolist() for line in lines(axes).values()] == [[0.5, 0.6]] * 4
    axes.clear()
    figa3.plot(overfitting_gap(pd.concat(one)), experiment, axes)
    np.testing.assert_allclose(lines(axes)["Dense"].get_ydata(), [10, 20])  # points


def test_fig1_has_the_papers_connections():
    figure = fig1.draw()
    assert [len(panel.lines) for panel in figure.axes] == [10, 20, 30]
    assert [panel.get_title("left") for panel in figure.axes] == ["A   k = 1", "B   k = 2", "C   k = 3"]
    plt.close(figure)


def test_figures_of_the_example_are_labelled_as_such(mobilenet, axes):
    experiment, frame = mobilenet
    figa5.plot(epochwise_sd(frame), experiment, axes)
    assert axes.get_title() == "Thin MobileNetV1 on handwritten digits (embedded example)"


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
    table = tablea2.build([Source(experiment, {"accuracy": accuracy(pd.concat(one)), "cost": cost})])
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


def test_tables_are_written_in_three_formats(tmp_path):
    table = pd.DataFrame([{"Model": "A & B", "Mean": "91.3 ± 0.10"}])
    layout.write(table, "98 % sparse & small", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "Model,Mean\nA & B,91.3 ± 0.10\n"
    assert (tmp_path / "t.md").read_text().startswith("98 % sparse & small\n\n| Model   | Mean        |")
    latex = (tmp_path / "t.tex").read_text()
    assert r"A \& B & 91.3 $\pm$ 0.10 \\" in latex
    assert r"\caption{98 \% sparse \& small}" in latex


def test_nothing_in_the_analysis_imports_torch():
    modules = ["report.page", "cost", "tables.tablea2", "figures.fig4", "statistics.wilcoxon", "claims.ledger"]
    imports = ", ".join(f"analysis.{name}" for name in modules)
    code = f"import sys, {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

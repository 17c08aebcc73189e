"""Axes, series and colours of the paper's figures; what they say where runs are missing; the same bytes every time."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import font_manager
from matplotlib import pyplot as plt

from analysis import manifest, study_results
from analysis.figures import fig1, fig2, fig3a, fig4, figa1, figa3, figa5, figa6, looks, mean_curves, style
from analysis.figures.item import draw
from analysis.items import main
from analysis.metrics import runs
from analysis.statistics.epochwise_sd import epochwise_sd
from analysis.statistics.learning_curve import learning_curve
from analysis.statistics.overfitting_gap import overfitting_gap
from analysis.study_results import Item, Source
from nist.errors import InputError
from nist.studies import study, yaml_file

MANIFEST = yaml_file.read(Path("config/figures.yaml"))
DRAWINGS = ["fig1", "fig2", "figa1"]
OF_RUNS = [name for name, item in MANIFEST.items() if name.startswith("fig") and item.get("studies")]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def axes():
    return plt.subplots()[1]


def curves(name, epochs):
    """A learning_curve of every variant of a study, each at a level of its own, and a gap and SD of the same."""
    rows = [
        {"study": name, "variant": variant, "metric": metric, "epoch": epoch, "mean": level, "sd": 0.01, "gap": level}
        for metric in ("train_accuracy", "val_accuracy")
        for position, variant in enumerate(study.load(name).variants)
        for epoch in range(1, epochs + 1)
        for level in [(0.1 if metric == "val_accuracy" else 0.2) + 0.05 * position + 0.0001 * epoch]
    ]
    return pd.DataFrame(rows)


def module_of(figure):
    return importlib.import_module(manifest.module_of(MANIFEST, figure))


def drawn(figure, names, epochs):
    """Axes of a figure of whole studies."""
    module = module_of(figure)
    given = [Source(study.load(name), {module.STATISTIC: curves(name, epochs)}) for name in names]
    return style.compose(given, module, figure).axes


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def colours(axes):
    names = {shade: name for name, shade in looks.SHADES.items()}
    return [names.get(line.get_color()) for line in lines(axes).values()]


@pytest.mark.parametrize(
    ("figure", "name", "epochs", "shown", "expected"),
    [
        ("fig3b", "deit-small-imagenet100", 400, (0, 400), ["red", "blue", "black", "purple", "green", "orange"]),
        ("figa2", "lenet5-cifar10", 120, (0, 60), ["red", "blue", "black", "purple"]),
        ("figa4a", "alexnet-cifar10", 60, (0, 60), ["red", "blue", "black", "purple", "green"]),
        ("figa4b", "alexnet-cifar10", 60, (0, 60), ["red", "blue", "black", "purple", "green"]),
        ("figa6", "deit-small-imagenet100", 400, (0, 50), ["red", "blue", "black", "purple", "green", "orange"]),
    ],
)
def test_mean_curves_have_the_papers_epochs_and_colours(figure, name, epochs, shown, expected):
    (axes,) = drawn(figure, [name], epochs)
    assert axes.get_xlim() == shown
    assert colours(axes) == expected
    assert {line.get_xdata()[-1] for line in lines(axes).values()} == {shown[1]}
    assert len(axes.collections) == 0  # no bands (U51)


@pytest.mark.parametrize("name", ["lenet5-cifar10", "lenet5-fmnist-controls", "alexnet-cifar10-controls"])
def test_a_legend_leaves_the_axes_their_width(name):
    (axes,) = drawn("figa2", [name], 60)
    axes.figure.canvas.draw()
    assert axes.get_position().width > 0.75
    assert axes.get_window_extent().height > 0.5 * style.SIZE[1] * axes.figure.dpi


def test_a_legend_below_leaves_the_name_of_the_axis_free():
    (axes,) = drawn("figa2", ["lenet5-fmnist-controls"], 60)
    axes.figure.canvas.draw()
    assert axes.get_legend().get_window_extent().y1 < axes.xaxis.label.get_window_extent().y0


def test_epochs_start_at_the_same_place_everywhere():
    shown = [drawn(name, ["lenet5-cifar10"], 8)[0].get_xlim() for name in ("figa2", "figa3")]
    assert shown == [(0, 8)] * 2


def test_a_shorter_run_is_shown_as_long_as_it_is():
    (axes,) = drawn("figa2", ["lenet5-cifar10"], 8)
    assert axes.get_xlim() == (0, 8)


def test_figa4_shows_training_and_validation_accuracy():
    for figure, level, label in (("figa4a", 0.2001, "Training"), ("figa4b", 0.1001, "Validation")):
        (axes,) = drawn(figure, ["alexnet-cifar10"], 60)
        assert lines(axes)["Dense"].get_ydata()[0] == pytest.approx(level)
        assert axes.get_ylabel() == f"{label} accuracy (mean)"


def test_fig3a_shows_dense_heads_at_both_learning_rates_and_two_sparse_ones():
    axes = drawn("fig3a", ["vgg16-imagenet100", "vgg16-imagenet100-low"], 60)
    assert len(axes) == 1
    assert list(lines(axes[0])) == [
        "Dense, learning rate 1e-4",
        "NIST (1, 2, 100), learning rate 1e-4",
        "NIST (1, 2, 100), 99.9 %, learning rate 1e-4",
        "Dense, learning rate 1e-5",
    ]
    assert axes[0].get_title() == "VGG16 on ImageNet-100"


def test_fig3b_marks_the_prune():
    (axes,) = drawn("fig3b", ["deit-small-imagenet100"], 400)
    assert [text.get_text() for text in axes.texts] == ["prune"]
    assert axes.texts[0].xy[0] == 200


def test_figa6_draws_variants_that_are_one_network_once():
    frame = curves("deit-small-imagenet100", 400)
    one = frame["variant"].isin(["nist-p60", "nist-p70"])
    frame.loc[one, "mean"] = 0.5 + 0.0001 * frame.loc[one, "epoch"]
    figure = style.compose([Source(study.load("deit-small-imagenet100"), {"learning_curve": frame})], figa6, "figa6")
    labels = list(lines(figure.axes[0]))
    assert len(labels) == 5
    assert "NIST, 50 % → 60 %\nNIST, 50 % → 70 %" in labels


@pytest.mark.parametrize("name", OF_RUNS)
def test_lines_stay_apart_in_grey(name):
    for axes in drawn(name, MANIFEST[name]["studies"], 30):
        dashes = [str(line._unscaled_dash_pattern) for line in lines(axes).values()]
        assert len(dashes) > 1
        assert len(set(dashes)) == len(dashes)


@pytest.mark.parametrize("name", [*OF_RUNS, "accuracysparsity"])
def test_a_figure_without_runs_is_refused(name):
    given = [Source(study.load(one)) for one in MANIFEST[name]["studies"]]
    with pytest.raises(InputError, match=f"{name}: no statistics of {given[0].study.name}"):
        draw(Item(name, manifest.module_of(MANIFEST, name), given))


def test_a_figure_draws_what_is_there_and_names_what_is_not():
    there, absent = study.load("vgg16-imagenet100"), study.load("vgg16-imagenet100-low")
    given = [Source(there, {"learning_curve": curves(there.name, 60)}), Source(absent)]
    figure = style.compose(given, fig3a, "fig3a")
    assert len(lines(figure.axes[0])) == 3
    said = figure.get_supxlabel().splitlines()
    assert said[0] == f"Not run: {absent.title}."
    assert " ".join(said[1:]) == 'To run it: make evidence STUDY="vgg16-imagenet100 vgg16-imagenet100-low"'
    cifar10, fmnist = study.load("lenet5-cifar10"), study.load("lenet5-fmnist")
    given = [Source(cifar10, {"overfitting_gap": curves(cifar10.name, 60)}), Source(fmnist)]
    figure = style.compose(given, figa3, "figa3")
    assert [len(lines(axes)) for axes in figure.axes] == [4]
    assert f"Not run: {fmnist.title}." in figure.get_supxlabel()


def test_a_variant_without_runs_is_named():
    frame = curves("alexnet-cifar10", 60)
    given = [Source(study.load("alexnet-cifar10"), {"learning_curve": frame[frame["variant"] != "dense"]})]
    figure = style.compose(given, mean_curves, "figa4b")
    assert len(lines(figure.axes[0])) == 4
    assert "Not run: Dense of AlexNet on CIFAR-10." in figure.get_supxlabel()


def test_fig2_shows_the_mask_and_one_prune_of_it():
    mask, trained, pruned, trained_on = fig2.weights(np.random.default_rng(0))
    counts = [int((~np.isnan(step)).sum()) for step in (mask, trained, pruned, trained_on)]
    assert counts == [36, 36, 14, 14]
    assert np.nanmin(pruned) > np.nanmax(trained[np.isnan(pruned)])
    figure = fig2.draw()
    assert [axes.get_title()[0] for axes in figure.axes] == list("12345")
    assert len(figure.axes[-1].lines) == 14


def test_figa1_connects_inputs_one_to_one_and_then_densely():
    retina, perceptron = figa1.draw().axes
    assert len(retina.lines) == 12 + 12 + 6
    assert len(perceptron.lines) == 12 * 1 + 6 * 6 + 6 * 4


HOSTILE = {
    "black": "figure.facecolor: black\naxes.facecolor: black\ntext.color: yellow\nlines.linewidth: 9\nsavefig.dpi: 30",
    "letters": "text.usetex: True\nfont.family: monospace\nsvg.fonttype: none\npdf.fonttype: 3\nfont.size: 30",
    "shape": "savefig.bbox: tight\nsavefig.pad_inches: 3\naxes.formatter.use_locale: True\npath.sketch: 5, 50, 9\n"
    "axes.prop_cycle: cycler('color', ['k'])\nlegend.loc: center\nfigure.autolayout: True\nsvg.hashsalt: other",
}
ELSEWHERE = {"SOURCE_DATE_EPOCH": "1", "MPLBACKEND": "svg", "LC_ALL": "C", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"}


@pytest.fixture(scope="module")
def drawn_by_default(tmp_path_factory):
    folder = tmp_path_factory.mktemp("default")
    main(["--paper", "--only", "fig1", "-o", str(folder)])
    return {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_users_settings_change_no_byte(name, drawn_by_default, tmp_path):
    (tmp_path / "matplotlibrc").write_text(HOSTILE[name], encoding="utf-8")
    with matplotlib.rc_context(fname=tmp_path / "matplotlibrc"):
        main(["--paper", "--only", "fig1", "-o", str(tmp_path / "out")])
    for path in (tmp_path / "out/figures").iterdir():
        assert path.read_bytes() == drawn_by_default[path.name], path.name


def test_the_users_environment_changes_no_byte(drawn_by_default, tmp_path):
    (tmp_path / "matplotlibrc").write_text("\n".join(HOSTILE.values()), encoding="utf-8")
    environment = {**os.environ, **ELSEWHERE, "MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "analysis.items", "--paper", "--only", "fig1", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for path in (tmp_path / "out/figures").iterdir():
        assert path.read_bytes() == drawn_by_default[path.name], path.name


def test_a_pdf_has_its_font_as_publishers_take_it(drawn_by_default):
    assert b"/CIDFontType2" in drawn_by_default["fig1.pdf"]
    assert b"/Type3" not in drawn_by_default["fig1.pdf"]


def test_the_font_is_one_that_matplotlib_brings():
    with style.layout():
        found = font_manager.findfont(font_manager.FontProperties())
    assert Path(found).is_relative_to(matplotlib.get_data_path())


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_has_the_same_bytes_every_time(name, tmp_path):
    for copy in ("a", "b"):
        main(["--paper", "--only", name, "-o", str(tmp_path / copy)])
    for suffix in (".svg", ".pdf", ".png"):
        content = (tmp_path / "a/figures" / f"{name}{suffix}").read_bytes()
        assert content == (tmp_path / "b/figures" / f"{name}{suffix}").read_bytes()
        assert b"CreationDate" not in content
        assert b"dc:date" not in content


def test_files_in_another_order_give_the_same_bytes(metrics_file, tmp_path):
    rng = np.random.default_rng(0)
    paths = [
        metrics_file(
            f"{variant}-{first}", rng.uniform(0.2, 0.9, (3, 5)), first, study="mobilenetv1-cifar10", variant=variant
        )
        for variant in study.load("mobilenetv1-cifar10").variants
        for first in (0, 3)
    ]
    for copy, order in (("a", paths), ("b", paths[::-1])):
        folder = tmp_path / copy / "mobilenetv1-cifar10"
        folder.mkdir(parents=True)
        learning_curve(runs.read(order)).to_csv(folder / "learning_curve.csv", index=False)
        arguments = ["--study", "mobilenetv1-cifar10", str(folder / "learning_curve.csv")]
        main([*arguments, "--only", "fig4", "-o", str(tmp_path / copy)])
    for suffix in (".svg", ".pdf", ".png"):
        first, second = (tmp_path / copy / "figures/mobilenetv1-cifar10" / f"fig4{suffix}" for copy in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_studies_of_one_command_have_what_they_have_alone(metrics_file, tmp_path):
    names = ["mobilenetv1-cifar10", "mobilenetv1-cifar10-pilot"]
    inputs = {}
    for number, name in enumerate(names):
        values = np.random.default_rng(number).uniform(0.2, 0.9, (3, 5))
        variant = next(iter(study.load(name).variants))
        inputs[name] = tmp_path / name / "learning_curve.csv"
        inputs[name].parent.mkdir()
        table = learning_curve(runs.read([metrics_file(name, values, study=name, variant=variant)]))
        table.to_csv(inputs[name], index=False)
        main([f"--study={name}", str(inputs[name]), "--only", "fig4", "-o", str(tmp_path / "alone")])
    paths = map(str, inputs.values())
    main([*(f"--study={name}" for name in names), *paths, "--only", "fig4", "-o", str(tmp_path / "together")])
    drawn = [
        [(tmp_path / to / "figures" / name / "fig4.svg").read_bytes() for name in names] for to in ("alone", "together")
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_a_statistic_of_another_study_is_refused(tmp_path):
    path = tmp_path / "lenet5-cifar10/accuracy.csv"
    with pytest.raises(
        InputError, match="lenet5-cifar10/accuracy.csv: its folder should be named for one of the studies"
    ):
        study_results.read([study.load("alexnet-cifar10")], [path])


def test_a_statistic_that_was_not_given_is_named():
    given = [Source(study.load("alexnet-cifar10"), {"accuracy": pd.DataFrame({"variant": ["dense"]})})]
    with pytest.raises(InputError, match="alexnet-cifar10: learning_curve.csv is needed; given are accuracy.csv"):
        style.compose(given, mean_curves, "figa4b")


def test_fig4_draws_mean_and_band_of_every_head(mobilenet, axes):
    experiment, frame = mobilenet
    curves = learning_curve(frame)
    fig4.plot(curves, experiment, axes, "fig4")
    assert list(lines(axes)) == ["Dense-1", "Sparse-1 NIST", "Sparse-3 NIST"]
    rows = curves[(curves["variant"] == "sparse-3") & (curves["metric"] == "val_accuracy")]
    np.testing.assert_allclose(lines(axes)["Sparse-3 NIST"].get_ydata(), rows["mean"])
    band = axes.collections[2].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx((rows["mean"] + rows["sd"]).max())
    assert band.min() == pytest.approx((rows["mean"] - rows["sd"]).min())
    assert lines(axes)["Dense-1"].get_color() == looks.SHADES["red"]


def test_figa5_shows_the_papers_two_series_in_its_colours(mobilenet, axes):
    experiment, frame = mobilenet
    sd = epochwise_sd(frame)
    figa5.plot(sd, experiment, axes, "figa5")
    assert list(lines(axes)) == ["Dense-1", "Sparse-3 NIST"]
    assert lines(axes)["Dense-1"].get_color() == looks.SHADES["orange"]
    np.testing.assert_allclose(lines(axes)["Dense-1"].get_ydata(), sd[sd["variant"] == "dense-1"]["sd"])


def test_figa5_says_that_a_single_run_has_no_sd(mobilenet, axes):
    experiment, frame = mobilenet
    figa5.plot(epochwise_sd(frame[frame["seed"] == 0]), experiment, axes, "figa5")
    assert [text.get_text() for text in axes.texts] == ["a single run has no SD"]
    assert axes.get_xlim()[1] == frame["epoch"].max()


def test_figa2_and_figa3_draw_every_variant_of_lenet5(frame, axes):
    experiment = study.load("lenet5-digits")
    one = [frame([[0.5, 0.6]], train_accuracy=[[0.6, 0.8]], variant=name) for name in experiment.variants]
    mean_curves.plot(learning_curve(pd.concat(one), ddof=0), experiment, axes, "figa2")
    assert [line.get_ydata().tolist() for line in lines(axes).values()] == [[0.5, 0.6]] * 4
    axes.clear()
    figa3.plot(overfitting_gap(pd.concat(one)), experiment, axes, "figa3")
    np.testing.assert_allclose(lines(axes)["Dense"].get_ydata(), [10, 20])  # points


def test_fig1_has_the_papers_connections():
    figure = fig1.draw()
    assert [len(panel.lines) for panel in figure.axes] == [10, 20, 30]
    assert [panel.get_title("left") for panel in figure.axes] == ["A   k = 1", "B   k = 2", "C   k = 3"]


def test_figures_of_the_example_are_labelled_as_such(mobilenet, axes):
    experiment, frame = mobilenet
    figa5.plot(epochwise_sd(frame), experiment, axes, "figa5")
    assert axes.get_title() == "Thin MobileNetV1 on handwritten digits (embedded example)"

"""Accuracy by sparsity, nominal and effective: a line a method, over studies of one sparsity each."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from analysis.figures import looks, style
from analysis.study_results import Source

SIZE = (13.5, 5.0)  # inches
LEAST = 1e-3  # share of weights that is left, as drawn: all may be cut off
TICKS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
SPARSITIES = {"sparsity": "Sparsity", "effective_sparsity": "Effective sparsity"}


def draw_together(given: list[Source]) -> Figure:
    """The mean last accuracy with its interval, over the share of weights that are left, for each variant's label."""
    points = pd.concat([_points(source) for source in style.run_of(given, "accuracysparsity")], ignore_index=True)
    drawing, panels = plt.subplots(1, 2, figsize=SIZE, layout="constrained", sharey=True)
    for axes, (column, heading) in zip(panels, SPARSITIES.items(), strict=True):
        _plot(points, column, heading, axes)
    panels[0].set_yscale("function", functions=(_by_error, lambda y: 1 - np.exp(-y)))
    panels[0].set_yticks([tick for tick in TICKS if tick <= points["mean"].max() + 0.03])
    style.percent_axis(panels[0], "Validation accuracy, last epoch")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside right upper")
    style.name_missing(given, drawing)
    return drawing


def _by_error(accuracy: np.ndarray) -> np.ndarray:
    """Accuracies with more room the fewer the errors: networks that collapse leave it to those that do not."""
    return -np.log(1 - np.minimum(accuracy, 0.999))


def _points(source: Source) -> pd.DataFrame:
    """One row a variant that is not dense: label, look, mean accuracy with its margin, and both sparsities."""
    accuracy = source.statistic("accuracy").query("score == 'last'").set_index("variant")
    sparsity = source.statistic("paths").groupby("variant")[[*SPARSITIES]].mean()
    return pd.DataFrame(
        [
            {
                "label": line.label,
                "look": line.line,
                "mean": accuracy.loc[line.variant, "mean"],
                "margin": accuracy.loc[line.variant, "margin"],
                **sparsity.loc[line.variant],
            }
            for line in looks.series(source.study, "accuracysparsity")
            if line.variant in accuracy.index and line.variant in sparsity.index
        ]
    )


def _plot(points: pd.DataFrame, column: str, heading: str, axes: Axes) -> None:
    for label, rows in points.groupby("label", sort=False):
        rows = rows.sort_values(column)
        left = np.maximum(1 - rows[column], LEAST)
        if (left == 1).all():  # dense: a line to compare with
            axes.axhline(rows["mean"].mean(), label=label, **rows["look"].iloc[0])
            continue
        look = rows["look"].iloc[0]
        axes.errorbar(left, rows["mean"], rows["margin"], label=label, marker="o", ms=3, capsize=2, **look)
    axes.set_xscale("log")
    axes.invert_xaxis()
    shown = np.unique(points["sparsity"][points["sparsity"] > 0].round(4))
    axes.set_xticks([*(1 - shown), *([LEAST] if (points[column] > 1 - LEAST).any() else [])])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * (1 - value):g}"))
    axes.set_xlabel(f"{heading} of the layers (%)")
    axes.set_title(heading)

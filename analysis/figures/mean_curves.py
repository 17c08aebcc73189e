"""Figs. 3B, A2, A4A and A4B: mean accuracy by epoch, one line a variant, without bands."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "learning_curve"
SHOWN = {  # the metric of each figure, and its last epoch
    "fig3b": ("val_accuracy", 400),
    "figa2": ("val_accuracy", 60),  # of the 120 that Table A1 has (N3)
    "figa4a": ("train_accuracy", 60),
    "figa4b": ("val_accuracy", 60),
}


def plot(curves: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the means of ``learning_curve`` that ``figure`` shows."""
    metric, last = SHOWN[figure]
    curves = curves[(curves["metric"] == metric) & (curves["epoch"] <= last)]
    for line, rows in style.drawn(curves, looks.series(study, figure)):
        axes.plot(rows["epoch"], rows["mean"], label=line.label, **line.line)
    axes.set_title(study.title)
    style.epochs_axis(axes, last=min(last, curves["epoch"].max()))
    style.percent_axis(axes, f"{'Training' if metric == 'train_accuracy' else 'Validation'} accuracy (mean)")
    style.legend_below(axes)  # curves may leave no room among them
    if figure == "fig3b":
        _mark_prunes(study, axes)


def _mark_prunes(study: Study, axes: Axes) -> None:
    for epoch in sorted({variant["prune"]["epoch"] for variant in study.variants.values() if variant["prune"]}):
        axes.axvline(epoch, color=style.LINE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate("prune", (epoch, 1), (3, -2), ("data", "axes fraction"), "offset points", va="top", fontsize=8)

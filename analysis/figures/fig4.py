"""Fig. 4: validation accuracy by epoch, mean ± SD over runs, one line and band a classifier head."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "learning_curve"


def plot(curves: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``: the mean as a line, ± one SD as a band around it."""
    curves = curves[curves["metric"] == "val_accuracy"]
    for line, rows in style.drawn(curves, looks.series(study, figure)):
        low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
        axes.fill_between(rows["epoch"], low, high, color=line.line["color"], alpha=0.15, linewidth=0)
        axes.plot(rows["epoch"], rows["mean"], label=line.label, **line.line)
    axes.set_title(study.title)
    style.epochs_axis(axes)
    style.percent_axis(axes, "Validation accuracy (mean ± SD)")
    axes.legend(loc="lower right")

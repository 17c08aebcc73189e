"""Fig. 4: validation accuracy by epoch, mean ± SD over runs, one line and band a classifier head."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.studies.study import Study


def plot(curves: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``: the mean as a line, ± one SD as a band around it."""
    curves = curves[curves["metric"] == "val_accuracy"]
    for line, rows in style.drawn(curves, style.series(study, "fig4")):
        low, high = rows["mean"] - rows["sd"], rows["mean"] + rows["sd"]
        axes.fill_between(rows["epoch"], low, high, color=line.line["color"], alpha=0.15, linewidth=0)
        axes.plot(rows["epoch"], rows["mean"], label=line.label, **line.line)
    axes.set_title(study.title)
    style.epochs_axis(axes)
    style.percent_axis(axes, "Validation accuracy (mean ± SD)")
    axes.legend(loc="lower right")


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. 4 from ``learning_curve.csv``."""
    style.render("analysis.figures.fig4", plot, "learning_curve", argv)


if __name__ == "__main__":
    run(main)

"""Fig. A2: mean validation accuracy by epoch, one line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.study import Study


def plot(curves: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``, one line a variant, without bands."""
    curves = curves[curves["metric"] == "val_accuracy"]
    for line in style.series(study, "figa2"):
        rows = curves[curves["variant"] == line.variant]
        axes.plot(rows["epoch"], rows["mean"], label=line.label, **line.line)
    axes.set_title(study.title)
    style.epochs_axis(axes)
    style.percent_axis(axes, "Validation accuracy (mean)")
    axes.legend()


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. A2 from ``learning_curve.csv``."""
    style.render("analysis.figures.figa2", plot, argv)


if __name__ == "__main__":
    run(main)

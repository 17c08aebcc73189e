"""Fig. A6: mean validation accuracy of DeiT-Small over its first epochs."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "learning_curve"

EPOCHS = 50  # as in the text of A.6; the caption says 30 (E10)


def plot(curves: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve`` up to epoch 50, without bands.

    Variants that are one network until their prune (E9) have one curve, and one line with all their names.
    """
    curves = curves[(curves["metric"] == "val_accuracy") & (curves["epoch"] <= EPOCHS)]
    lines: dict[tuple, list[looks.Series]] = {}
    for line, rows in style.drawn(curves, looks.series(study, figure)):
        lines.setdefault((*rows["epoch"], *rows["mean"]), []).append(line)
    for values, same in lines.items():
        half = len(values) // 2
        label = "\n".join(line.label for line in same)
        axes.plot(values[:half], values[half:], label=label, **same[0].line)
    axes.set_title(study.title)
    style.epochs_axis(axes, last=curves["epoch"].max())
    style.percent_axis(axes, "Validation accuracy (mean)")
    axes.legend(loc="lower right")

"""Fig. 3A: mean validation accuracy of VGG16 by epoch, dense and NIST heads at the learning rates there are."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "learning_curve"
SHARED_AXES = True

EPOCHS = 60


def plot(curves: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Add the ``val_accuracy`` rows of a study's ``learning_curve``, one line a variant, to what the axes show already.

    Labels name the learning rate, and dashes go on where the study before ended, so that dense heads stay apart.
    """
    rate = np.format_float_scientific(
        study.content["training"]["optimizers"][0]["learning_rate"], exp_digits=1, trim="-"
    )
    curves = curves[(curves["metric"] == "val_accuracy") & (curves["epoch"] <= EPOCHS)]
    for line, rows in style.drawn(curves, looks.series(study, figure)):
        look = {**line.line, "linestyle": looks.DASHES[len(axes.lines) % len(looks.DASHES)]}
        axes.plot(rows["epoch"], rows["mean"], label=f"{line.label}, learning rate {rate}", **look)
    axes.set_title(axes.get_title() or study.title)
    style.epochs_axis(axes)
    style.percent_axis(axes, "Validation accuracy (mean)")
    axes.legend(loc="lower right")

"""Fig. A5: SD of validation accuracy over runs at each epoch, one marked line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "epochwise_sd"


def plot(sd: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the ``val_accuracy`` rows of ``epochwise_sd``, fractions, a marker for every epoch."""
    sd = sd[sd["metric"] == "val_accuracy"]
    for line, rows in style.drawn(sd, looks.series(study, figure)):
        axes.plot(rows["epoch"], rows["sd"], marker="o", markersize=4, label=line.label, **line.line)
    axes.set_title(study.title)
    style.epochs_axis(axes, last=sd["epoch"].max())
    axes.set_ylabel("SD of validation accuracy")
    axes.set_ylim(bottom=0)
    if sd["sd"].isna().all():
        axes.text(0.5, 0.5, "a single run has no SD", transform=axes.transAxes, ha="center")
    axes.legend()

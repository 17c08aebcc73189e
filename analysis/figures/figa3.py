"""Fig. A3: the gap between training and validation accuracy by epoch, one line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.studies.study import Study

STATISTIC = "overfitting_gap"


def plot(gaps: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the mean gaps of ``overfitting_gap`` in percentage points."""
    for line, rows in style.drawn(gaps, looks.series(study, figure)):
        axes.plot(rows["epoch"], 100 * rows["gap"], label=line.label, **line.line)
    axes.axhline(0, color=style.LINE, linewidth=0.8)
    axes.set_title(study.title)
    style.epochs_axis(axes)
    axes.set_ylabel("Train − validation accuracy (points)")
    axes.legend()

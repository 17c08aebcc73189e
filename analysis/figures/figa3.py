"""Fig. A3: the gap between training and validation accuracy by epoch, one line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.studies.study import Study


def plot(gaps: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the mean gaps of ``overfitting_gap`` in percentage points."""
    for line, rows in style.drawn(gaps, style.series(study, "figa3")):
        axes.plot(rows["epoch"], 100 * rows["gap"], label=line.label, **line.line)
    axes.axhline(0, color=style.LINE, linewidth=0.8)
    axes.set_title(study.title)
    style.epochs_axis(axes)
    axes.set_ylabel("Train − validation accuracy (points)")
    axes.legend()


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. A3 from ``overfitting_gap.csv``."""
    style.render("analysis.figures.figa3", plot, "overfitting_gap", argv)


if __name__ == "__main__":
    run(main)

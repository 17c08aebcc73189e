"""Fig. 3B: mean validation accuracy of DeiT-Small by epoch, one line a final sparsity."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import mean_curves, style
from nist.studies.study import Study

STATISTIC = "learning_curve"


def plot(curves: pd.DataFrame, study: Study, axes: Axes, figure: str) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``, without bands, and a line where variants are pruned."""
    mean_curves.plot(curves, study, axes, figure)
    for epoch in sorted({variant["prune"]["epoch"] for variant in study.variants.values() if variant["prune"]}):
        axes.axvline(epoch, color=style.LINE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate("prune", (epoch, 1), (3, -2), ("data", "axes fraction"), "offset points", va="top", fontsize=8)

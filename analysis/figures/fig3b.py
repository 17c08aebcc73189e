"""Fig. 3B: mean validation accuracy of DeiT-Small by epoch, one line a final sparsity."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.studies.study import Study

EPOCHS = 400


def plot(curves: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``, without bands, and a line where variants are pruned."""
    style.mean_curves(curves, "val_accuracy", study, "fig3b", EPOCHS, axes)
    for epoch in sorted({variant["prune"]["epoch"] for variant in study.variants.values() if variant["prune"]}):
        axes.axvline(epoch, color=style.LINE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate("prune", (epoch, 1), (3, -2), ("data", "axes fraction"), "offset points", va="top", fontsize=8)


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. 3B from ``learning_curve.csv``."""
    style.render("analysis.figures.fig3b", plot, "learning_curve", argv)


if __name__ == "__main__":
    run(main)

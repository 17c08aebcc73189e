"""Fig. A4B: mean validation accuracy of AlexNet by epoch, one line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.studies.study import Study

EPOCHS = 60


def plot(curves: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``, one line a variant, without bands."""
    style.mean_curves(curves, "val_accuracy", study, "figa4b", EPOCHS, axes)


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. A4B from ``learning_curve.csv``."""
    style.render("analysis.figures.figa4b", plot, "learning_curve", argv)


if __name__ == "__main__":
    run(main)

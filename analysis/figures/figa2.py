"""Fig. A2: mean validation accuracy of LeNet-5 by epoch, one line a variant."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import run
from nist.studies.study import Study

EPOCHS = 60  # of the 120 that Table A1 has (N3)


def plot(curves: pd.DataFrame, study: Study, axes: Axes) -> None:
    """Draw the ``val_accuracy`` rows of ``learning_curve``, one line a variant, without bands."""
    style.mean_curves(curves, "val_accuracy", study, "figa2", EPOCHS, axes)


def main(argv: list[str] | None = None) -> None:
    """Draw Fig. A2 from ``learning_curve.csv``."""
    style.render("analysis.figures.figa2", plot, "learning_curve", argv)


if __name__ == "__main__":
    run(main)

"""The overfitting gap, for the text of the findings."""

import math
from dataclasses import dataclass

import pandas as pd

from analysis import formatting
from analysis.findings.rows import StudyRows

GAP = "gap_at_accuracy"


@dataclass(frozen=True)
class Gap(StudyRows):
    """Overfitting gaps of a study's runs, at the end and at equal training accuracy."""

    def gap(self, variant: str, metric: str = GAP) -> pd.Series:
        """The overfitting gap at equal training accuracy; see ``analysis.statistics.gap_at_accuracy``."""
        return self.row(GAP, variant, metric=metric)

    def gap_difference(self, variant: str, metric: str = GAP) -> str:
        """The gap less the baseline's, in points with its interval; nothing where no training accuracy is common."""
        row = self.gap(variant, metric)
        return "" if math.isnan(row["difference"]) else formatting.interval_in_points(row)

    def lost(self) -> str:
        """Labels of the heads that have no training accuracy in common with the baseline."""
        return formatting.listed([self.label(name) for name in self.compared if not self.gap_difference(name)])

    def last_train(self, variant: str) -> float:
        """Training accuracy of the last epoch, mean over runs, a fraction."""
        return float(self.row("learning_curve", variant, metric="train_accuracy", epoch=self.epochs)["mean"])

"""What the choice of the best epoch on test images adds to an accuracy, for the text of the findings."""

from dataclasses import dataclass

import pandas as pd

from analysis import formatting
from analysis.findings.rows import StudyRows


@dataclass(frozen=True)
class Selection(StudyRows):
    """Accuracies of runs that held training images out; see ``analysis.statistics.selection``."""

    def selected(self, variant: str) -> float:
        """Accuracy on the test images at the epoch that held-out images choose, mean over runs, a fraction."""
        return float(self._runs_of(variant)["selected"].mean())

    def selected_difference(self, variant: str, score: str) -> pd.Series:
        """Of a ``score``, ``selected`` or ``peak``: the difference to the baseline's, with its interval."""
        return self.row("selection_difference", variant, metric=score)

    def optimism(self, variant: str) -> str:
        """How much more the best epoch on the test images has, in points: mean over runs, least and most."""
        found = self._runs_of(variant)["optimism"]
        mean, least, most = (formatting.points(value) for value in (found.mean(), found.min(), found.max()))
        return f"{mean} points ({least} to {most})"

    def _runs_of(self, variant: str) -> pd.DataFrame:
        frame = self.source.statistic("selection")
        return frame[frame["variant"] == variant]

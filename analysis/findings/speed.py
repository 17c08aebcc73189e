"""Epochs until runs are accurate, for the text of the findings."""

from dataclasses import dataclass

from analysis import formatting
from analysis.findings.rows import StudyRows


@dataclass(frozen=True)
class Speed(StudyRows):
    """How fast a study's runs are beside the baseline's, paired by seed."""

    def speed(self, variant: str, statistic: str) -> str:
        """Whether a variant needs fewer epochs than the baseline, and the difference with its 95 % interval.

        ``statistic`` is ``epochs_to_converge`` or ``epochs_to_accuracy``.
        """
        row = self.row(statistic, variant)
        answer = formatting.said(row["low"], row["high"], "slower", "faster")
        size = f"{_epochs(row['difference'])} epochs {formatting.interval(row['low'], row['high'], _epochs)}"
        return size if answer == formatting.UNTOLD else f"{answer}, {size}"


def _epochs(value: float) -> str:
    return formatting.signed(value, 1)

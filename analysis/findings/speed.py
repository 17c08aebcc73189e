"""Epochs until runs are accurate, for the text of the findings."""

from dataclasses import dataclass

from analysis import formatting
from analysis.claims import intervals
from analysis.findings.rows import StudyRows


@dataclass(frozen=True)
class Speed(StudyRows):
    """How fast a study's runs are beside the baseline's, paired by seed."""

    def speed(self, variant: str, measure: str) -> str:
        """Whether a variant needs fewer epochs than the baseline, and the difference with its 95 % interval.

        ``measure`` is a column of ``analysis.statistics.run_epochs``.
        """
        runs = self.source.statistic("run_epochs").pivot(index="seed", columns="variant", values=measure)
        difference, low, high = intervals.of_pairs(runs[variant], runs[self.baseline])
        answer = formatting.said(low, high, "slower", "faster")
        size = f"{formatting.signed(difference, 1)} epochs {formatting.interval(low, high, _epochs)}"
        return size if answer == formatting.UNTOLD else f"{answer}, {size}"


def _epochs(value: float) -> str:
    return formatting.signed(value, 1)

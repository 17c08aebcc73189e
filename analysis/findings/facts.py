"""One study that has been run, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis import formatting
from analysis.findings.cost import Cost
from analysis.findings.gap import Gap
from analysis.findings.methods import Methods
from analysis.findings.spread import Spread
from analysis.statistics import paired_difference, sd_permutation
from analysis.tables import comparisons

FINAL = comparisons.SCORE
MORE_ACCURATE, STEADIER = (paired_difference.TEST, FINAL), (sd_permutation.TEST, "val_accuracy")
BESIDE = ["Difference", "p, Holm", "Runs needed", "SD over runs", "p of SD, Holm"]


@dataclass(frozen=True)
class StudyFacts(Spread, Gap, Cost, Methods):
    """A study's facts of every topic, and its tables."""

    def beside_the_paper(self, prefix: str) -> str:
        """A Markdown table: accuracies of every head as the paper prints them, and ours, margins in points.

        ``prefix`` is the start of the ids of the study's claims. The paper's margins are taken for fractions (N5).
        """
        rows = []
        for variant in self.source.variants():
            peak, final, last = (self.accuracy(variant, score) for score in ("peak", FINAL, "last"))
            rows.append(
                {
                    "Head": self.label(variant),
                    "Weights": self.weights(variant),
                    "Paper, peak (%)": self.papers_peak(variant, prefix) or "–",
                    "Peak (%)": formatting.margin_of(peak),
                    "Peak, final weights (%)": formatting.margin_of(final),
                    "Last epoch (%)": formatting.margin_of(last),
                    "SD, last (points)": "–" if math.isnan(last["sd"]) else f"{100 * last['sd']:.2f}",
                    "Runs": str(last["n"]),
                }
            )
        return formatting.markdown_table(rows)

    def beside_the_baseline(self) -> str:
        """A Markdown table: every head's accuracy and SD over runs, as difference and ratio to the baseline's.

        Beside them stand p corrected for the number of heads by Holm's procedure, which decides what is said.
        """
        rows = [
            {
                "Head": self.label(variant),
                "Weights": self.weights(variant),
                "Peak, final weights (%)": self.peak(variant),
                **(self._beside_the_baseline(variant) if variant != self.baseline else dict.fromkeys(BESIDE, "–")),
            }
            for variant in self.source.variants()
        ]
        return formatting.markdown_table(rows)

    def _beside_the_baseline(self, variant: str) -> dict[str, str]:
        spread = self.spread(variant)
        accuracy, steadiness = self._p_holm(variant, *MORE_ACCURATE), self._p_holm(variant, *STEADIER)
        said, steadier = self.is_higher(variant), spread["said"]
        # The interval of the SDs' ratio is another test than the permutation's: where they differ, nothing is shown.
        cells = (
            f"{self.difference(variant)}, {said if accuracy <= self._level else _once_corrected(said)}",
            formatting.p_value(accuracy).removeprefix("p = "),
            self._needed(variant) if accuracy > self._level else "–",
            f"{spread['ratio']}, {steadier if steadiness <= self._level else formatting.NOT_SIGNIFICANT}",
            formatting.p_value(steadiness).removeprefix("p = "),
        )
        return dict(zip(BESIDE, cells, strict=True))

    def _needed(self, variant: str) -> str:
        """Runs that would show a difference of the size seen, before any correction; a dash if nothing tells."""
        needed = self.row("power", variant, metric=FINAL, quantity="mean_difference")["n_needed"]
        return f"{needed:,.0f}" if 0 < needed < math.inf else "–"


def _once_corrected(said: str) -> str:
    """The interval's answer, marked where Holm's correction does not agree."""
    alone = said in (formatting.NOT_SIGNIFICANT, formatting.UNTOLD)
    return said if alone else f"{formatting.NOT_SIGNIFICANT} once corrected, {said} by itself"

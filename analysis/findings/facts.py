"""One study that has been run, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis import formatting
from analysis.findings.accuracy import FINAL
from analysis.findings.cost import Cost
from analysis.findings.gap import Gap
from analysis.findings.methods import Methods
from analysis.findings.selection import Selection
from analysis.findings.speed import Speed
from analysis.findings.spread import Spread
from analysis.tables import comparisons

BESIDE = ["Difference (95 % CI)", "Answer"]


@dataclass(frozen=True)
class StudyFacts(Spread, Speed, Gap, Cost, Selection, Methods):
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
                }
            )
        return formatting.markdown_table(rows)

    def beside_the_baseline(self) -> str:
        """A Markdown table: every head's accuracy, as difference to the baseline's, and whether it is another.

        The answer is by p, corrected for the number of heads by Holm's procedure.
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
        question = comparisons.MORE_ACCURATE
        found = comparisons.answer(self.source, variant, question)
        cells = question.write(found.effect), f"{found.word}, {formatting.p_value(found.corrected)}"
        return dict(zip(BESIDE, cells, strict=True))

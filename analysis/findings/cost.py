"""Weights and the cost of training, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis.findings.rows import StudyRows
from analysis.tables import trainingcost


@dataclass(frozen=True)
class Cost(StudyRows):
    """Weights of a study's variants, and what training them costs."""

    def cost_of_training(self) -> str:
        """Eq. 3, multiply-accumulates and what was measured, as ratios to the baseline's, least to greatest.

        What was measured is given for each device.
        """
        costs = self.source.statistic("training_cost")
        ratios: dict[str, list[float]] = {"Eq. 3": [], "multiply-accumulates": []}
        for variant in self.compared:
            rows = [row for _, row in costs[costs["variant"] == variant].iterrows()]
            asked = [(rows[0], "flops_eq3", "Eq. 3"), (rows[0], "macs", "multiply-accumulates")]
            asked += [(row, name, f"{name} on {row['device']}") for row in rows for name in trainingcost.MEASURED]
            for row, name, text in asked:
                ratios.setdefault(text, []).append(trainingcost.ratio(row, name, costs, self.baseline))
        return ", ".join(f"{text} × {_range(there)}" for text, every in ratios.items() if (there := _known(every)))


def _known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _range(values: list[float]) -> str:
    ends = dict.fromkeys(f"{value:.3g}" for value in (min(values), max(values)))
    return " to ".join(ends)

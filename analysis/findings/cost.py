"""Weights and the cost of training, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis.findings.rows import StudyRows
from analysis.formatting import extremes
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
        known = {text: [one for one in every if not math.isnan(one)] for text, every in ratios.items()}
        return ", ".join(f"{text} × {extremes(there, '{:.3g}'.format)}" for text, there in known.items() if there)

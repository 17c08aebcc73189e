"""Weights and the cost of training, for the text of the findings."""

import math
from dataclasses import dataclass

from analysis.findings.rows import StudyRows
from analysis.tables import trainingcost


@dataclass(frozen=True)
class Cost(StudyRows):
    """Weights of a study's variants, and what training them costs."""

    def cost_of_training(self, variant: str) -> str:
        """Eq. 3, multiply-accumulates and what was measured, as ratios to the baseline's; seconds on each device."""
        costs = self.source.statistic("training_cost")
        rows = [row for _, row in costs[costs["variant"] == variant].iterrows()]
        asked = [(rows[0], "flops_eq3", "Eq. 3"), (rows[0], "macs", "multiply-accumulates")]
        asked += [(row, name, f"{name} on {row['device']}") for row in rows for name in trainingcost.MEASURED]
        ratios = [(text, trainingcost.ratio(row, name, costs, self.baseline)) for row, name, text in asked]
        return ", ".join(f"{text} × {ratio:.3g}" for text, ratio in ratios if not math.isnan(ratio))

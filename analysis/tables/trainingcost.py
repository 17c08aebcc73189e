"""What training costs by the paper's Eq. 3, by multiply-accumulates and as measured, beside the baseline's."""

import math
from collections.abc import Callable

import pandas as pd

from analysis import formatting
from analysis.study_results import Source

QUANTITIES = {  # the statistic's column: its heading, and how its values are written
    "flops_eq3": ("Eq. 3 (10¹² FLOPs)", formatting.trillions),
    "macs": ("Multiply-accumulates (10¹²)", formatting.trillions),
    "seconds": ("Seconds an epoch", formatting.three_digits),
    "joules": ("Joules an epoch", formatting.three_digits),
}
MEASURED = ("seconds", "joules")
MEASURED_WITH = ["device", "training_code"]


def build(given: list[Source]) -> pd.DataFrame:
    """One row a variant and device, text, in the study's order; each value with its ratio to the baseline's.

    What is measured is compared where the same training code measured it on the same device. Processes that shared
    their core, at a low priority, measure nothing.
    """
    (source,) = given
    study, costs = source.study, source.statistic("training_cost")
    rows = [
        {
            "Variant": study.variants[variant]["label"],
            **{heading: _cell(one, name, costs, study.baseline) for name, (heading, _) in QUANTITIES.items()},
            "10⁹ FLOPs a second": _written(one["flops_a_second"] / 1e9, formatting.three_digits),
            "Device": one["device"],
            "Runs": f"{one['n']}" + (f", {one['n_measured']} measured" if one["n_measured"] < one["n"] else ""),
        }
        for variant in study.variants
        for _, one in costs[costs["variant"] == variant].iterrows()
    ]
    return pd.DataFrame(rows)


def ratio(row: pd.Series, name: str, costs: pd.DataFrame, baseline: str) -> float:
    """A row's quantity over the baseline's, of the same device and code if it is measured; NaN where there is none."""
    reference = costs[costs["variant"] == baseline]
    if name in MEASURED:
        reference = reference[(reference[MEASURED_WITH] == row[MEASURED_WITH]).all(axis=1)]
    return float(row[name] / reference[name].iloc[0]) if len(reference) else math.nan


def _cell(row: pd.Series, name: str, costs: pd.DataFrame, baseline: str) -> str:
    beside = ratio(row, name, costs, baseline)
    text = _written(row[name], QUANTITIES[name][1])
    return text if row["variant"] == baseline or math.isnan(beside) else f"{text} (× {beside:.3g})"


def _written(value: float, write: Callable[[float], str]) -> str:
    return "–" if math.isnan(value) else write(value)

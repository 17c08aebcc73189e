"""Which interval of a quantity is printed, and in how many of 100 cases it holds the true value.

``coverage.parquet`` beside this module has what ``analysis.coverage`` found by simulation: how often each interval that
was tried misses the truth, at 95 % confidence, by number of runs and kind of runs. Of each quantity one is printed, the
best calibrated, and only where it misses in no more than 7 % of cases whatever the runs are like; elsewhere so few runs
cannot show the quantity. Intervals of the paper are printed as they are, with their coverage beside them.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

PATH = Path(__file__).with_name("coverage.parquet")
CONFIDENCE, TOLERANCE = 0.95, 0.02
RUNS = (3, 5, 10, 20)  # simulated; between two of them the worse one counts
OF_PAPER = {"mean": "Student t", "share_lower_sd": "Wilson"}
PRINTED = {
    "log_sd_ratio": "permutation of whole runs, inverted",
    "mean_difference": "paired Student t",
    "probability": "placements, paired Student t of the logit",
    "difference_band": "Bonferroni, Student t",
    "churn_excess": "jackknife, Student t",
    **OF_PAPER,
}
COLUMNS = ["low", "high", "interval", "coverage", "confidence"]


@cache
def worst() -> pd.Series:
    """Coverage in the worst cell, by quantity, procedure and number of runs, where nothing differs between arms."""
    table = pd.read_parquet(PATH)
    null = table[table["ratio"] == 1]
    held = 1 - null["missed"] / null["replications"]
    return held.groupby([null["quantity"], null["procedure"], null["n"]]).min()


@cache
def coverage(quantity: str, n: int) -> float:
    """Coverage of the printed interval of a quantity in the worst cell at ``n`` runs; NaN for fewer than three."""
    if n < RUNS[0]:
        return np.nan
    beside = [max(runs for runs in RUNS if runs <= n), *[runs for runs in RUNS if runs >= n][:1]]
    return float(worst()[quantity, PRINTED[quantity]][beside].min())


def holds(found: pd.Series) -> pd.Series:
    """Whether a procedure can be relied on, from its coverage by number of runs: there, and with more runs too.

    One that holds with few runs alone does so for being far too wide.
    """
    enough = (found >= CONFIDENCE - TOLERANCE).sort_index(ascending=False)
    return enough.cummin().sort_index()


@cache
def is_printed(quantity: str, n: int) -> bool:
    """Whether ``n`` runs can show a quantity."""
    known = [runs for runs in RUNS if runs <= n]
    return quantity in OF_PAPER or bool(known and holds(worst()[quantity, PRINTED[quantity]])[known[-1]])


def row(quantity: str, n: int, low: float, high: float, confidence: float) -> dict:
    """``COLUMNS``: an interval of ``n`` runs, or NaN and why there is none; and its coverage in the worst cell at n.

    Intervals of other confidence than 95 % have no coverage (NaN); whether they are printed is decided as at 95 %.
    """
    held = coverage(quantity, n) if confidence == CONFIDENCE else np.nan
    name = PRINTED[quantity]
    if not is_printed(quantity, n) or np.isinf([low, high]).any():
        low, high, name = np.nan, np.nan, f"n = {n} cannot show this"
    elif np.isnan([low, high]).any():
        low, high, name = np.nan, np.nan, "undefined"
    return dict(zip(COLUMNS, (low, high, name, held, confidence), strict=True))

"""The table of coverage in ``docs/statistics.md``: Markdown tables between two comments each."""

import re

import pandas as pd

from analysis.coverage import processes
from analysis.coverage.table import PAPERS_RATIO, TESTS, WILCOXON
from analysis.formatting import markdown_table
from analysis.statistics import intervals

NAMES = {
    "log_sd_ratio": "SD ratio",
    "auc_sd_difference": "AUC_SD, difference",
    "share_lower_sd": "share of epochs with lower SD",
    "mean": "mean of one arm",
    "mean_difference": "mean difference: accuracy, epochs, overfitting gap",
    "probability": "probability of superiority",
    "mean_band": "mean curve, all epochs at once",
    "difference_band": "difference of curves, all epochs at once",
    "variance": "variance of one arm",
    "variance_ratio": "ratio of variances",
    "churn_excess": "excess churn",
}


def worst_cells(table: pd.DataFrame) -> str:
    """Markdown: the share of cases in which each interval misses the truth, in percent, in the worst cell at each n."""
    null, rows = table[(table["ratio"] == 1) & (table["procedure"] != WILCOXON)], []
    for (quantity, procedure), own in null.groupby(["quantity", "procedure"], sort=False):
        worst = (100 * own["missed"] / own["replications"]).groupby(own["n"]).max()
        printed = intervals.PRINTED.get(quantity) == procedure
        status = "the paper's" if printed and quantity in intervals.OF_PAPER else "printed" if printed else "–"
        missed = {f"n = {n}": f"{worst[n]:.1f}" for n in intervals.RUNS}
        rows.append({"Quantity": NAMES[quantity], "Interval": procedure, **missed, "In the results": status})
    return markdown_table(rows)


def rejections(table: pd.DataFrame, ratio: float, n: int) -> str:
    """Markdown: how often each test and interval of the SD ratio finds a difference, in percent, by kind of runs."""
    kept = table[(table["ratio"] == ratio) & (table["quantity"] == TESTS) & (table["n"] == n)]
    rows = []
    for procedure, own in kept.groupby("procedure", sort=False):
        shares = (100 * own["missed"] / own["replications"]).groupby([own["kind"], own["rho"]]).sum()
        by_kind = {
            kind.capitalize(): " / ".join(f"{shares[kind, rho]:.0f}" for rho in processes.AUTOCORRELATIONS)
            for kind in processes.KINDS
        }
        rows.append({"Test": procedure, **by_kind})
    return markdown_table(rows)


def refreshed(text: str, table: pd.DataFrame) -> str:
    """The page with its tables made anew. Each stands between ``<!-- its name -->`` and ``<!-- end -->``."""
    tables = {
        "coverage": lambda: worst_cells(table),
        "null 20": lambda: rejections(table, 1.0, 20),
        "null 10": lambda: rejections(table, 1.0, 10),
        "power 20": lambda: rejections(table, PAPERS_RATIO, 20),
        "power 10": lambda: rejections(table, PAPERS_RATIO, 10),
    }
    for name, shown in tables.items():
        place = re.compile(f"(?<=<!-- {name} -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
        if place.search(text):
            text = place.sub(shown().replace("\\", r"\\"), text)
    return text

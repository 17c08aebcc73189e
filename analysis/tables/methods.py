"""Table of methods with equal weights: accuracy, steadiness, effective sparsity and extra cost of each."""

import pandas as pd

from analysis import formatting
from analysis.study_results import Source

SCORE = "last"


def build(given: list[Source]) -> pd.DataFrame:
    """One row a variant that has runs, text, the best mean rank first, and the dense one, which is not ranked, last."""
    (source,) = given
    rank = source.statistic("ranks").query("score == @SCORE").set_index("variant")["rank"]
    order = sorted(source.variants(), key=lambda name: rank.get(name, float("inf")))
    return pd.DataFrame([_row(source, name, rank.get(name, float("nan"))) for name in order])


def _row(source: Source, name: str, rank: float) -> dict[str, str]:
    accuracy = source.statistic("accuracy").query("score == @SCORE").set_index("variant").loc[name]
    beside = source.statistic("paired_difference").query("metric == @SCORE").set_index("variant")
    baseline = source.study.variants[source.study.baseline]["label"]
    paths = source.statistic("paths").query("variant == @name")
    shown = paths[["effective_sparsity", "unused", "unreached", "extra_epochs", "extra_seconds"]].mean()
    return {
        "Method": source.study.variants[name]["label"],
        "Weights": f"{source.statistic('cost').set_index('variant').loc[name, 'final']:,.0f}",
        "Accuracy, last epoch (%)": formatting.margin_of(accuracy),
        "SD (points)": formatting.bare_percent(accuracy["sd"], 2),
        f"Difference from {baseline}": formatting.interval_in_points(beside.loc[name]) if name in beside.index else "–",
        "Mean rank": formatting.or_dash(rank, "{:.2f}"),
        "Effective sparsity (%)": formatting.or_dash(100 * shown["effective_sparsity"], "{:.2f}"),
        "Unused features": formatting.or_dash(shown["unused"], "{:.1f}"),
        "Unreached classes": formatting.or_dash(shown["unreached"], "{:.1f}"),
        "Extra epochs": formatting.or_dash(shown["extra_epochs"], "{:.3g}"),
        "Extra seconds": formatting.or_dash(shown["extra_seconds"], "{:.3g}"),
        "Runs": f"{accuracy['n']:.0f}",
    }

"""Table A2: factors, sparsity, accuracy and compression of every variant."""

import pandas as pd

from analysis.tables import layout
from nist.errors import run
from nist.study import Study


def build(accuracy: pd.DataFrame, cost: pd.DataFrame, study: Study) -> pd.DataFrame:
    """One row a variant, in the study's order, from ``accuracy`` and ``cost``; every cell is text."""
    readings = accuracy.set_index(["variant", "reading"])
    counts = cost.set_index("variant")
    rows = []
    for name, variant in study.variants.items():
        peak, peak_final, last = (readings.loc[(name, reading)] for reading in ("peak", "peak_final", "last"))
        count = counts.loc[name]
        rows.append(
            {
                "Model": variant["label"],
                "Neuroseed factors": layout.factors(variant),
                "Init. sparsity (%)": layout.percent(count["initial_sparsity"], 2),
                "Mean ± MOE, peak (%)": layout.percent_margin(peak["mean"], peak["margin"]),
                "Max, peak (%)": layout.percent(peak["max"]),
                "Mean ± MOE, peak at final sparsity (%)": layout.percent_margin(
                    peak_final["mean"], peak_final["margin"]
                ),
                "Mean ± MOE, last epoch (%)": layout.percent_margin(last["mean"], last["margin"]),
                "Final sparsity (%)": layout.percent(count["final_sparsity"], 2),
                "Active weights": f"{int(count['final']):,}",
                "Comp. ratio": f"{count['compression']:.4g}×",
                "Runs": layout.runs(peak["n"], peak["n_diverged"]),
            }
        )
    return pd.DataFrame(rows)


def main(argv: list[str] | None = None) -> None:
    """Build Table A2 from ``accuracy.csv`` and ``cost.csv``."""
    layout.render("analysis.tables.tablea2", build, argv)


if __name__ == "__main__":
    run(main)

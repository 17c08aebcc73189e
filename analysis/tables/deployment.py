"""Heads before and after their prune, in training and inference, beside other ways: ``nist.benchmarks.deployment``."""

import pandas as pd

from analysis import formatting

OTHERS = {
    "unpruned": "itself unpruned",
    "shrunk": "itself shrunk",
    "masked": "masked",
    "linear": "dense",
    "gather": "gathering",
    "coo": "torch COO",
}
AT_INFERENCE = {
    "eval": "the model itself",
    "linear": "dense",
    "torch csr": "torch CSR",
    "torch bsr": "torch BSR",
    "scipy csr": "scipy CSR",
}
CASE = ["threads", "network", "sparsity", "rows"]


def stage(sparsity: float) -> str:
    """How far a head is pruned, in words."""
    return "before the prune" if pd.isna(sparsity) else f"{100 * sparsity:g} %"


def build(measured: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    """One row a head, stage, batch and number of threads; every cell is text.

    A ratio is the other way's time over that of NIST, the median of rounds: below 1 the other way is faster. A dash is
    of what was not measured: a head before its prune beside itself.
    """
    rows = []
    for (threads, network, sparsity, batch), group in measured.groupby(CASE, sort=False, dropna=False):
        row = {"Threads": str(threads), "Head": network, "Stage": stage(sparsity), "Batch": str(batch)}
        for part, others in (("training", OTHERS), ("inference", AT_INFERENCE)):
            found = group[group["part"] == part].set_index("candidate")
            row[f"{part.capitalize()}, ms"] = formatting.three_digits(found.loc["nist", "ms"])
            ratios = found["this_over_nist"].reindex(others)
            row |= {
                f"{part}, over {label}": formatting.or_dash(ratios[name], "{:.3g}×") for name, label in others.items()
            }
        rows.append(row)
    return pd.DataFrame(rows)

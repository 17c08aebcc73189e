"""How fast runs are trained, beside a plain PyTorch script: from the measurements of ``nist.benchmarks.trainer``."""

from functools import partial

import pandas as pd

from analysis.formatting import bare_percent


def build(trainers: pd.DataFrame, where: dict[str, str]) -> pd.DataFrame:
    """One row a study and trainer; every cell is text. Ratios are medians of rounds.

    A share compares with the same arithmetic as large matrix products.
    """
    return pd.DataFrame(
        {
            "Study": trainers["network"] + " " + trainers["variant"],
            "Trainer": trainers["candidate"],
            "Images an epoch": trainers["images"].map("{:,}".format),
            "Seed-epochs a second": trainers["seed_epochs_a_second"].map("{:.3g}".format),
            "Ours over this": trainers["ours_over_this"].map("{:.2f}×".format),
            "Of the rate of matrix products, %": trainers["share_of_floor"].map(partial(bare_percent, digits=0)),
            "Peak memory, MB": (trainers["peak_bytes"] / 1e6).map("{:,.0f}".format),
        }
    )

"""Overfitting gap: training minus validation accuracy by epoch (Fig. A3; assumption U50)."""

import pandas as pd

from analysis import command, runs
from nist.errors import run


def overfitting_gap(frame: pd.DataFrame, ddof: int = 1) -> pd.DataFrame:
    """Mean and SD over runs of training minus validation accuracy at every epoch.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and epoch with ``gap`` and
    ``sd``, fractions, and ``n`` runs. Training accuracy is the running mean over an epoch's batches, taken while the
    weights still move, so that the gap of the first epochs is negative.
    """
    gaps = frame.assign(gap=frame["train_accuracy"] - frame["val_accuracy"])
    grouped = gaps.groupby([*runs.GROUP, "epoch"], sort=False)["gap"]
    result = grouped.agg(n="size", gap="mean", sd=lambda values: values.std(ddof=ddof)).reset_index()
    return result.assign(ddof=ddof)


def main(argv: list[str] | None = None) -> None:
    """Training minus validation accuracy at every epoch, mean and SD over runs."""
    arguments = command.parser("analysis.statistics.overfitting_gap", main.__doc__, "metrics files").parse_args(argv)
    settings = arguments.study.content["statistics"]
    command.write_csv(overfitting_gap(runs.read(arguments.inputs), settings["ddof"]), arguments.output)


if __name__ == "__main__":
    run(main)

"""Peak and last validation accuracy with SD and t-margin of error: Tables A2, A3 and A4 (audit U4, U6)."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis import command, runs
from nist.errors import run


def margin_of_error(values: np.ndarray, confidence: float = 0.95, ddof: int = 1) -> float:
    """Half width of the Student-t interval of the mean of ``values``, shape (n,); NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return np.nan
    return float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=ddof) / np.sqrt(n))


def accuracy(frame: pd.DataFrame, confidence: float = 0.95, ddof: int = 1) -> pd.DataFrame:
    """Validation accuracy of every variant, read at each run's best epoch and at its last.

    ``frame`` holds the rows of ``nist.record.SCHEMA``. Returns one row a variant and reading (``peak``: the highest over
    epochs, which is the paper's and is chosen on the very images it is measured on; ``last``): ``mean``, ``sd``,
    ``margin`` of error, ``max`` over runs, all fractions, and ``n`` runs, of which ``n_diverged`` diverged.
    """
    readings = {
        "peak": frame.groupby([*runs.GROUP, "seed"], sort=False)["val_accuracy"].max(),
        "last": runs.last_epoch(frame).set_index([*runs.GROUP, "seed"])["val_accuracy"],
    }
    tables = []
    for reading, values in readings.items():
        summary = values.groupby(runs.GROUP, sort=False).agg(
            mean="mean",
            sd=lambda run: run.std(ddof=ddof),
            margin=lambda run: margin_of_error(run.to_numpy(), confidence, ddof),
            max="max",
        )
        tables.append(summary.reset_index().assign(reading=reading, confidence=confidence, ddof=ddof))
    return pd.concat(tables).merge(runs.count(frame), on=runs.GROUP, validate="many_to_one")


def main(argv: list[str] | None = None) -> None:
    """Peak and last validation accuracy of every variant, with SD and margin of error."""
    arguments = command.parser("analysis.statistics.accuracy", main.__doc__, "metrics files").parse_args(argv)
    settings = arguments.study.content["statistics"]
    result = accuracy(runs.read(arguments.inputs), settings["confidence"], settings["ddof"])
    command.write_csv(result, arguments.output)


if __name__ == "__main__":
    run(main)

"""Peak and last validation accuracy with SD and margin of error: Tables A2, A3 and A4 (assumption U4, U6)."""

import numpy as np
import pandas as pd
from scipy import stats

from analysis import command, runs
from analysis.statistics.readings import readings
from nist.errors import run as run_command


def margin_of_error(values: np.ndarray, confidence: float = 0.95, ddof: int = 1) -> float:
    """Half width of the Student-t interval of the mean of ``values``, shape (n,); NaN for fewer than two."""
    n = len(values)
    if n < 2:
        return np.nan
    return float(stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=ddof) / np.sqrt(n))


def accuracy(frame: pd.DataFrame, confidence: float = 0.95, ddof: int = 1) -> pd.DataFrame:
    """Validation accuracy of every variant in the three readings of ``analysis.statistics.readings``.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns one row a variant and reading: ``mean``, ``sd``,
    ``margin`` of error and ``max`` over runs, all fractions, and ``n`` runs, ``n_diverged`` of them diverged.
    """
    by_variant = readings(frame).groupby(["reading", *runs.GROUP], sort=False)["accuracy"]
    summary = by_variant.agg(
        mean="mean",
        sd=lambda over_runs: over_runs.std(ddof=ddof),
        margin=lambda over_runs: margin_of_error(over_runs.to_numpy(), confidence, ddof),
        max="max",
    )
    summary = summary.reset_index().assign(confidence=confidence, ddof=ddof)
    return summary.merge(runs.count(frame), on=runs.GROUP, validate="many_to_one")


def main(argv: list[str] | None = None) -> None:
    """Peak and last validation accuracy of every variant, with SD and margin of error."""
    arguments = command.parser("analysis.statistics.accuracy", main.__doc__, "metrics files").parse_args(argv)
    settings = arguments.study.content["statistics"]
    result = accuracy(runs.read(arguments.inputs), settings["confidence"], settings["ddof"])
    command.write_csv(result, arguments.output)


if __name__ == "__main__":
    run_command(main)

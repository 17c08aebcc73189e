"""Brown–Forsythe test: does the spread of one number a run differ from the baseline's (Brown & Forsythe 1974)?

Levene's test with deviations from the median, robust to the heavy tails of accuracies. One number a run keeps it valid
where a test over epochs is not. Runs are taken as independent; that they are paired by seed is not used.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis import command, pairs
from nist.errors import run

TEST = "Brown–Forsythe"
COLUMNS = ["test", "alternative", "ddof", "sd", "sd_baseline", "f", "p"]
READINGS = ["peak", "last"]


def brown_forsythe_test(ours: np.ndarray, reference: np.ndarray) -> dict:
    """Two-sided test that two samples, shape (n,), have the same spread: ``f`` and ``p``.

    Both are undefined (NaN) where deviations from the median do not vary in either sample: with one or two values, or
    constant ones.
    """
    deviations = [abs(values - np.median(values)) for values in (ours, reference)]
    if min(len(ours), len(reference)) < 3 or all(np.ptp(d) <= 1e-12 for d in deviations):
        return {"f": np.nan, "p": np.nan}
    result = stats.levene(ours, reference, center="median")
    return {"f": float(result.statistic), "p": float(result.pvalue)}


def brown_forsythe(readings: pd.DataFrame, baseline: str, ddof: int = 1) -> pd.DataFrame:
    """Test of every variant's peak and last accuracy against the baseline's.

    ``readings`` is the result of ``analysis.statistics.readings``. Returns one row a comparison: ``pairs.NAMES`` and
    ``COLUMNS``, with the SDs of either side, fractions.
    """

    def measure(ours: np.ndarray, reference: np.ndarray) -> dict:
        names = {"test": TEST, "alternative": "two-sided", "ddof": ddof}
        sds = pd.Series(ours).std(ddof=ddof), pd.Series(reference).std(ddof=ddof)
        return {**names, "sd": sds[0], "sd_baseline": sds[1], **brown_forsythe_test(ours, reference)}

    return pairs.compare_readings(readings[readings["reading"].isin(READINGS)], baseline, measure, COLUMNS)


def main(argv: list[str] | None = None) -> None:
    """Brown–Forsythe test of every variant's peak and last accuracy against the baseline's."""
    arguments = command.parser("analysis.statistics.brown_forsythe", main.__doc__, "readings.csv").parse_args(argv)
    settings = arguments.study.content["statistics"]
    readings = command.read_csv(arguments.inputs[0])
    command.write_csv(brown_forsythe(readings, settings["baseline"], settings["ddof"]), arguments.output)


if __name__ == "__main__":
    run(main)

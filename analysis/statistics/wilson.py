"""Share of epochs with lower SD and its Wilson score interval: "80 % (0.627–0.905)" of Table A6 (assumption D5, U10).

The interval treats epochs as independent trials, which epochs of the same runs are not: read it as a description.
"""

import pandas as pd
from scipy import stats

from analysis import command, pairs
from nist.errors import run

COLUMNS = ["epochs", "epochs_lower", "share", "confidence", "low", "high"]


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval, without continuity correction, of a proportion (Wilson 1927)."""
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return interval.low, interval.high


def wilson(sd: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Share of epochs at which a variant's SD is strictly lower than the baseline's, for every variant and metric.

    ``sd`` is the result of ``epochwise_sd``. Returns one row a comparison: ``share`` of ``epochs``, ``epochs_lower`` of
    them, and the ends ``low`` and ``high`` of the interval; ``n`` runs on either side.
    """

    def measure(paired: pd.DataFrame) -> dict:
        epochs = len(paired)
        if paired[["sd_variant", "sd_baseline"]].isna().any(axis=None):  # SDs of a single run
            return {"epochs": epochs, "confidence": confidence}
        lower = int((paired["sd_variant"] < paired["sd_baseline"]).sum())
        low, high = wilson_interval(lower, epochs, confidence)
        share = {"epochs": epochs, "epochs_lower": lower, "share": lower / epochs}
        return {**share, "confidence": confidence, "low": low, "high": high}

    return pairs.compare_sd(sd, baseline, measure, COLUMNS)


def main(argv: list[str] | None = None) -> None:
    """Share of epochs with lower SD than the baseline's, with its Wilson interval."""
    arguments = command.parser("analysis.statistics.wilson", main.__doc__, "epochwise_sd.csv").parse_args(argv)
    settings = arguments.study.content["statistics"]
    sd = command.read_csv(arguments.inputs[0])
    command.write_csv(wilson(sd, settings["baseline"], settings["confidence"]), arguments.output)


if __name__ == "__main__":
    run(main)

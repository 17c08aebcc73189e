"""Intervals from a bootstrap of whole runs, paired by seed: sizes of what the paper gives a p or a Wilson interval for.

A sample draws seeds with replacement and takes all epochs of both variants' runs of that seed; SDs, shares and
differences are computed anew in each. Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, chapters 8 and 14.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis import command, pairs, resampling, runs
from analysis.statistics.readings import readings
from analysis.statistics.sd_permutation import log_sd_ratio
from nist.errors import run

COLUMNS = ["quantity", "estimate", "low", "high", "interval", "confidence", "resamples", "ddof"]


def spread(ours: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """What two variants' SDs, shape (samples, epochs), say of their spread: arrays of shape (samples,).

    ``log_sd_ratio`` of the mean epochwise SDs; ``share_lower_sd``, the share of epochs at which our SD is strictly the
    lower one; ``auc_sd_difference``, the difference of the sums over epochs (assumption U9).
    """
    return {
        "log_sd_ratio": log_sd_ratio(ours, reference),
        "share_lower_sd": np.where(np.isnan(ours).any(axis=1), np.nan, (ours < reference).mean(axis=1)),
        "auc_sd_difference": (ours - reference).sum(axis=1),
    }


def spread_intervals(
    ours: np.ndarray, reference: np.ndarray, weights: np.ndarray, confidence: float, ddof: int = 1
) -> list[dict]:
    """Intervals of the quantities of ``spread`` from curves of shape (n, epochs), paired by seed.

    ``weights``, shape (samples, n), come from ``resampling.bootstrap_weights``.
    """

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return spread(*(resampling.weighted_sd(weights, curves, ddof) for curves in (ours, reference)))

    return _intervals(measure, weights, confidence)


def difference_interval(ours: np.ndarray, reference: np.ndarray, weights: np.ndarray, confidence: float) -> dict:
    """Interval of the mean of ``ours - reference``, shape (n,), paired by seed."""
    difference = (ours - reference)[:, np.newaxis]

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean_difference": resampling.weighted_mean(weights, difference)[:, 0]}

    return _intervals(measure, weights, confidence)[0]


def _intervals(
    measure: Callable[[np.ndarray], dict[str, np.ndarray]], weights: np.ndarray, confidence: float
) -> list[dict]:
    """Interval of every quantity that ``measure`` computes, shape (samples,), from weights of shape (samples, n)."""
    n = weights.shape[1]
    observed, leaving_one_out = measure(np.ones((1, n))), measure(resampling.jackknife_weights(n))
    return [
        {"quantity": name, **resampling.interval(float(observed[name][0]), values, leaving_one_out[name], confidence)}
        for name, values in measure(weights).items()
    ]


def run_bootstrap(
    frame: pd.DataFrame, baseline: str, *, resamples: int, rng: np.random.Generator, confidence: float, ddof: int = 1
) -> pd.DataFrame:
    """Intervals of every variant's spread and accuracy against the baseline's.

    ``frame`` holds the rows of ``nist.record.SCHEMA``; the ``resamples`` samples from ``rng`` are the same for every
    comparison. Returns rows of ``pairs.NAMES`` and ``COLUMNS``: the quantities of ``spread`` for either accuracy, and
    ``mean_difference`` of each reading. SDs and accuracies are fractions. ``interval`` names the kind, see
    ``resampling.interval``.
    """
    weights = resampling.bootstrap_weights(frame["seed"].nunique(), resamples, rng)

    spreads = pairs.compare_curves(
        frame, baseline, lambda *arms: spread_intervals(*arms, weights, confidence, ddof), COLUMNS
    )
    differences = pairs.compare_readings(
        readings(frame), baseline, lambda *arms: difference_interval(*arms, weights, confidence), COLUMNS
    )
    settings = {"confidence": confidence, "resamples": resamples, "ddof": ddof}
    return pd.concat([spreads, differences], ignore_index=True).assign(**settings)


def main(argv: list[str] | None = None) -> None:
    """Bootstrap intervals of every variant's spread and accuracy against the baseline's."""
    arguments = command.parser("analysis.statistics.run_bootstrap", main.__doc__, "metrics files").parse_args(argv)
    settings = arguments.study.content["statistics"]
    result = run_bootstrap(
        runs.read(arguments.inputs),
        settings["baseline"],
        resamples=settings["resamples"],
        rng=np.random.default_rng(settings["generator_seed"]),
        confidence=settings["confidence"],
        ddof=settings["ddof"],
    )
    command.write_csv(result, arguments.output)


if __name__ == "__main__":
    run(main)

"""Simultaneous confidence bands of learning curves: a statement on all epochs at once, where ± SD is one on none.

The half width is a multiple c of the standard error at each epoch. c is the quantile of the largest studentised
deviation over epochs (max-T) in a bootstrap of whole runs, with the standard error computed anew in each sample: with
20 runs of 30 epochs such bands held the true curve in 94 to 98 % of simulations, normal or lognormal, where those with
a fixed standard error held it in 82 to 88 % (normal) and 21 to 59 % (lognormal). Hall & Pittelkow (1990), *Journal of
Statistical Computation and Simulation* 37.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.metrics import runs
from analysis.statistics import pairing, resampling
from analysis.statistics.study_runs import StudyRuns

COLUMNS = ["study", "variant", "curve", "epoch", "n", "n_diverged", "mean", "low", "high"]
SETTINGS = ["critical", "method", "confidence", "resamples"]
# Samples of fewer runs hold so few different ones that the quantile is far too large (55 standard errors for 5 runs).
# Bonferroni's quantile, 7.5 there, stands in for it; it holds for normal values, and no band of 5 runs for skewed ones.
FEWEST_RUNS = 10


def band(curves: np.ndarray, weights: np.ndarray, confidence: float) -> dict:
    """Simultaneous band of the mean of ``curves``, shape (n, epochs).

    ``weights`` come from ``resampling.bootstrap_weights``. Returns ``mean``, ``low`` and ``high``, each of shape
    (epochs,), the multiple ``critical`` and the ``method`` that it is from. A single run has no band (NaN).
    """
    n, epochs = curves.shape
    mean = curves.mean(axis=0)
    error = resampling.sd(curves) / np.sqrt(n)
    if n < 2:
        critical, method = np.nan, "undefined"
    elif n < FEWEST_RUNS:
        critical, method = stats.t.isf((1 - confidence) / (2 * epochs), n - 1), "Bonferroni, Student t"
    else:
        critical = np.quantile(largest_deviation(curves, weights), confidence, method="nearest")
        method = "max-T bootstrap of runs"
    half = np.where(error == 0, 0.0, critical * error)
    return {"mean": mean, "low": mean - half, "high": mean + half, "critical": critical, "method": method}


def largest_deviation(curves: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Largest deviation over epochs of each sample's mean from the mean of ``curves``, in its own standard errors.

    Shape (samples,). Epochs without any spread count for nothing; a sample of one run over and over is infinitely far.
    """
    n = len(curves)
    means = resampling.weighted_mean(weights, resampling.centred(curves))
    errors = resampling.weighted_sd(weights, curves) / np.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = abs(means) / errors
    return np.where((errors == 0) & (abs(means) < resampling.ROUNDING), 0, deviation).max(axis=1)


def simultaneous_band(
    frame: pd.DataFrame, baseline: str, *, resamples: int, rng: np.random.Generator, confidence: float
) -> pd.DataFrame:
    """Simultaneous bands of every variant's mean validation accuracy, and of its paired difference to the baseline.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``; the ``resamples`` samples from ``rng`` are the same
    throughout. Returns one row a variant, curve (``mean`` or ``difference``) and epoch: ``mean``, ``low`` and ``high``
    are fractions, and ``low`` to ``high`` holds the true curve at all epochs at once with probability ``confidence``.
    Raises ``InputError`` where seeds do not pair.
    """
    weights = resampling.bootstrap_weights(frame["seed"].nunique(), resamples, rng)
    tables = []
    for study, group in frame.groupby("study", sort=False):
        diverged = runs.count(group).set_index("variant")["n_diverged"]
        compared = pairing.curves_with_baseline(group, baseline, "val_accuracy")
        wanted = [("mean", name, table.to_numpy()) for name, table in pairing.curves(group, "val_accuracy").items()]
        wanted += [("difference", name, ours - reference) for name, ours, reference in compared]
        for curve, variant, values in wanted:
            labels = {"study": study, "variant": variant, "curve": curve, "n_diverged": diverged[variant]}
            epochs = {"epoch": np.arange(1, values.shape[1] + 1), "n": len(values)}
            tables.append(pd.DataFrame({**labels, **epochs, **band(values, weights, confidence)}))
    result = pd.concat(tables, ignore_index=True).assign(confidence=confidence, resamples=resamples)
    return result[[*COLUMNS, *SETTINGS]]


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Simultaneous bands of mean learning curves and of their differences to the baseline's."""
    settings = study_runs.settings
    return simultaneous_band(
        study_runs.frame,
        study_runs.baseline,
        resamples=settings["resamples"],
        rng=study_runs.generator(),
        confidence=settings["confidence"],
    )

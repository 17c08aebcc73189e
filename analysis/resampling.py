"""Resampling whole runs: bootstrap samples as weights, flips within pairs, and intervals from either.

A run is the unit that was drawn at random; its epochs come with it. A sample of ``n`` runs with replacement is a row of
``n`` weights that add up to ``n``, so that means and SDs of thousands of samples at hundreds of epochs are matrix
products.
"""

import numpy as np
from scipy import stats

# Variances are differences of two sums. Less than this share of the sum is what rounding leaves of no variance at all.
ROUNDING = 1e-12


def bootstrap_weights(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of ``n`` runs is in each bootstrap sample, shape (resamples, n)."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(float)


def jackknife_weights(n: int) -> np.ndarray:
    """Weights of the ``n`` samples that leave one run out, shape (n, n)."""
    return 1.0 - np.eye(n)


def flips(n: int, resamples: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Which of ``n`` pairs change sides, 0 or 1, shape (patterns, n), and whether these are all patterns there are.

    All ``2**n`` where that is at most ``resamples``, else so many at random.
    """
    if 2**n <= resamples:
        return (np.arange(2**n)[:, np.newaxis] >> np.arange(n) & 1).astype(float), True
    return rng.integers(2, size=(resamples, n), dtype=np.int8).astype(float), False


def weighted_mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over runs of ``values``, shape (n, epochs), in every sample: shape (samples, epochs)."""
    return weights @ values / weights.sum(axis=1, keepdims=True)


def weighted_sd(weights: np.ndarray, values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (n, epochs), in every sample: shape (samples, epochs).

    NaN where a sample has no more than ``ddof`` runs; exactly 0 where it has no spread.
    """
    centred = values - values.mean(axis=0)
    square = weighted_mean(weights, centred**2)
    variance = square - weighted_mean(weights, centred) ** 2
    variance[variance < ROUNDING * square] = 0
    size = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > ddof, np.sqrt(variance * size / (size - ddof)), np.nan)


def interval(observed: float, resampled: np.ndarray, jackknife: np.ndarray, confidence: float) -> dict:
    """Bias-corrected and accelerated bootstrap interval (BCa; Efron 1987), or the percentile interval.

    ``resampled`` holds the statistic in every bootstrap sample, ``jackknife`` in every sample that lacks one run. BCa
    is undefined where all samples lie on one side of ``observed`` or where leaving out a run changes nothing;
    ``interval`` says which was taken. Its ends ``low`` and ``high`` are values of ``resampled``. All NaN where
    ``observed`` is.
    """
    if np.isnan(observed):
        return {"estimate": observed, "low": np.nan, "high": np.nan, "interval": "undefined"}
    tails = np.array([1 - confidence, 1 + confidence]) / 2
    adjusted = _adjusted(tails, observed, resampled, jackknife)
    name, levels = ("percentile", tails) if adjusted is None else ("BCa", adjusted)
    low, high = np.quantile(resampled, levels, method="nearest")
    return {"estimate": observed, "low": low, "high": high, "interval": name}


def _adjusted(tails: np.ndarray, observed: float, resampled: np.ndarray, jackknife: np.ndarray) -> np.ndarray | None:
    """Levels of the percentiles that BCa reads instead of ``tails``; None where it is undefined."""
    below = ((resampled < observed).mean() + (resampled <= observed).mean()) / 2
    if not 0 < below < 1 or not np.isfinite(jackknife).all() or np.ptp(jackknife) == 0:
        return None
    spread = jackknife.mean() - jackknife
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)
    bias = stats.norm.ppf(below)
    shifted = bias + stats.norm.ppf(tails)
    return stats.norm.cdf(bias + shifted / (1 - acceleration * shifted))

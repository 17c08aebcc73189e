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


def centred(values: np.ndarray) -> np.ndarray:
    """``values``, shape (n, epochs), less their mean over runs; exactly 0 at an epoch at which all runs agree."""
    shifted = values - values[0]
    shifted -= shifted.mean(axis=0)
    return shifted


def sd(values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (n, epochs): shape (epochs,). NaN for no more than ``ddof`` runs."""
    return _scaled_root((centred(values) ** 2).sum(axis=0), len(values) - ddof)


def weighted_sd(weights: np.ndarray, values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (n, epochs), in every sample: shape (samples, epochs).

    Exactly 0 where a sample has no spread; NaN for no more than ``ddof`` runs.
    """
    values = centred(values)
    square = weighted_mean(weights, values**2)
    variance = square - weighted_mean(weights, values) ** 2
    variance[variance < ROUNDING * square] = 0
    return _scaled_root(variance * len(values), len(values) - ddof)


def jackknife_sd(values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (n, epochs), without each of the runs in turn: shape (n, epochs)."""
    n = len(values)
    squares = centred(values) ** 2
    total = squares.sum(axis=0)
    rest = total - squares * (n / (n - 1) if n > 1 else np.nan)
    rest[rest < ROUNDING * total] = 0
    return _scaled_root(rest, n - 1 - ddof)


def _scaled_root(squares: np.ndarray, degrees: int) -> np.ndarray:
    return np.sqrt(squares / degrees) if degrees > 0 else np.full_like(squares, np.nan)


def interval(observed: float, resampled: np.ndarray, jackknife: np.ndarray, confidence: float) -> dict:
    """Bias-corrected and accelerated bootstrap interval (BCa; Efron 1987), or the percentile interval.

    ``resampled`` holds the statistic in every bootstrap sample, ``jackknife`` in every sample that lacks one run. BCa
    is undefined where all samples, or all but a few, lie on one side of ``observed``, and where leaving out a run
    changes nothing; ``interval`` says which was taken. Its ends ``low`` and ``high`` are values of ``resampled``. NaN
    where ``observed`` is, and for a single run.
    """
    if np.isnan(observed) or len(jackknife) < 2:
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
    scale = 1 - acceleration * shifted
    return stats.norm.cdf(bias + shifted / scale) if (scale > 0).all() else None


def jackknife_interval(observed: float, jackknife: np.ndarray, confidence: float) -> dict:
    """Student's interval with the jackknife standard error (Efron & Tibshirani 1993, chapter 11).

    It is for smooth statistics, and the safer one where the bootstrap's tails are too short, as those of a ratio of SDs
    of 20 runs are. ``jackknife`` holds the statistic without each of the ``n`` runs, shape (n,). NaN where one of these
    is not finite.
    """
    half = np.nan
    if np.isfinite([observed, *jackknife]).all():
        n = len(jackknife)
        half = stats.t.isf((1 - confidence) / 2, n - 1) * jackknife_error(jackknife)
    return {"estimate": observed, "low": observed - half, "high": observed + half, "interval": "jackknife, Student t"}


def jackknife_error(jackknife: np.ndarray) -> float:
    """Standard error of a statistic from its values without each of the ``n`` runs, shape (n,)."""
    n = len(jackknife)
    return float((n - 1) / np.sqrt(n) * jackknife.std(ddof=1))

"""Whole runs as the unit: SDs over runs, without each of them, and flips within pairs of runs.

A run is what was drawn at random; its epochs come with it. Arrays have runs before epochs, and may have further axes in
front: many samples at once are one matrix product.
"""

import numpy as np

# Variances are differences of two sums. Less than this share of the sum is what rounding leaves of no variance at all.
ROUNDING = 1e-12
DIGITS = 12  # beyond which two accuracies, or two SDs of them, are equal but for rounding


def flips(n: int, resamples: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Which of ``n`` pairs change sides, 0 or 1, shape (patterns, n), and whether these are all patterns there are.

    All ``2**n`` where that is at most ``resamples``, else so many at random.
    """
    if 2**n <= resamples:
        return (np.arange(2**n)[:, np.newaxis] >> np.arange(n) & 1).astype(float), True
    return rng.integers(2, size=(resamples, n), dtype=np.int8).astype(float), False


def difference(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``ours - reference``, exactly 0 where they are equal but for rounding: a tie."""
    return np.round(ours - reference, DIGITS)


def centred(values: np.ndarray) -> np.ndarray:
    """``values``, shape (..., n, epochs), less their mean over runs; exactly 0 at an epoch at which all runs agree."""
    shifted = values - values[..., :1, :]
    shifted -= shifted.mean(axis=-2, keepdims=True)
    return shifted


def sd(values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (..., n, epochs): shape (..., epochs). NaN for no more than ``ddof`` runs."""
    return _scaled_root((centred(values) ** 2).sum(axis=-2), values.shape[-2] - ddof)


def jackknife_sd(values: np.ndarray, ddof: int = 1) -> np.ndarray:
    """SD over runs of ``values``, shape (..., n, epochs), without each of the runs in turn: the same shape."""
    n = values.shape[-2]
    squares = centred(values) ** 2
    total = squares.sum(axis=-2, keepdims=True)
    rest = total - squares * (n / (n - 1) if n > 1 else np.nan)
    rest[rest < ROUNDING * total] = 0
    return _scaled_root(rest, n - 1 - ddof)


def _scaled_root(squares: np.ndarray, degrees: int) -> np.ndarray:
    return np.sqrt(squares / degrees) if degrees > 0 else np.full_like(squares, np.nan)


def jackknife_error(jackknife: np.ndarray) -> np.ndarray:
    """Standard error of a statistic from its values without each of ``n`` runs, shape (..., n): shape (...).

    Efron & Tibshirani (1993), *An Introduction to the Bootstrap*, chapter 11.
    """
    n = jackknife.shape[-1]
    return (n - 1) / np.sqrt(n) * jackknife.std(axis=-1, ddof=1)

"""Intervals from a bootstrap of whole runs, of many samples at once: tried, and found wanting by ``analysis.coverage``.

A bootstrap sample draws runs with replacement and takes all their epochs. It is a row of ``n`` weights that add up to
``n``, so that means and SDs are matrix products. Efron & Tibshirani (1993), *An Introduction to the Bootstrap*.
"""

import numpy as np
from scipy import stats

from analysis.statistics import resampling
from analysis.statistics.sd_permutation import log_sd_ratio


def weights(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of ``n`` runs is in each bootstrap sample, shape (resamples, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)


def moments(drawn: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of ``curves``, shape (..., n, epochs), in the samples ``drawn``: both (..., resamples, epochs).

    Of curves less their mean.
    """
    n, centred = len(drawn[0]), resampling.centred(curves)
    mean, square = drawn @ centred / n, drawn @ centred**2 / n
    variance = square - mean**2
    variance[variance < resampling.ROUNDING * square] = 0
    return mean, np.sqrt(variance * n / (n - 1))


def bca(
    observed: np.ndarray, resampled: np.ndarray, jackknife: np.ndarray, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected and accelerated interval (BCa; Efron 1987) of statistics of shape (...), or the percentiles.

    ``resampled`` has shape (..., resamples), ``jackknife``, without each of the runs, (..., n). Percentiles stand in
    where all samples lie on one side of what is observed, or leaving out a run changes nothing.
    """
    below = ((resampled < observed[..., np.newaxis]).mean(-1) + (resampled <= observed[..., np.newaxis]).mean(-1)) / 2
    spread = jackknife.mean(axis=-1, keepdims=True) - jackknife
    acceleration = (spread**3).sum(axis=-1) / (6 * (spread**2).sum(axis=-1) ** 1.5)
    bias, levels = stats.norm.ppf(below), []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = bias + stats.norm.ppf(tail)
        scale = 1 - acceleration * shifted
        level = stats.norm.cdf(bias + shifted / np.where(scale > 0, scale, np.nan))
        levels.append(np.where(np.isfinite(bias) & np.isfinite(level), level, tail))
    ordered = np.sort(resampled, axis=-1)
    last = ordered.shape[-1] - 1
    low, high = (
        np.take_along_axis(ordered, np.rint(last * level).astype(int)[..., np.newaxis], -1)[..., 0] for level in levels
    )
    return low, high


def studentised(
    observed: np.ndarray, error: np.ndarray, resampled: np.ndarray, errors: np.ndarray, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap-t interval of statistics of shape (...), from those of samples and ``errors``: (..., resamples)."""
    t = np.nan_to_num((resampled - observed[..., np.newaxis]) / errors, nan=0.0)
    high, low = np.quantile(t, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1, method="nearest")
    return observed - low * error, observed - high * error


def log_sd_ratio_errors(drawn: np.ndarray, ours: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``log_sd_ratio`` in the samples ``drawn`` of two paired arms and its standard errors: both (..., resamples).

    By the infinitesimal jackknife: the influence of a run on the log of the mean over epochs of its arm's SD.
    """
    n, influences, sds = len(drawn[0]), [], []
    for curves in (ours, reference):
        mean, sd = moments(drawn, curves)
        runs = np.swapaxes(resampling.centred(curves), -2, -1)
        inverse = np.where(sd > 0, 1 / sd, 0)
        squares = inverse @ runs**2 - 2 * (inverse * mean) @ runs + (inverse * mean**2).sum(axis=-1, keepdims=True)
        influences.append(squares / (2 * sd.sum(axis=-1, keepdims=True)))
        sds.append(sd)
    influence = influences[0] - influences[1]
    return log_sd_ratio(*sds), np.sqrt((drawn * influence**2).sum(axis=-1) / (n * (n - 1)))


def largest_deviation(drawn: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Largest deviation over epochs of each sample's mean from that of ``curves``, in its own standard errors (max-T).

    Shape (..., resamples); a sample of one run over and over is infinitely far. Hall & Pittelkow (1990).
    """
    mean, sd = moments(drawn, curves)
    return (abs(mean) / (sd / np.sqrt(len(drawn[0])))).max(axis=-1)

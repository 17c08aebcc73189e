"""Intervals from mean, SD and number of runs, for setting what was run here beside what the paper prints.

The paper's figure is itself a statistic of so many runs. What decides whether two experiments agree is therefore the
prediction interval: where the same statistic of the paper's number of further runs would lie. Runs are taken as normal
and independent. Two arms of one study are compared by the differences of runs of one seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, isfinite, sqrt

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics.paired_difference import student

DRAWS = 50_000
CONFIDENCE, TAILS = 0.95, (0.025, 0.975)


@dataclass(frozen=True)
class Sample:
    """One number a run: its mean and SD (n − 1 in the denominator; NaN for one run) over ``n`` runs."""

    mean: float
    sd: float
    n: int


def of_mean(sample: Sample) -> tuple[float, float]:
    """Student-t interval of the mean."""
    half = _t(CONFIDENCE, sample.n - 1) * sample.sd / sqrt(sample.n)
    return sample.mean - half, sample.mean + half


def of_next_mean(sample: Sample, runs: int) -> tuple[float, float]:
    """Prediction interval of the mean of ``runs`` further runs (Hahn and Meeker 1991, section 4.8)."""
    half = _t(CONFIDENCE, sample.n - 1) * sample.sd * sqrt(1 / sample.n + 1 / runs)
    return sample.mean - half, sample.mean + half


def of_next_maximum(sample: Sample, runs: int) -> tuple[float, float]:
    """Prediction interval of the largest of ``runs`` further runs, by simulation of its normal-theory pivot."""
    low, high = np.quantile(_next_maxima(sample, runs), TAILS)
    return float(low), float(high)


def of_next_difference(left: Sample, right: Sample, runs: int) -> tuple[float, float]:
    """Prediction interval of the difference of the means of ``runs`` further runs of each side, by Welch's freedom."""
    left, right = (Sample(one.mean, one.sd * sqrt(1 + one.n / runs), one.n) for one in (left, right))
    return of_difference(left, right)[1:]


def of_next_difference_of_maxima(left: Sample, right: Sample, runs: int) -> tuple[float, float]:
    """Prediction interval of the difference of the largest of ``runs`` further runs of each side, by simulation."""
    drawn = _next_maxima(left, runs) - _next_maxima(right, runs)[::-1]  # the same draws in another order
    low, high = np.quantile(drawn, TAILS)
    return float(low), float(high)


def of_next_sd(sd: float, n: int, runs: int) -> tuple[float, float]:
    """Prediction interval of the SD of ``runs`` further runs, by the F distribution."""
    low, high = stats.f.ppf(TAILS, runs - 1, n - 1)
    return sd * sqrt(low), sd * sqrt(high)


def of_difference(left: Sample, right: Sample, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Difference of two means and Welch's interval of it."""
    difference, errors = left.mean - right.mean, [sample.sd**2 / sample.n for sample in (left, right)]
    if sum(errors) == 0:
        return difference, difference, difference
    if min(left.n, right.n) < 2:
        return difference, np.nan, np.nan
    freedom = sum(errors) ** 2 / (errors[0] ** 2 / (left.n - 1) + errors[1] ** 2 / (right.n - 1))
    half = _t(confidence, freedom) * sqrt(sum(errors))
    return difference, difference - half, difference + half


def of_pairs(left: pd.Series, right: pd.Series, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Mean difference of runs by seed and Student's interval of it, over the seeds that both sides have."""
    difference = left.sub(right).dropna().to_numpy()
    found = student(difference, confidence)
    return float(difference.mean()), float(found["low"]), float(found["high"])


def runs_until(width: Callable[[int], float], enough: float, n: int) -> int | None:
    """Runs, ``n`` doubled up to ten times, from which an interval is at most ``enough`` wide; ``None`` if never.

    A prediction interval has a least width, which the paper's own number of runs leaves.
    """
    return next((n << doublings for doublings in range(1, 11) if width(n << doublings) <= enough), None)


def runs_to_settle(low: float, high: float, bound: float, n: int) -> int | None:
    """Runs that would move ``bound`` out of the 95 % interval of ``n`` in 80 % of cases, if its middle is the truth."""
    half, distance = (high - low) / 2, abs((low + high) / 2 - bound)
    reach = half * (1 + stats.norm.ppf(0.8) / stats.norm.ppf(0.975))  # in half of cases without what is added
    return max(n + 1, ceil(n * (reach / distance) ** 2)) if distance > 0 and isfinite(half) else None


def _t(confidence: float, freedom: float) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, freedom)) if freedom > 0 else np.nan


def _next_maxima(sample: Sample, runs: int) -> np.ndarray:
    return sample.mean + sample.sd * _maximum_pivots(sample.n, runs)


@cache
def _maximum_pivots(n: int, runs: int) -> np.ndarray:
    """(largest of ``runs`` further runs − mean of ``n``) / SD of the ``n``, drawn ``DRAWS`` times."""
    if n < 2:
        return np.array([np.nan])
    rng = np.random.default_rng([n, runs])
    largest = stats.norm.ppf(rng.uniform(size=DRAWS) ** (1 / runs))
    return (largest - rng.standard_normal(DRAWS) / sqrt(n)) / np.sqrt(rng.chisquare(n - 1, DRAWS) / (n - 1))

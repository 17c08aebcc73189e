"""Bounds on a printed ± or p from the mean, the maximum and the number of runs: no training needed."""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from analysis.claims.claim import Figure
from analysis.statistics.wilcoxon import signed_rank
from analysis.statistics.wilson import wilson_interval

Bounds = Callable[[Figure, Figure, int], tuple[float, float]]
UNITS = {"points": 100, "a fraction": 1}  # of a ± that stands beside a percentage: how many of it make 1


def margin_bounds(mean: Figure, maximum: Figure, runs: int) -> tuple[float, float]:
    """Least and greatest 95 % Student-t margin that ``runs`` values of this mean and maximum can have.

    With d = maximum − mean, the SD (n − 1 in its denominator) is at least d · √n / (n − 1), with one value at the
    maximum and the others equal (Samuelson 1968), and at most d · √n, with all at the maximum but one. The margin
    t · SD / √n therefore lies in t · d · [1 / (n − 1), 1]. Mean and maximum may be anywhere within their rounding.
    """
    t = stats.t.ppf(0.975, runs - 1)
    (mean_low, mean_high), (maximum_low, maximum_high) = mean.rounded, maximum.rounded
    least, greatest = max(0.0, float(maximum_low - mean_high)), max(0.0, float(maximum_high - mean_low))
    return t * least / (runs - 1), t * greatest


def sd_bounds(mean: Figure, maximum: Figure, runs: int) -> tuple[float, float]:
    """Least and greatest SD that ``runs`` values of this mean and maximum can have; see ``margin_bounds``."""
    in_margin = np.sqrt(runs) / stats.t.ppf(0.975, runs - 1)
    least, greatest = margin_bounds(mean, maximum, runs)
    return in_margin * least, in_margin * greatest


def feasible_units(
    printed: Figure, mean: Figure, maximum: Figure, runs: int, bounds: Bounds = margin_bounds
) -> list[str]:
    """Units in which a printed ± can be what has these ``bounds``, a margin of error, of ``runs`` values.

    Mean and maximum are fractions.
    """
    least, greatest = bounds(mean, maximum, runs)
    low, high = (float(end) for end in printed.rounded)
    return [unit for unit, in_one in UNITS.items() if high / in_one >= least and low / in_one <= greatest]


def common_readings(rows: list[tuple[Figure, Figure, Figure]], most_runs: int) -> list[tuple[str, int]]:
    """Units and numbers of runs, 2 to ``most_runs``, that allow every (±, mean, maximum) of a column at once."""
    readings = []
    for runs in range(2, most_runs + 1):
        allowed = [feasible_units(*row, runs) for row in rows]
        readings += [(unit, runs) for unit in UNITS if all(unit in units for units in allowed)]
    return readings


@cache
def rank_sums(p: Figure, pairs: int) -> list[tuple[str, int]]:
    """Sides and rank sums W of exact signed-rank tests over untied ``pairs`` whose p-value prints as ``p``.

    Every W from 0 to the sum of all ranks is tried, on differences 1 … ``pairs`` with signs that give it.
    """
    low, high = (float(end) for end in p.rounded)
    found = []
    for w in range(pairs * (pairs + 1) // 2 + 1):
        tested = signed_rank(_differences(w, pairs), "less")
        sides = {"one-sided": tested["p"], "two-sided": tested["p_two_sided"]}
        found += [(side, w) for side, value in sides.items() if low <= value <= high]
    return found


def _differences(w: int, pairs: int) -> np.ndarray:
    """Differences of sizes 1 … ``pairs``, shape (pairs,), of which the positive ones add up to ``w``."""
    differences = -np.arange(1.0, pairs + 1)
    for size in range(pairs, 0, -1):  # the largest that still fits: this reaches every sum
        if size <= w:
            differences[size - 1], w = size, w - size
    return differences


def wilson_low(successes: int, trials: int) -> float:
    """Lower end of the 95 % Wilson score interval."""
    return float(wilson_interval(successes, trials)[0])


def wilson_high(successes: int, trials: int) -> float:
    """Upper end of the 95 % Wilson score interval."""
    return float(wilson_interval(successes, trials)[1])

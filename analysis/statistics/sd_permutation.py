"""Does the spread between runs differ, and by how much? Whole runs are permuted between two variants, paired by seed.

The valid counterpart of the paper's Wilcoxon test (assumption D4): the epochs of a run move together, so that their
dependence does not matter. A permutation test in the sense of Good (2005), *Permutation, Parametric and Bootstrap Tests
of Hypotheses*, chapter 3; p of a random part of the patterns counts the observed one (Phipson & Smyth 2010). The
interval of the ratio of SDs holds all ratios that the same test does not reject (Good, section 3.3).
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from analysis.statistics import intervals, named_tests, pairing, resampling
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.PERMUTATION
QUANTITY = "log_sd_ratio"
SIZE = [QUANTITY, "sd_ratio", "low", "high", "interval", "coverage", "confidence"]
COLUMNS = ["test", "alternative", "method", "patterns", *SIZE, "p"]
TIE = 1e-9  # statistics closer than this are equal but for rounding
IN_CACHE = 2**15  # values at a time, so that they stay in the processor's cache
CLOSE, STEP, FAR = 0.002, 0.25, 8.0  # of log ratios: precision of an interval's ends; first and last step outwards


def log_sd_ratio(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Log of the ratio of mean epochwise SDs, from SDs of shape (..., epochs): shape (...). 0 where neither has any."""
    return log_ratio(ours.mean(axis=-1), reference.mean(axis=-1))


def log_ratio(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Log of the ratio of two values that are not negative, of any shape. 0 where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((ours == 0) & (reference == 0), 0.0, np.log(ours) - np.log(reference))


class Permuted:
    """Two arms of curves, shape (..., seeds, epochs) and paired by seed, whose runs change sides by ``flips``.

    ``flips`` has shape (patterns, seeds). Each arm is centred at each epoch first, so that a difference of location is
    none of spread. The centre is the median: of pairs of 10 lognormal runs with the same spread, a two-sided test at
    0.05 around the mean rejects 16 %, around the median 5 %.
    """

    def __init__(self, ours: np.ndarray, reference: np.ndarray, flips: np.ndarray):
        *self.samples, n, epochs = ours.shape
        arms = (arm - np.median(arm, axis=-2, keepdims=True) for arm in (ours, reference))
        self.ours, self.reference = (np.moveaxis(arm.reshape(-1, n, epochs), 1, 2).astype(float) for arm in arms)
        came = np.concatenate([np.zeros((1, n)), flips]).T / n
        self.sides = np.concatenate([1 / n - came, came]), np.concatenate([came, 1 / n - came])

    def log_ratios(self, shift: float = 0.0) -> np.ndarray:
        """``log_sd_ratio`` as observed and under every pattern, shape (..., 1 + patterns), with ours × exp(−shift)."""
        runs = np.concatenate([np.exp(-shift) * self.ours, self.reference], axis=-1)
        squares = runs**2
        rounding = 2 * resampling.ROUNDING * squares.mean(axis=-1, keepdims=True)
        found = np.empty((2, len(runs), self.sides[0].shape[1]))
        for samples, patterns in self._parts():
            for side, sds in zip(self.sides, found, strict=True):
                mean, variance = (each[samples] @ side[:, patterns] for each in (runs, squares))
                variance -= np.square(mean, out=mean)
                none = variance < rounding[samples]
                if none.any():
                    variance[none] = 0
                sds[samples, patterns] = np.sqrt(variance, out=variance).mean(axis=-2)
        return log_ratio(*found).reshape(*self.samples, found.shape[-1])

    def _parts(self) -> Iterator[tuple[slice, slice]]:
        """Samples and patterns, so many at a time that their epochs stay in the cache."""
        (n_samples, epochs, _), total = self.ours.shape, self.sides[0].shape[1]
        n_patterns = min(total, max(1, IN_CACHE // epochs))
        step = max(1, IN_CACHE // (epochs * n_patterns))
        for sample in range(0, n_samples, step):
            for pattern in range(0, total, n_patterns):
                yield slice(sample, sample + step), slice(pattern, pattern + n_patterns)


def p_values(log_ratios: np.ndarray, complete: bool) -> np.ndarray:
    """Two-sided p, shape (...), from ``log_ratios`` of ``Permuted``; NaN where the observed one is."""
    observed, permuted = log_ratios[..., :1], log_ratios[..., 1:]
    more = 0 if complete else 1  # the observed pattern is one of a complete set, and counts as one of a random set
    as_extreme = (abs(permuted) >= abs(observed) - TIE).sum(axis=-1)
    return np.where(np.isnan(observed[..., 0]), np.nan, (as_extreme + more) / (permuted.shape[-1] + more))


def permutation_test(ours: np.ndarray, reference: np.ndarray, flips: np.ndarray, complete: bool) -> dict:
    """Test that two variants have the same spread over runs, from curves of shape (..., seeds, epochs) paired by seed.

    ``flips`` says which pairs change sides in each pattern, and ``complete`` whether these are all patterns, from
    ``analysis.statistics.resampling.flips``. The statistic is ``log_sd_ratio``. Returns it, ``sd_ratio`` and the
    two-sided ``p``, each of shape (...), and how the patterns were chosen; p is undefined (NaN) for a single pair.
    """
    if ours.shape[-2] < 2:
        ratios = np.full((*ours.shape[:-2], 2), np.nan)
    else:
        ratios = Permuted(ours, reference, flips).log_ratios()
    return {
        "alternative": "two-sided",
        "method": "exact" if complete else "Monte Carlo",
        "patterns": len(flips),
        QUANTITY: ratios[..., 0],
        "sd_ratio": np.exp(ratios[..., 0]),
        "p": p_values(ratios, complete),
    }


def inverted(
    ours: np.ndarray, reference: np.ndarray, flips: np.ndarray, complete: bool, confidence: float
) -> tuple[float, float]:
    """Ends of the interval of ``log_sd_ratio``, from curves of shape (seeds, epochs): what the test does not reject.

    Infinite where no ratio is rejected, as with fewer than six pairs; NaN where an arm has no spread.
    """
    level = 1 - confidence
    if len(ours) < 2:
        return np.nan, np.nan
    permuted = Permuted(ours, reference, flips)
    observed = float(permuted.log_ratios()[0])
    if not np.isfinite(observed) or min(resampling.sd(arm).max() for arm in (ours, reference)) == 0:
        return np.nan, np.nan

    def is_rejected(log_ratio: float) -> bool:
        return bool(p_values(permuted.log_ratios(log_ratio), complete) <= level)

    low, high = (_last_kept(is_rejected, observed, direction) for direction in (-1, 1))
    return low, high


def _last_kept(is_rejected: Callable[[float], bool], start: float, direction: int) -> float:
    """The last value from ``start`` in a direction that is not rejected, to ``CLOSE``; infinite if none is found."""
    kept, step = 0.0, STEP
    while not is_rejected(start + direction * step):
        kept, step = step, 2 * step
        if step > FAR:
            return direction * np.inf
    rejected = step
    while rejected - kept > CLOSE:
        middle = (kept + rejected) / 2
        kept, rejected = (kept, middle) if is_rejected(start + direction * middle) else (middle, rejected)
    return start + direction * rejected


def sd_permutation(
    frame: pd.DataFrame,
    baseline: str,
    *,
    resamples: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Permutation test of every variant's mean epochwise SD against the baseline's, for either accuracy.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. All patterns of flips are tried where there are at most
    ``resamples``, else so many drawn from ``rng``, the same for every comparison. Returns one row a comparison:
    ``pairing.NAMES`` and ``COLUMNS``. ``low`` and ``high`` bound ``log_sd_ratio``; see
    ``analysis.statistics.intervals`` for the columns beside them.
    """
    flips, complete = resampling.flips(frame["seed"].nunique(), resamples, rng)

    def measure(ours: np.ndarray, reference: np.ndarray) -> list[dict]:
        tested = permutation_test(ours, reference, flips, complete)
        tested |= {name: float(tested[name]) for name in (QUANTITY, "sd_ratio", "p")}
        ends = inverted(ours, reference, flips, complete, confidence)
        return [{"test": TEST, **tested, **intervals.row(QUANTITY, len(ours), *ends, confidence)}]

    return pairing.compare_curves(frame, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Permutation test of every variant's mean epochwise SD against the baseline's."""
    settings = study_runs.settings
    return sd_permutation(
        study_runs.frame,
        study_runs.baseline,
        resamples=settings["resamples"],
        rng=study_runs.generator(),
        confidence=settings["confidence"],
    )

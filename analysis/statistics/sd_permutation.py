"""Does the spread between runs differ? Whole runs are permuted between two variants, paired by seed.

The valid counterpart of the paper's Wilcoxon test (assumption D4): the epochs of a run move together, so that their
dependence does not matter. A permutation test in the sense of Good (2005), *Permutation, Parametric and Bootstrap Tests
of Hypotheses*, chapter 3; p of a random part of the patterns counts the observed one (Phipson & Smyth 2010).
"""

import numpy as np
import pandas as pd

from analysis.statistics import pairing, resampling
from analysis.statistics.study_runs import StudyRuns

TEST = "permutation of whole runs"
COLUMNS = ["test", "alternative", "method", "patterns", "log_sd_ratio", "sd_ratio", "p", "p_two_sided"]
TIE = 1e-9  # statistics closer than this are equal but for rounding


def log_sd_ratio(ours: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Log of the ratio of mean epochwise SDs, from SDs of shape (..., epochs): shape (...). 0 where neither has any."""
    ours, reference = ours.mean(axis=-1), reference.mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((ours == 0) & (reference == 0), 0.0, np.log(ours) - np.log(reference))


def permutation_test(
    ours: np.ndarray, reference: np.ndarray, flips: np.ndarray, complete: bool, alternative: str = "less"
) -> dict:
    """Test that two variants have the same spread over runs, from curves of shape (seeds, epochs) paired by seed.

    ``flips`` says which pairs change sides in each pattern, and ``complete`` whether these are all patterns, from
    ``analysis.statistics.resampling.flips``. The statistic is ``log_sd_ratio``; each arm is centred at each epoch
    first, so that a difference of location is none of spread. The centre is the median: of pairs of 10 lognormal runs
    with the same spread, a two-sided test at 0.05 around the mean rejects 16 %, around the median 7 %; of 20, 7 and 4
    %. Returns ``COLUMNS`` but ``test``; p is undefined (NaN) for a single pair.
    """
    if len(ours) < 2:
        return _result(np.full(2, np.nan), complete, alternative)
    ours, reference = ours - np.median(ours, axis=0), reference - np.median(reference, axis=0)
    observed = _permuted(ours, reference, np.zeros((1, len(ours))))
    return _result(np.append(observed, _permuted(ours, reference, flips)), complete, alternative)


def _permuted(ours: np.ndarray, reference: np.ndarray, flips: np.ndarray) -> np.ndarray:
    """``log_sd_ratio`` of two centred arms under every pattern of ``flips``, shape (patterns,)."""
    total, square = ours.mean(axis=0) + reference.mean(axis=0), (ours**2 + reference**2).mean(axis=0)
    mean = ours.mean(axis=0) + flips @ (reference - ours) / len(ours)
    our_square = (ours**2).mean(axis=0) + flips @ (reference**2 - ours**2) / len(ours)
    variances = our_square - mean**2, square - our_square - (total - mean) ** 2  # what leaves one arm is in the other
    return log_sd_ratio(*(np.sqrt(np.where(v < resampling.ROUNDING * square, 0, v)) for v in variances))


def _result(statistics: np.ndarray, complete: bool, alternative: str) -> dict:
    """Columns from the observed statistic and those of all patterns behind it."""
    observed, permuted = statistics[0], statistics[1:]
    more = 0 if complete else 1  # the observed pattern is one of a complete set, and counts as one of a random set

    def share(as_extreme: np.ndarray) -> float:
        return np.nan if np.isnan(observed) else (as_extreme.sum() + more) / (len(permuted) + more)

    p = {
        "less": share(permuted <= observed + TIE),
        "greater": share(permuted >= observed - TIE),
        "two-sided": share(abs(permuted) >= abs(observed) - TIE),
    }
    return {
        "alternative": alternative,
        "method": "exact" if complete else "Monte Carlo",
        "patterns": len(permuted),
        "log_sd_ratio": observed,
        "sd_ratio": np.exp(observed),
        "p": p[alternative],
        "p_two_sided": p["two-sided"],
    }


def sd_permutation(
    frame: pd.DataFrame, baseline: str, *, resamples: int, rng: np.random.Generator, alternative: str = "less"
) -> pd.DataFrame:
    """Permutation test of every variant's mean epochwise SD against the baseline's, for either accuracy.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. All patterns of flips are tried where there are at most
    ``resamples``, else so many drawn from ``rng``, the same for every comparison; ``alternative='less'`` asks whether
    the variant's spread is the lower one. Returns one row a comparison: ``pairs.NAMES`` and ``COLUMNS``.
    """
    flips, complete = resampling.flips(frame["seed"].nunique(), resamples, rng)

    def measure(ours: np.ndarray, reference: np.ndarray) -> list[dict]:
        return [{"test": TEST, **permutation_test(ours, reference, flips, complete, alternative)}]

    return pairing.compare_curves(frame, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Permutation test of every variant's mean epochwise SD against the baseline's."""
    settings = study_runs.settings
    return sd_permutation(
        study_runs.frame,
        study_runs.baseline,
        resamples=settings["resamples"],
        rng=study_runs.generator(),
        alternative=settings["alternative"],
    )

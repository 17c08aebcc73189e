"""How small a difference these seeds can show, and how many seeds the difference seen would need.

For the mean difference of accuracy, the power of the paired t test. For the spread, the log ratio of mean epochwise
SDs is treated the same way, with the SD of its jackknife pseudovalues (Efron & Tibshirani 1993, chapter 11) for that of
differences: it holds whatever the correlation of epochs and the tails of accuracies.
"""

import math
from bisect import bisect_left

import numpy as np
import pandas as pd
from scipy import optimize, stats

from analysis.statistics import pairing, resampling
from analysis.statistics.paired_difference import has_spread
from analysis.statistics.run_scores import run_scores
from analysis.statistics.sd_permutation import log_sd_ratio
from analysis.statistics.study_runs import StudyRuns

COLUMNS = ["quantity", "effect", "sd", "detectable", "n_needed", "power", "confidence"]
SMALL = 0.1  # standardised effects below this need some 800 values or more, and Guenther's formula is right to one


def pseudovalue_sd(ours: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Log ratio of mean epochwise SDs of curves of shape (seeds, epochs), and the SD of its jackknife pseudovalues.

    The latter over √n is the jackknife standard error. NaN below three runs, and where a ratio is 0 or infinite.
    """
    observed = log_sd_ratio(*(resampling.sd(arm) for arm in (ours, reference)))
    leaving_one_out = log_sd_ratio(*(resampling.jackknife_sd(arm) for arm in (ours, reference)))
    known = np.isfinite(leaving_one_out).all()
    sd = np.sqrt(len(ours)) * resampling.jackknife_error(leaving_one_out) if known else np.nan
    return float(observed), sd


def t_test_power(effect: float, n: int, confidence: float = 0.95) -> float:
    """Probability that a two-sided t test of ``n`` values finds a mean of ``effect`` SDs: noncentral t.

    By upper tails alone. SciPy 1.17's lower tail is NaN here and there, and so is statsmodels 0.14's ``TTestPower``.
    """
    df = n - 1
    critical, noncentrality = stats.t.isf((1 - confidence) / 2, df), effect * math.sqrt(n)
    return stats.nct.sf(critical, df, noncentrality) + stats.nct.sf(critical, df, -noncentrality)


def detectable_mean(sd: float, n: int, power: float = 0.8, confidence: float = 0.95) -> float:
    """Mean that a two-sided t test of ``n`` values of SD ``sd`` finds with probability ``power``; NaN for one value."""
    if n < 2 or np.isnan(sd):
        return np.nan
    if power <= 1 - confidence:
        return 0.0  # so often it finds one where there is none
    # With (1 + power) / 2 each, the mean is not far below, and the SD not far above, what was drawn from; with both,
    # which has power at the least, t is beyond its critical value.
    df, each = n - 1, (1 + power) / 2
    spread = stats.chi.ppf(each, df) / math.sqrt(df)
    largest = (stats.t.isf((1 - confidence) / 2, df) * spread + stats.norm.ppf(each)) / math.sqrt(n)
    return sd * optimize.brentq(lambda effect: t_test_power(effect, n, confidence) - power, 0, largest)


def values_needed(mean: float, sd: float, power: float = 0.8, confidence: float = 0.95) -> float:
    """Values that a two-sided t test needs to find ``mean`` with probability ``power``: at least 2; infinite for 0."""
    if np.isnan(mean) or np.isnan(sd) or sd == 0:
        return np.nan
    effect = abs(mean) / sd
    if effect < SMALL:  # Guenther 1981, The American Statistician 35: the normal approximation and half of z squared
        z, z_power = stats.norm.isf((1 - confidence) / 2), stats.norm.ppf(power)
        return math.inf if effect == 0 else math.ceil(((z + z_power) / effect) ** 2 + z**2 / 2)
    counts = range(2, 10_000)
    return counts[bisect_left(counts, power, key=lambda n: t_test_power(effect, n, confidence))]


def power(frame: pd.DataFrame, baseline: str, target: float = 0.8, confidence: float = 0.95) -> pd.DataFrame:
    """What ``n`` seeds can show at power ``target``, for every variant against the baseline.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. Returns rows of ``pairing.NAMES`` and ``COLUMNS``:
    ``log_sd_ratio`` of either accuracy and ``mean_difference`` of each score, its ``effect`` as seen and ``sd`` a
    run; the smallest ``detectable`` effect, in the same unit and without sign; and ``n_needed`` seeds for that seen.
    """

    def row(quantity: str, effect: float, sd: float, n: int) -> dict:
        found = {"detectable": detectable_mean(sd, n, target, confidence)}
        needed = {"n_needed": values_needed(effect, sd, target, confidence), "power": target, "confidence": confidence}
        return {"quantity": quantity, "effect": effect, "sd": sd, **found, **needed}

    def of_curves(ours: np.ndarray, reference: np.ndarray) -> list[dict]:
        return [row("log_sd_ratio", *pseudovalue_sd(ours, reference), len(ours))]

    def of_scores(ours: np.ndarray, reference: np.ndarray) -> dict:
        difference = ours - reference
        sd = difference.std(ddof=1) if has_spread(difference) else np.nan
        return row("mean_difference", difference.mean(), sd, len(difference))

    curves = pairing.compare_curves(frame, baseline, of_curves, COLUMNS)
    accuracies = pairing.compare_scores(run_scores(frame), baseline, of_scores, COLUMNS)
    return pd.concat([curves, accuracies], ignore_index=True)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Detectable differences of accuracy and spread, and the seeds that those seen would need."""
    settings = study_runs.settings
    return power(study_runs.frame, study_runs.baseline, settings["power"], settings["confidence"])

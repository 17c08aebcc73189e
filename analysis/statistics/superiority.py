"""Probability of superiority: how likely a run of a variant is more accurate than a run of the baseline, with interval.

The size that a p lacks: P(ours > baseline's) + P(equal) / 2, and the test of Brunner & Munzel (2000), *Biometrical
Journal* 42, that it is one half. The two runs are any two, so that pairing by seed is not used. Where hardly any run of
one side beats one of the other, that test's variance all but vanishes and its p with it (1e-18 from 20 runs); p is
therefore never less than that of Mann & Whitney (1947).
"""

import numpy as np
import pandas as pd
from scipy import special, stats
from statsmodels.stats.nonparametric import rank_compare_2indep

from analysis.statistics import pairing
from analysis.statistics.study_runs import StudyRuns

TEST = "Brunner–Munzel and Mann–Whitney"
COLUMNS = ["test", "alternative", "probability", "low", "high", "method", "confidence", "p"]


def superiority_test(ours: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> dict:
    """Probability of superiority of two samples of shape (n,), its interval, and a two-sided p.

    The interval is Student's on the logit scale: it stays within [0, 1], and held the true value in 95.7 to 98 % of
    simulations of 20 normal runs where the plain one fell to 88 %. Where one sample lies wholly above the other, ranks
    have no variance; the exact binomial interval of ``n`` pairs, all won, stands in. Two equal constants have p 1 and
    any probability as interval; single runs have neither (NaN).
    """
    if min(len(ours), len(reference)) < 2:
        probability = float(np.mean((np.sign(ours[:, np.newaxis] - reference) + 1) / 2))
        return _result(probability, np.nan, np.nan, "undefined", confidence, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        compared = rank_compare_2indep(ours, reference)
    probability, p = float(compared.prob1), float(stats.mannwhitneyu(ours, reference).pvalue)
    if probability in (0, 1):
        n = min(len(ours), len(reference))
        ends = stats.binomtest(round(probability * n), n).proportion_ci(confidence, method="exact")
        return _result(probability, ends.low, ends.high, "exact binomial of pairs", confidence, p)
    if compared.var_prob == 0:
        return _result(probability, 0.0, 1.0, "undefined", confidence, p)
    error = np.sqrt(compared.var_prob) / (probability * (1 - probability))  # of the logit, by the delta method
    half = stats.t.isf((1 - confidence) / 2, compared.df) * error
    low, high = special.expit(special.logit(probability) + np.array([-half, half]))
    return _result(probability, low, high, "logit, Student t", confidence, max(p, float(compared.pvalue)))


def _result(probability: float, low: float, high: float, method: str, confidence: float, p: float) -> dict:
    interval = {"probability": probability, "low": low, "high": high, "method": method, "confidence": confidence}
    return {"test": TEST, "alternative": "two-sided", **interval, "p": p}


def superiority(scores: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Probability that a variant's run beats the baseline's, for every variant and score.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairs.NAMES`` and
    ``COLUMNS``.
    """
    return pairing.compare_scores(
        scores, baseline, lambda ours, reference: superiority_test(ours, reference, confidence), COLUMNS
    )


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Probability that a run of a variant is more accurate than one of the baseline."""
    return superiority(study_runs["run_scores"], study_runs.baseline, study_runs.settings["confidence"])

"""Wilcoxon signed-rank test on epochwise SDs, paired by epoch: the p of section 4.3 and Table A6 (assumption D4, U8).

The paper's 4.76e-4 is the exact one-sided p of W = 78 over 30 epochs. The epochs of the same runs are not independent
pairs, so this p is optimistic; it is reproduced here, under its name, because only so can the number be checked.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import stats

from analysis.statistics import named_tests, pairing, resampling
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.WILCOXON
COLUMNS = ["test", "alternative", "method", "pairs", "zeros", "ties", "w", "p", "p_two_sided"]


def signed_rank(difference: np.ndarray, alternative: str = "less") -> dict:
    """Exact signed-rank test that the paired differences, shape (pairs,), are centred on zero (Wilcoxon 1945).

    Zeros are dropped and equal sizes share their mean rank; p is exact in either case, from the distribution of the
    rank sum over all sign patterns. Returns ``w`` (the rank sum of the positive differences), ``p``, ``p_two_sided``,
    and the numbers of ``pairs``, ``zeros`` and ``ties``. With no difference left, p is 1; with one unknown, as SDs of a
    single run are, NaN.
    """
    difference = np.asarray(difference, dtype=float)
    names = {"alternative": alternative, "method": "exact", "pairs": len(difference)}
    if np.isnan(difference).any():
        return {**names, **dict.fromkeys(["zeros", "ties", "w", "p", "p_two_sided"], np.nan)}
    nonzero = difference[difference != 0]
    doubled = np.rint(2 * stats.rankdata(abs(nonzero))).astype(int)  # mean ranks are halves at the finest
    w = int(doubled[nonzero > 0].sum())
    distribution = rank_sum_distribution(tuple(np.sort(doubled)))
    below, above = distribution[: w + 1].sum(), distribution[w:].sum()
    two_sided = min(1.0, 2 * min(below, above))
    return {
        **names,
        "zeros": len(difference) - len(nonzero),
        "ties": len(nonzero) - len(np.unique(abs(nonzero))),
        "w": w / 2,
        "p": {"less": below, "greater": above, "two-sided": two_sided}[alternative],
        "p_two_sided": two_sided,
    }


def p_values(differences: np.ndarray, alternative: str = "less") -> np.ndarray:
    """p of ``signed_rank`` of many samples, shape (samples, pairs): shape (samples,)."""
    ranks = stats.rankdata(abs(differences), axis=-1)
    pairs = differences.shape[-1]
    plain = (np.sort(ranks) == np.arange(1, pairs + 1)).all(axis=-1) & (differences != 0).all(axis=-1)
    below = rank_sum_distribution(tuple(range(2, 2 * pairs + 1, 2))).cumsum()  # of ranks doubled, as in signed_rank
    w = 2 * np.where(differences > 0, ranks, 0).sum(axis=-1).astype(int)
    less, greater = below[w], 1 - np.where(w > 0, below[w - 1], 0)
    found = {"less": less, "greater": greater, "two-sided": np.minimum(1, 2 * np.minimum(less, greater))}[alternative]
    for odd in np.flatnonzero(~plain):
        found[odd] = signed_rank(differences[odd], alternative)["p"]
    return found


@lru_cache(maxsize=4)  # without ties the ranks are the same in every test of as many pairs
def rank_sum_distribution(ranks: tuple[int, ...]) -> np.ndarray:
    """Probability of every sum of the whole-numbered ``ranks`` when each is in it or not by the toss of a coin.

    Returns an array of shape ``(sum(ranks) + 1,)``.
    """
    distribution = np.zeros(sum(ranks) + 1)
    distribution[0] = 1.0
    for rank in ranks:
        with_rank = np.zeros_like(distribution)
        with_rank[rank:] = distribution[: len(distribution) - rank]
        distribution = (distribution + with_rank) / 2
    return distribution


def wilcoxon(sd: pd.DataFrame, baseline: str, alternative: str = "less") -> pd.DataFrame:
    """Test SD(variant) - SD(baseline) over epochs, for every variant and metric.

    ``sd`` is the result of ``epochwise_sd``; ``alternative='less'`` asks whether the variant's SD is the lower one. SDs
    that are equal but for rounding are zeros.
    Returns one row a comparison with the columns of ``signed_rank`` and ``n`` runs on either side.
    """

    def measure(paired: pd.DataFrame) -> dict:
        difference = resampling.difference(paired["sd_variant"], paired["sd_baseline"])
        return {"test": TEST, **signed_rank(difference, alternative)}

    return pairing.compare_sd(sd, baseline, measure, COLUMNS)


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Wilcoxon signed-rank test of every variant's epochwise SD against the baseline's."""
    return wilcoxon(study_runs["epochwise_sd"], study_runs.baseline, study_runs.settings["alternative"])

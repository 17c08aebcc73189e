"""Probability of superiority: how likely a run of a variant is more accurate than a run of the baseline, with interval.

The size that a p lacks: P(ours > baseline's) + P(equal) / 2 for any two runs. Its error is that of runs paired by
seed: each seed's placements, how our run ranks among the baseline's and the baseline's among ours, are one number
(Konietschke & Pauly 2012, *Electronic Journal of Statistics* 6). Student's t on the logit scale keeps the interval
within [0, 1].
"""

import numpy as np
import pandas as pd
from scipy import special, stats

from analysis.statistics import intervals, named_tests, pairing, resampling
from analysis.statistics.study_runs import StudyRuns

TEST = named_tests.SUPERIORITY
QUANTITY = "probability"
COLUMNS = ["test", "alternative", "probability", *intervals.COLUMNS, "p"]


def rank_effect(ours: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> dict[str, np.ndarray]:
    """``probability`` of superiority of samples of shape (..., n) paired by seed, ``low``, ``high`` and two-sided p.

    Each of shape (...). Where one sample lies wholly above the other, placements do not vary; the exact binomial
    interval of n pairs, all won, and the sign test stand in. Where they do not vary otherwise, as of equal samples, p
    is 1 and any probability is possible. Single runs have neither (NaN).
    """
    n = ours.shape[-1]
    won = (np.sign(resampling.difference(ours[..., :, np.newaxis], reference[..., np.newaxis, :])) + 1) / 2
    probability = won.mean(axis=(-2, -1))
    if n < 2:
        return {
            "probability": probability,
            **{name: np.full_like(probability, np.nan) for name in ("low", "high", "p")},
        }
    placements = won.mean(axis=-1) + won.mean(axis=-2)  # of seed i: ours among theirs, and how often theirs is beaten
    error = placements.std(axis=-1, ddof=1) / np.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_logit = error / (probability * (1 - probability))  # by the delta method
        t = special.logit(probability) / of_logit
    half = stats.t.isf((1 - confidence) / 2, n - 1) * of_logit
    apart, varies = (probability == 0) | (probability == 1), error > resampling.ROUNDING
    exact = ((1 - confidence) / 2) ** (1 / n)
    ends = [
        np.select([apart, varies], [np.where(probability == 1, end, 1 - other), special.expit(bound)], default=open_end)
        for end, other, bound, open_end in (
            (exact, 1.0, special.logit(probability) - half, 0.0),
            (1.0, exact, special.logit(probability) + half, 1.0),
        )
    ]
    p = np.select([apart, varies], [np.full_like(probability, 2.0 ** (1 - n)), 2 * stats.t.sf(abs(t), n - 1)], 1.0)
    return {"probability": probability, "low": ends[0], "high": ends[1], "p": p}


def superiority_test(ours: np.ndarray, reference: np.ndarray, confidence: float = 0.95) -> dict:
    """``COLUMNS`` of two samples of shape (n,), paired by seed; see ``rank_effect``."""
    found = {name: float(value) for name, value in rank_effect(ours, reference, confidence).items()}
    ends = intervals.row(QUANTITY, len(ours), found["low"], found["high"], confidence)
    names = {"test": TEST, "alternative": "two-sided", "probability": found["probability"]}
    return {**names, **ends, "p": found["p"]}


def superiority(scores: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Probability that a variant's run beats the baseline's, for every variant and score.

    ``scores`` is the result of ``analysis.statistics.run_scores``. Returns one row a comparison: ``pairing.NAMES`` and
    ``COLUMNS``.
    """
    return pairing.compare_scores(
        scores, baseline, lambda ours, reference: superiority_test(ours, reference, confidence), COLUMNS
    )


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Probability that a run of a variant is more accurate than one of the baseline."""
    return superiority(study_runs["run_scores"], study_runs.baseline, study_runs.settings["confidence"])

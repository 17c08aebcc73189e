"""What each test of a study decides about two arms, as a yes or no at one level: for counting how often it errs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.statistics import (
    brown_forsythe,
    equivalence,
    paired_difference,
    resampling,
    sd_permutation,
    superiority,
    wilcoxon,
    wilson,
)

# Takes two arms, of shape (splits, n) or (splits, n, epochs), and returns which splits are rejected, shape (splits,).
Rejects = Callable[[np.ndarray, np.ndarray], np.ndarray]
WILSON = "Wilson interval over epochs"


class Settings(NamedTuple):
    """Parameters of the tests, as a study's schema describes them. The level is 1 - confidence."""

    alternative: str  # of the Wilcoxon test
    confidence: float
    margin: float


def of_curves(n: int, resamples: int, settings: Settings, rng: np.random.Generator) -> dict[str, Rejects]:
    """Tests of the spread of two arms of ``n`` runs, by name.

    Besides the tests with a p there is Wilson's interval of the share of epochs with lower SD, which rejects where it
    leaves out one half.
    """
    level = 1 - settings.confidence
    flips, complete = resampling.flips(n, resamples, rng)

    def signed_rank(ours: np.ndarray, other: np.ndarray) -> np.ndarray:
        differences = resampling.difference(resampling.sd(ours), resampling.sd(other))
        return wilcoxon.p_values(differences, settings.alternative) <= level

    def share(ours: np.ndarray, other: np.ndarray) -> np.ndarray:
        lower = wilson.lower(resampling.sd(ours), resampling.sd(other))
        low, high = wilson.wilson_interval(lower, ours.shape[-1], settings.confidence)
        return (low > 0.5) | (high < 0.5)

    def permutation(ours: np.ndarray, other: np.ndarray) -> np.ndarray:
        return sd_permutation.permutation_test(ours, other, flips, complete)["p"] <= level

    return {wilcoxon.TEST: signed_rank, WILSON: share, sd_permutation.TEST: permutation}


def of_scores(settings: Settings) -> dict[str, Rejects]:
    """Tests of one accuracy a run, by name.

    The null hypothesis of the equivalence test is a difference of the margin, so that one arm is shifted by that much.
    """
    level, margin = 1 - settings.confidence, settings.margin
    return {
        brown_forsythe.TEST: lambda ours, other: brown_forsythe.brown_forsythe_test(ours, other)["p"] <= level,
        superiority.TEST: lambda ours, other: superiority.rank_effect(ours, other)["p"] <= level,
        equivalence.TEST: lambda ours, other: equivalence.equivalence_test(ours + margin, other, margin)["p"] <= level,
        **of_epochs(settings),
    }


def of_epochs(settings: Settings) -> dict[str, Rejects]:
    """The test of epochs to an accuracy, by name."""
    level = 1 - settings.confidence
    return {paired_difference.TEST: lambda ours, other: paired_difference.student(ours - other)["p"] <= level}

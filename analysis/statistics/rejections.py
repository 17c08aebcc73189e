"""What each test of a study decides about two arms, as a yes or no at one level: for counting how often it errs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.statistics import (
    brown_forsythe,
    equivalence,
    paired_difference,
    resampling,
    run_bootstrap,
    sd_permutation,
    superiority,
    wilcoxon,
    wilson,
)

Rejects = Callable[[np.ndarray, np.ndarray], bool]


class Settings(NamedTuple):
    """Parameters of the tests, as a study's schema describes them. The level is 1 - confidence."""

    alternative: str
    confidence: float
    margin: float


def of_curves(n: int, resamples: int, settings: Settings, rng: np.random.Generator) -> dict[str, Rejects]:
    """Tests of the spread of two arms of ``n`` runs, by name: each takes two arrays of shape (n, epochs).

    Besides the tests with a p these are intervals: Wilson's of the share of epochs with lower SD, which rejects where
    it leaves out one half, and two of the log SD ratio, which do where they leave out 0.
    """
    level = 1 - settings.confidence
    flips, complete = resampling.flips(n, resamples, rng)
    weights = resampling.bootstrap_weights(n, resamples, rng)

    def signed_rank(ours: np.ndarray, other: np.ndarray) -> bool:
        difference = resampling.sd(ours) - resampling.sd(other)
        return wilcoxon.signed_rank(difference, settings.alternative)["p"] <= level

    def share(ours: np.ndarray, other: np.ndarray) -> bool:
        lower = int((resampling.sd(ours) < resampling.sd(other)).sum())
        low, high = wilson.wilson_interval(lower, ours.shape[1], settings.confidence)
        return not low <= 0.5 <= high

    def permutation(ours: np.ndarray, other: np.ndarray) -> bool:
        return sd_permutation.permutation_test(ours, other, flips, complete, settings.alternative)["p"] <= level

    def bootstrap(ours: np.ndarray, other: np.ndarray) -> bool:
        return _leaves_out_zero(run_bootstrap.spread_intervals(ours, other, weights, settings.confidence)[0])

    def jackknife(ours: np.ndarray, other: np.ndarray) -> bool:
        ratio = sd_permutation.log_sd_ratio(resampling.sd(ours), resampling.sd(other))
        leaving_one_out = sd_permutation.log_sd_ratio(resampling.jackknife_sd(ours), resampling.jackknife_sd(other))
        return _leaves_out_zero(resampling.jackknife_interval(float(ratio), leaving_one_out, settings.confidence))

    return {
        wilcoxon.TEST: signed_rank,
        "Wilson interval over epochs": share,
        sd_permutation.TEST: permutation,
        "bootstrap interval of the log SD ratio": bootstrap,
        "jackknife interval of the log SD ratio": jackknife,
    }


def of_scores(settings: Settings) -> dict[str, Rejects]:
    """Tests of one accuracy a run, by name: each takes two arrays of shape (n,).

    The null hypothesis of the equivalence test is a difference of the margin, so that one arm is shifted by that much.
    """
    level, margin = 1 - settings.confidence, settings.margin
    return {
        brown_forsythe.TEST: lambda ours, other: brown_forsythe.brown_forsythe_test(ours, other)["p"] <= level,
        superiority.TEST: lambda ours, other: superiority.superiority_test(ours, other)["p"] <= level,
        equivalence.TEST: lambda ours, other: equivalence.equivalence_test(ours + margin, other, margin)["p"] <= level,
        **of_epochs(settings),
    }


def of_epochs(settings: Settings) -> dict[str, Rejects]:
    """The test of epochs to an accuracy, by name: it takes two arrays of shape (n,)."""
    level = 1 - settings.confidence
    return {paired_difference.TEST: lambda ours, other: paired_difference.paired_test(ours, other)["p"] <= level}


def _leaves_out_zero(interval: dict) -> bool:
    return interval["low"] > 0 or interval["high"] < 0

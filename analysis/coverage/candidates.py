"""Every interval that was tried, by quantity: in which of many samples does it miss the truth?

A function takes samples of two arms and returns, by procedure, which samples miss, shape (samples,). The truth is that
the arms do not differ. An interval that is undefined misses nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from analysis.coverage import bootstrap, processes
from analysis.statistics import (
    churn,
    paired_difference,
    resampling,
    sd_permutation,
    simultaneous_band,
    superiority,
    wilson,
)
from analysis.statistics.intervals import CONFIDENCE
from analysis.statistics.sd_permutation import log_sd_ratio

TAIL = (1 - CONFIDENCE) / 2
RESAMPLES = 999
JACKKNIFE, BCA, STUDENTISED = "jackknife, Student t", "BCa bootstrap", "studentised bootstrap"
STUDENT, F_INTERVAL = "Student t", "F distribution of one SD"


class Sample(NamedTuple):
    """Two arms, shape (samples, n, epochs); what they are drawn from; and what resampling takes from chance."""

    ours: np.ndarray
    reference: np.ndarray
    truth: processes.Truth
    drawn: np.ndarray  # of the bootstrap, shape (RESAMPLES, n)
    flips: tuple[np.ndarray, bool]
    rng: np.random.Generator

    @property
    def n(self) -> int:
        return self.ours.shape[-2]

    @property
    def arms(self) -> tuple[np.ndarray, np.ndarray]:
        return self.ours, self.reference

    @property
    def last(self) -> tuple[np.ndarray, np.ndarray]:
        """One number a run: that of the last epoch."""
        return self.ours[..., -1], self.reference[..., -1]

    @property
    def sds(self) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Epochwise SDs of either arm: of its runs, without each of them, and resampled."""
        return (
            [resampling.sd(arm) for arm in self.arms],
            [resampling.jackknife_sd(arm) for arm in self.arms],
            [bootstrap.moments(self.drawn, arm)[1] for arm in self.arms],
        )


def of_log_sd_ratio(sample: Sample) -> dict[str, np.ndarray]:
    """Of the log ratio of mean epochwise SDs; the permutation's interval misses where its test rejects the truth."""
    flips, complete = sample.flips
    sds = [resampling.sd(arm) for arm in sample.arms]
    leaving_out = log_sd_ratio(*(resampling.jackknife_sd(arm) for arm in sample.arms))
    observed, resampled = log_sd_ratio(*sds), bootstrap.log_sd_ratio_errors(sample.drawn, *sample.arms)
    p = sd_permutation.permutation_test(*sample.arms, flips, complete)["p"]
    one = np.ones((1, sample.n))
    error = bootstrap.log_sd_ratio_errors(one, *sample.arms)[1][..., 0]
    half = np.log(stats.f.isf(TAIL, sample.n - 1, sample.n - 1)) / 2
    return {
        "permutation of whole runs, inverted": p <= 1 - CONFIDENCE,
        JACKKNIFE: _jackknife(observed, leaving_out, 0.0),
        BCA: _outside(0.0, *bootstrap.bca(observed, resampled[0], leaving_out)),
        STUDENTISED: _outside(0.0, *bootstrap.studentised(observed, error, *resampled)),
        F_INTERVAL: abs(observed) > half,
    }


def of_auc_sd_difference(sample: Sample) -> dict[str, np.ndarray]:
    """Of the difference of AUC_SD."""
    observed, leaving_out, resampled = (np.subtract(*sides).sum(axis=-1) for sides in sample.sds)
    return {
        JACKKNIFE: _jackknife(observed, leaving_out, 0.0),
        BCA: _outside(0.0, *bootstrap.bca(observed, resampled, leaving_out)),
    }


def of_share_lower_sd(sample: Sample) -> dict[str, np.ndarray]:
    """Of the share of epochs with lower SD, which is one half."""
    observed, leaving_out, resampled = (wilson.lower(*sides) / processes.EPOCHS for sides in sample.sds)
    return {
        "Wilson": _outside(0.5, *wilson.wilson_interval(observed * processes.EPOCHS, processes.EPOCHS)),
        BCA: _outside(0.5, *bootstrap.bca(observed, resampled, leaving_out)),
    }


def of_mean(sample: Sample) -> dict[str, np.ndarray]:
    """Of the mean of one arm."""
    return _of_mean(sample.last[0], sample, sample.truth.mean[-1], STUDENT)


def of_mean_difference(sample: Sample) -> dict[str, np.ndarray]:
    """Of the mean difference of one number a run, paired by seed."""
    return _of_mean(np.subtract(*sample.last), sample, 0.0, f"paired {STUDENT}")


def _of_mean(values: np.ndarray, sample: Sample, truth: float, name: str) -> dict[str, np.ndarray]:
    found, mean = paired_difference.student(values, CONFIDENCE), values.mean(axis=-1)
    means, sds = (each[..., 0] for each in bootstrap.moments(sample.drawn, values[..., np.newaxis]))
    means = means + mean[..., np.newaxis]
    leaving_out = (values.sum(axis=-1, keepdims=True) - values) / (sample.n - 1)
    root = np.sqrt(sample.n)
    return {
        name: _outside(truth, found["low"], found["high"]),
        BCA: _outside(truth, *bootstrap.bca(mean, means, leaving_out)),
        STUDENTISED: _outside(
            truth, *bootstrap.studentised(mean, values.std(axis=-1, ddof=1) / root, means, sds / root)
        ),
    }


def of_probability(sample: Sample) -> dict[str, np.ndarray]:
    """Of the probability of superiority, which is one half."""
    ours, theirs = sample.last
    found = superiority.rank_effect(ours, theirs, CONFIDENCE)
    won = ours[..., :, np.newaxis] > theirs[..., np.newaxis, :]
    parts = [won.mean(axis=axis).var(axis=-1, ddof=1) / sample.n for axis in (-1, -2)]
    probability, error = found["probability"], np.sqrt(sum(parts))
    df = (sample.n - 1) * sum(parts) ** 2 / sum(part**2 for part in parts)
    t = abs(special.logit(probability)) * probability * (1 - probability) / error
    unpaired = np.where(error > 0, t > stats.t.isf(TAIL, df), TAIL ** (1 / sample.n) > 0.5)
    return {
        "placements, paired Student t of the logit": _outside(0.5, found["low"], found["high"]),
        "Brunner–Munzel, unpaired, of the logit": unpaired,
    }


def of_mean_band(sample: Sample) -> dict[str, np.ndarray]:
    """Of the mean curve of one arm, at all epochs at once."""
    return _of_band(sample, sample.ours, sample.truth.mean)


def of_difference_band(sample: Sample) -> dict[str, np.ndarray]:
    """Of the difference of two mean curves, paired by seed, at all epochs at once."""
    return _of_band(sample, np.subtract(*sample.arms), np.zeros(processes.EPOCHS))


def _of_band(sample: Sample, curves: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    ends = simultaneous_band.band(curves, np.zeros_like(curves), CONFIDENCE)
    deviations = bootstrap.largest_deviation(sample.drawn, curves)
    critical = np.quantile(deviations, CONFIDENCE, axis=-1, method="nearest")
    half = critical[..., np.newaxis] * resampling.sd(curves) / np.sqrt(sample.n)
    return {
        f"Bonferroni, {STUDENT}": _outside(truth, *ends).any(axis=-1),
        "max-T bootstrap": (abs(curves.mean(axis=-2) - truth) > half).any(axis=-1),
    }


def of_variance(sample: Sample) -> dict[str, np.ndarray]:
    """Of the variance of one number a run."""
    return {JACKKNIFE: _of_variances(*sample.last)[0](np.log(sample.truth.variance))}


def of_variance_ratio(sample: Sample) -> dict[str, np.ndarray]:
    """Of the ratio of two such variances, paired by seed."""
    return {JACKKNIFE: _of_variances(*sample.last)[1](0.0)}


def _of_variances(ours: np.ndarray, theirs: np.ndarray) -> tuple[Callable[[float], np.ndarray], ...]:
    sides = [values[..., np.newaxis] for values in (ours, theirs)]
    logs = [2 * np.log(resampling.sd(side)[..., 0]) for side in sides]
    without = [2 * np.log(resampling.jackknife_sd(side)[..., 0]) for side in sides]
    return (
        lambda truth: _jackknife(logs[0], without[0], truth),
        lambda truth: _jackknife(logs[0] - logs[1], without[0] - without[1], truth),
    )


def of_churn_excess(sample: Sample) -> dict[str, np.ndarray]:
    """Of how much more runs of two arms disagree on images than runs of one, which is 0."""
    rng, missed = sample.rng, []
    for ours, theirs in zip(*sample.last, strict=True):
        difficulty = 1.2 + 1.2 * rng.standard_normal((1, processes.IMAGES), dtype=np.float32)
        side, other = (processes.hits(scores, difficulty, rng) for scores in (ours, theirs))
        missed.append(_outside(0.0, *churn.excess_interval(side, other, CONFIDENCE)))
    return {JACKKNIFE: np.array(missed)}


QUANTITIES: dict[str, Callable[[Sample], dict[str, np.ndarray]]] = {
    function.__name__.removeprefix("of_"): function
    for function in (
        *(of_log_sd_ratio, of_auc_sd_difference, of_share_lower_sd, of_mean, of_mean_difference, of_probability),
        *(of_mean_band, of_difference_band, of_variance, of_variance_ratio, of_churn_excess),
    )
}


def _jackknife(observed: np.ndarray, leaving_out: np.ndarray, truth: float) -> np.ndarray:
    """Whether Student's interval with the jackknife's standard error misses the truth."""
    half = stats.t.isf(TAIL, leaving_out.shape[-1] - 1) * resampling.jackknife_error(leaving_out)
    return _outside(truth, observed - half, observed + half)


def _outside(truth: float | np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    return np.asarray((low > truth) | (high < truth))

"""How much runs differ in themselves, and how much because the validation images are a finite sample.

A run's accuracy on n images is the mean of its hits. Its variance over runs has two parts: that of the accuracy on the
distribution that the images come from, and what these very images add. K. Jordan, *Calibrated chaos: variance between
runs of neural network training is harmless and inevitable* (2023), gives the unbiased estimate of the first one.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from analysis.metrics.hits import Hits
from analysis.statistics import resampling
from analysis.statistics.study_runs import StudyRuns

MEAN, EPOCH = "mean", "epoch"
QUANTITIES = ["variance", "variance_of_images", "distributionwise", "low", "high"]
COLUMNS = [
    *("study", "variant", "baseline", "score", "epoch"),
    *QUANTITIES,
    *("ratio", "ratio_low", "ratio_high", "n", "images"),
]


class Parts(NamedTuple):
    """Variance over runs, ``total``, and the part ``of_images``; without each of the n runs, arrays of shape (n,)."""

    total: float
    of_images: float
    totals: np.ndarray
    of_images_without: np.ndarray
    seeds: list[int]

    @property
    def distributionwise(self) -> float:
        return self.total - self.of_images

    @property
    def without(self) -> np.ndarray:
        """``distributionwise`` without each of the runs."""
        return self.totals - self.of_images_without


def parts(found: np.ndarray, seeds: list[int]) -> Parts:
    """The parts of the variance between runs whose hits are ``found``, boolean of shape (runs, images).

    The distribution-wise variance is m / (m - 1) (S² - Σ s² / m²): S² is the variance of accuracies, s² that of the
    hits of one image, both unbiased, and m the number of images. It can be negative. NaN for fewer than two runs.
    """
    n, m = found.shape
    if n < 2:
        return Parts(np.nan, np.nan, np.full(n, np.nan), np.full(n, np.nan), seeds)
    accuracies, right = found.mean(axis=1)[:, np.newaxis], found.sum(axis=0).astype(float)
    total = float(resampling.sd(accuracies)[0] ** 2)
    of_image = (right * (n - right)).sum() / (n * (n - 1)) / m**2
    totals = resampling.jackknife_sd(accuracies)[:, 0] ** 2
    # Without run i an image has right - hit of n - 1; the sum over images is linear in the hits of run i.
    sums = (right * (n - 1 - right)).sum() + found @ (2 * right - n)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_image_without = sums / ((n - 1) * (n - 2)) / m**2
    own = [whole - m / (m - 1) * (whole - image) for whole, image in ((total, of_image), (totals, of_image_without))]
    return Parts(total, own[0], totals, own[1], seeds)


def interval(part: Parts, confidence: float) -> tuple[float, float]:
    """Bounds of the distribution-wise variance: those of the total less the share of the images, which is known well.

    The total's are of Student's t on its logarithm, with the jackknife's standard error; NaN for fewer than three runs
    and where they do not differ.
    """
    factor = _factor(np.log(part.totals) if (part.totals > 0).all() else np.array([np.nan]), confidence)
    return part.total / factor - part.of_images, part.total * factor - part.of_images


def ratio(ours: Parts, reference: Parts, confidence: float) -> tuple[float, float, float]:
    """Ratio of the distribution-wise variances of runs that are paired by seed, and its bounds.

    NaN where either estimate is not positive; the bounds also where it is not so without one of the runs.
    """
    if not (ours.distributionwise > 0 and reference.distributionwise > 0):
        return np.nan, np.nan, np.nan
    estimate = ours.distributionwise / reference.distributionwise
    if ours.seeds != reference.seeds or not (np.minimum(ours.without, reference.without) > 0).all():
        return estimate, np.nan, np.nan
    factor = _factor(np.log(ours.without / reference.without), confidence)
    return estimate, estimate / factor, estimate * factor


def _factor(logarithms: np.ndarray, confidence: float) -> float:
    n = len(logarithms)
    if n < 3 or not np.isfinite(logarithms).all():
        return np.nan
    return float(np.exp(stats.t.isf((1 - confidence) / 2, n - 1) * resampling.jackknife_error(logarithms)))


def of_variant(found: Hits) -> dict[tuple[str, int | None], Parts]:
    """The parts at every score and epoch, and the mean over epochs where all runs kept more than one."""
    result: dict[tuple[str, int | None], Parts] = {
        (score, None): parts(each, found.seeds) for score, each in found.scores.items()
    }
    by_epoch = [parts(each, found.seeds) for each in found.epochs.values()]
    if len(by_epoch) > len(found.scores):
        result[MEAN, None] = _mean(by_epoch)
        result |= {(EPOCH, epoch): part for epoch, part in zip(found.epochs, by_epoch, strict=True)}
    return result


def _mean(every: list[Parts]) -> Parts:
    """The mean of parts of the variance of the same runs."""
    return Parts(
        total=np.mean([part.total for part in every], axis=0),
        of_images=np.mean([part.of_images for part in every], axis=0),
        totals=np.mean([part.totals for part in every], axis=0),
        of_images_without=np.mean([part.of_images_without for part in every], axis=0),
        seeds=every[0].seeds,
    )


def distributionwise_variance(variants: Iterable[Hits], baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """One row a variant and score, or epoch: ``QUANTITIES``, in fractions squared, and the ratio to the baseline's.

    ``variance`` is that of accuracies over ``n`` runs, ``variance_of_images`` what the finite number of ``images`` adds
    to it, ``distributionwise`` the rest, with bounds ``low`` and ``high``. ``score`` is one of
    ``nist.correctness.SCORES``; ``mean``, the mean over epochs; or ``epoch``. Variants whose runs did not keep their
    images have no row; without the baseline's there is no ratio.
    """
    found = {each.variant: (each.study, len(each.scores["last"][0]), of_variant(each)) for each in variants}
    reference = found.get(baseline, (None, None, {}))[2]
    rows = []
    for variant, (study, images, by_score) in found.items():
        for (score, epoch), part in by_score.items():
            own = part.total, part.of_images, part.distributionwise, *interval(part, confidence)
            other = reference.get((score, epoch))
            beside = (np.nan,) * 3 if variant == baseline or other is None else ratio(part, other, confidence)
            values = study, variant, baseline, score, epoch, *own, *beside, len(part.seeds), images
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"epoch": "Int64"})


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Variance between runs, and how much of it the finite number of validation images makes."""
    return distributionwise_variance(study_runs.hits(), study_runs.baseline, study_runs.settings["confidence"])

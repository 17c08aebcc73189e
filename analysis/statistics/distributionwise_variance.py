"""How much runs differ in themselves, and how much because the validation images are a finite sample.

A run's accuracy on n images is the mean of its hits. Its variance over runs has two parts: that of the accuracy on the
distribution that the images come from, and what these very images add. K. Jordan, *Calibrated chaos: variance between
runs of neural network training is harmless and inevitable* (2023), gives the unbiased estimate of the first one.

No interval of either variance is printed: of runs with long tails each that was tried misses the truth far too often
(``analysis.coverage``). Whether the spread differs, ``analysis.statistics.sd_permutation`` says.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.metrics.hits import Hits
from analysis.statistics import resampling
from analysis.statistics.study_runs import StudyRuns

MEAN, EPOCH = "mean", "epoch"
QUANTITIES = ["variance", "variance_of_images", "distributionwise"]
COLUMNS = ["study", "variant", "score", "epoch", *QUANTITIES, "n", "images"]


class Parts(NamedTuple):
    """Variance over runs, ``total``, and the part ``of_images``."""

    total: float
    of_images: float

    @property
    def distributionwise(self) -> float:
        return self.total - self.of_images


def parts(found: np.ndarray) -> Parts:
    """The parts of the variance between runs whose hits are ``found``, boolean of shape (runs, images).

    The distribution-wise variance is m / (m - 1) (S² - Σ s² / m²): S² is the variance of accuracies, s² that of the
    hits of one image, both unbiased, and m the number of images. It can be negative. NaN for fewer than two runs.
    """
    n, m = found.shape
    if n < 2:
        return Parts(np.nan, np.nan)
    right = found.sum(axis=0).astype(float)
    total = float(resampling.sd(found.mean(axis=1)[:, np.newaxis])[0] ** 2)
    of_image = (right * (n - right)).sum() / (n * (n - 1)) / m**2
    return Parts(total, total - m / (m - 1) * (total - of_image))


def of_variant(found: Hits) -> dict[tuple[str, int | None], Parts]:
    """The parts at every score and epoch, and the mean over epochs where all runs kept more than one."""
    result: dict[tuple[str, int | None], Parts] = {(score, None): parts(each) for score, each in found.scores.items()}
    by_epoch = [parts(each) for each in found.epochs.values()]
    if len(by_epoch) > len(found.scores):
        result[MEAN, None] = Parts(*(float(each) for each in np.mean(by_epoch, axis=0)))
        result |= {(EPOCH, epoch): part for epoch, part in zip(found.epochs, by_epoch, strict=True)}
    return result


def distributionwise_variance(variants: Iterable[Hits]) -> pd.DataFrame:
    """One row a variant and score, or epoch: ``QUANTITIES``, in fractions squared.

    ``variance`` is that of accuracies over ``n`` runs, ``variance_of_images`` what the finite number of ``images`` adds
    to it, ``distributionwise`` the rest. ``score`` is one of ``nist.correctness.SCORES``; ``mean``, the mean over
    epochs; or ``epoch``. Variants whose runs did not keep their images have no row.
    """
    rows = [
        (each.study, each.variant, score, epoch, *part, part.distributionwise, *each.scores["last"].shape)
        for each in variants
        for (score, epoch), part in of_variant(each).items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"epoch": "Int64"})


def sd_ratio(variances: pd.DataFrame, over: str, under: str) -> float:
    """Mean epochwise SD of the variant ``over``, divided by that of ``under``, without what finite images add.

    ``variances`` is the result of ``distributionwise_variance`` for one study. An estimate below 0 counts as 0. NaN
    where a variant has no row or no spread.
    """
    by_epoch = variances[variances["score"] == EPOCH]
    spread = np.sqrt(by_epoch["distributionwise"].clip(lower=0)).groupby(by_epoch["variant"]).mean()
    ends = [spread.get(name, np.nan) for name in (over, under)]
    return float(ends[0] / ends[1]) if min(ends) > 0 else np.nan


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """Variance between runs, and how much of it the finite number of validation images makes."""
    return distributionwise_variance(study_runs.hits())

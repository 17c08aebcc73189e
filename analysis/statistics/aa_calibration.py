"""A/A calibration: how often does each test find a difference between two halves of the same variant's runs?

The runs of each variant with ten or more are split at random into two halves, which differ by chance alone, and every
test of the study is run on them, many times over. A sound test at level 0.05 errs in 5 % of the splits; one that takes
correlated epochs for independent pairs errs more often, and its p is to be read accordingly. A rate is that of half the
number of runs, and its interval covers the randomness of the splits alone: on other runs a test can be off by more.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from analysis.metrics import runs
from analysis.statistics import pairing, rejections
from analysis.statistics.epochs_to_accuracy import METRIC, first_epochs, target_accuracy
from analysis.statistics.run_scores import run_scores
from analysis.statistics.study_runs import StudyRuns
from analysis.statistics.wilson import wilson_interval

RATE = ["test", "metric", "n", "splits", "rejected", "false_positive_rate", "low", "high"]
COLUMNS = ["study", "variant", *RATE, "resamples", *rejections.Settings._fields]
AT_ONCE, VALUES_AT_ONCE = 50, 2**20  # splits, and values of them, so that memory grows with neither splits nor runs
FEWEST_RUNS = 10  # of fewer, halves are so small that most tests can reject nothing, and their rates say nothing


def halves(n: int, splits: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of two random halves of ``n`` runs, ``splits`` times; of an odd number one run is left out.

    Where there are no more than ``splits`` ways to do so, each is there once.
    """
    half, left_out = n // 2, range(n if n % 2 else 1)
    if len(left_out) * comb(2 * half, half) > splits:
        for _ in range(splits):
            order = rng.permutation(n)
            yield order[:half], order[half : 2 * half]
        return
    for one in left_out:
        kept = [run for run in range(n) if n % 2 == 0 or run != one]
        for first in combinations(kept, half):
            yield np.array(first), np.array([run for run in kept if run not in first])


def count_rejections(
    arms: Iterable[tuple[np.ndarray, np.ndarray]], tests: dict[str, rejections.Rejects]
) -> dict[str, int]:
    """How many pairs of arms each of ``tests`` rejects; ``arms`` yields many at a time, shape (splits, n, ...)."""
    counts = dict.fromkeys(tests, 0)
    for ours, other in arms:
        for name, rejects in tests.items():
            counts[name] += int(rejects(ours, other).sum())
    return counts


def aa_calibration(
    frame: pd.DataFrame,
    baseline: str,
    *,
    splits: int,
    resamples: int,
    target_share: float,
    settings: rejections.Settings,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """False-positive rate of every test at level 1 - confidence, from random halves of each variant's runs.

    There are ``splits`` of them, or all if these are fewer. ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``;
    tests that resample do so ``resamples`` times; the accuracy that epochs are counted to is ``target_share`` of the
    ``baseline``'s. Returns one row a variant, test and metric: ``rejected`` of ``splits``, their ratio, and its Wilson
    interval ``low`` to ``high``; ``n`` runs in either half. Variants of fewer than ``FEWEST_RUNS`` runs have no rows.
    """
    target = target_accuracy(frame, baseline, target_share)
    tables = []
    for (study, variant), own in frame.groupby(runs.GROUP, sort=False):
        total = own["seed"].nunique()
        if total >= FEWEST_RUNS:
            drawn = [np.array(side) for side in zip(*halves(total, splits, rng), strict=True)]
            of_curves = rejections.of_curves(total // 2, resamples, settings, rng)
            rows = _of_variant(own, variant, target, drawn, of_curves, settings)
            tables.append(pd.DataFrame(rows, columns=RATE).assign(study=study, variant=variant))
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(tables, ignore_index=True).assign(resamples=resamples, **settings._asdict())[COLUMNS]


def _of_variant(
    own: pd.DataFrame,
    variant: str,
    target: float,
    drawn: list[np.ndarray],
    of_curves: dict[str, rejections.Rejects],
    settings: rejections.Settings,
) -> list[tuple]:
    """Rows of ``RATE`` of one variant's runs; ``drawn`` has the runs in either half of each split."""
    curves = {metric: pairing.curves(own, metric)[variant] for metric in pairing.METRICS}
    accuracies = {score: rows.set_index("seed")["accuracy"] for score, rows in run_scores(own).groupby("score")}
    epochs, _ = first_epochs(curves["val_accuracy"], target)
    of_scores, of_epochs = rejections.of_scores(settings), rejections.of_epochs(settings)
    tested = [
        *((metric, table.to_numpy(), of_curves) for metric, table in curves.items()),
        *((score, values.sort_index().to_numpy(), of_scores) for score, values in accuracies.items()),
        (METRIC, epochs.astype(float), of_epochs),
    ]
    n, times, rows = drawn[0].shape[1], len(drawn[0]), []
    for metric, values, tests in tested:
        at_once = min(AT_ONCE, 1 + VALUES_AT_ONCE // (n * max(n, values[0].size)))
        parts = zip(*(np.array_split(side, -(-times // at_once)) for side in drawn), strict=True)
        counts = count_rejections(((values[first], values[second]) for first, second in parts), tests)
        rows += [_rate(test, metric, n, times, count, settings.confidence) for test, count in counts.items()]
    return rows


def _rate(test: str, metric: str, n: int, splits: int, rejected: int, confidence: float) -> tuple:
    return (
        test,
        metric,
        n,
        splits,
        rejected,
        rejected / splits,
        *map(float, wilson_interval(rejected, splits, confidence)),
    )


def of_study(study_runs: StudyRuns) -> pd.DataFrame:
    """False-positive rate of every test between random halves of each variant's runs."""
    settings = study_runs.settings
    return aa_calibration(
        study_runs.frame,
        study_runs.baseline,
        splits=settings["calibration_splits"],
        resamples=settings["calibration_resamples"],
        target_share=settings["target_share"],
        settings=rejections.Settings(settings["alternative"], settings["confidence"], settings["equivalence_margin"]),
        rng=study_runs.generator(),
    )

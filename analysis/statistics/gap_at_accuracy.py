"""Overfitting gap at equal training accuracy: does a head overfit less, or does it only fit less?

A network that fits its training images less well has less of a gap at any epoch (Fig. A3). Here every run is read where
its training accuracy first reaches one level, the highest that all runs of both arms reach.
"""

import numpy as np
import pandas as pd

from analysis import command, pairs, runs
from analysis.statistics import paired_difference
from analysis.statistics.paired_difference import paired_test
from nist.errors import run

METRIC = "gap_at_accuracy"
COLUMNS = ["level", "gap", "gap_baseline", "epoch", "epoch_baseline", *paired_difference.COLUMNS]


def at_level(train: np.ndarray, validation: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Gap and epoch at which the training accuracy of each run first reaches ``level``; both of shape (runs,).

    ``train`` and ``validation`` are accuracies of shape (runs, epochs). Between two epochs both are interpolated, so
    that a run whose epochs are steep is not read above the level; a run that begins above it is read at epoch 1, where
    its gap is as measured. Every run must reach the level.
    """
    after = (train >= level).argmax(axis=1)
    before, rows = np.maximum(after - 1, 0), np.arange(len(train))
    rise = train[rows, after] - train[rows, before]
    share = np.where(rise > 0, (level - train[rows, before]) / np.where(rise > 0, rise, 1), 1)
    there, earlier = ((train - validation)[rows, epochs] for epochs in (after, before))
    return earlier + share * (there - earlier), 1 + before + share * (after - before)


def gap_at_accuracy(frame: pd.DataFrame, baseline: str, confidence: float = 0.95) -> pd.DataFrame:
    """Gap of every variant less the baseline's, paired by seed, where training accuracies are equal.

    ``frame`` holds the rows of ``nist.record.SCHEMA``. Returns one row a comparison: ``pairs.NAMES`` and ``COLUMNS``,
    with the ``level`` of training accuracy, the mean gaps and the mean epochs there, and the paired t test of the gaps;
    all but epochs are fractions. Training accuracy is the running mean over an epoch (assumption U49), so a run that
    still learns fast at the level has fitted more by the end of the epoch, and its gap is understated.
    """
    rows = []
    for study, group in frame.groupby("study", sort=False):
        diverged = runs.count(group).set_index("variant")["n_diverged"]
        train, validation = (
            pairs.curves_with_baseline(group, baseline, f"{part}_accuracy") for part in ("train", "val")
        )
        for (variant, *fitted), (_, *validated) in zip(train, validation, strict=True):
            level = min(curves.max(axis=1).min() for curves in fitted)
            (ours, epoch), (reference, epoch_baseline) = (
                at_level(curves, other, level) for curves, other in zip(fitted, validated, strict=True)
            )
            values = (study, METRIC, variant, baseline, len(ours), diverged[variant], diverged[baseline])
            rows.append(
                {
                    **dict(zip(pairs.NAMES, values, strict=True)),
                    "level": level,
                    "gap": ours.mean(),
                    "gap_baseline": reference.mean(),
                    "epoch": epoch.mean(),
                    "epoch_baseline": epoch_baseline.mean(),
                    **paired_test(ours, reference, confidence),
                }
            )
    return pd.DataFrame(rows, columns=[*pairs.NAMES, *COLUMNS])


def main(argv: list[str] | None = None) -> None:
    """Overfitting gap of every variant and of the baseline where their training accuracies are equal."""
    arguments = command.parser("analysis.statistics.gap_at_accuracy", main.__doc__, "metrics files").parse_args(argv)
    settings = arguments.study.content["statistics"]
    frame = runs.read(arguments.inputs)
    command.write_csv(gap_at_accuracy(frame, settings["baseline"], settings["confidence"]), arguments.output)


if __name__ == "__main__":
    run(main)

"""Comparing every variant of a study with its baseline, epoch by epoch or seed by seed."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from analysis.metrics import runs
from nist.errors import InputError

METRICS = ("val_accuracy", "train_accuracy")
SD_NAMES = ["study", "metric", "variant", "baseline", "n", "n_baseline"]
NAMES = ["study", "metric", "variant", "baseline", "n", "n_diverged", "n_diverged_baseline"]


def with_baseline(frame: pd.DataFrame, baseline: str, on: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield every other variant's name and its rows beside the baseline's, joined one to one on column ``on``.

    Shared columns get the suffixes ``_variant`` and ``_baseline``. Raises ``InputError`` if the baseline is not there,
    or if one side lacks a value of ``on`` that the other has: a missing partner is an error, not a shorter array.
    """
    reference = frame[frame["variant"] == baseline]
    if reference.empty:
        raise InputError(f"no runs of the baseline {baseline!r} to compare with")
    for name, rows in frame[frame["variant"] != baseline].groupby("variant", sort=False):
        _check_partners(frame, (name, baseline), on, rows[on], reference[on])
        yield name, rows.merge(reference, on=on, suffixes=("_variant", "_baseline"), validate="one_to_one")


def curves(frame: pd.DataFrame, metric: str) -> dict[str, pd.DataFrame]:
    """Runs of every variant of one study as a table of ``metric``: one row a seed, one column an epoch, both sorted."""
    variants = frame.groupby("variant", sort=False)
    return {name: rows.pivot(index="seed", columns="epoch", values=metric) for name, rows in variants}


def curves_with_baseline(frame: pd.DataFrame, baseline: str, metric: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Every other variant's name, its ``curves`` and the baseline's, both of shape (seeds, epochs).

    Row i of both is the same seed. Raises ``InputError`` as ``with_baseline`` does, for the seeds and epochs of any
    variant, before the first comparison is made.
    """
    tables = curves(frame, metric)
    if baseline not in tables:
        raise InputError(f"no runs of the baseline {baseline!r} to compare with")
    reference = tables.pop(baseline)
    for name, table in tables.items():
        _check_partners(frame, (name, baseline), "seed", table.index, reference.index)
        _check_partners(frame, (name, baseline), "epoch", table.columns, reference.columns)
    return [(name, table.to_numpy(), reference.to_numpy()) for name, table in tables.items()]


def compare_sd(
    sd: pd.DataFrame, baseline: str, measure: Callable[[pd.DataFrame], dict], columns: Sequence[str]
) -> pd.DataFrame:
    """One row for every variant and metric of ``epochwise_sd``, with what ``measure`` says of it and the baseline.

    ``measure`` takes the epochs joined by ``with_baseline`` and returns ``columns``. Before them stand ``SD_NAMES``:
    both sides and their numbers of runs. Without a second variant the result has no rows.
    """
    rows = []
    for (study, metric), group in sd.groupby(["study", "metric"], sort=False):
        for variant, paired in with_baseline(group, baseline, on="epoch"):
            n = paired["n_variant"].iloc[0], paired["n_baseline"].iloc[0]
            names = zip(SD_NAMES, (study, metric, variant, baseline, *n), strict=True)
            rows.append({**dict(names), **measure(paired)})
    return pd.DataFrame(rows, columns=[*SD_NAMES, *columns])


def compare_curves(
    frame: pd.DataFrame, baseline: str, measure: Callable[[np.ndarray, np.ndarray], list[dict]], columns: Sequence[str]
) -> pd.DataFrame:
    """What ``measure`` says of every variant's curves and the baseline's, for each of ``METRICS``.

    ``frame`` holds the rows of ``nist.metrics_file.SCHEMA``. ``measure`` takes two arrays of shape (seeds, epochs),
    paired by seed, and returns rows of ``columns``. Before them stand ``NAMES``. Without a second variant there are no
    rows.
    """
    rows = []
    for study, group in frame.groupby("study", sort=False):
        diverged = runs.count(group).set_index("variant")["n_diverged"]
        for metric in METRICS:
            for variant, ours, reference in curves_with_baseline(group, baseline, metric):
                values = (study, metric, variant, baseline, len(ours), diverged[variant], diverged[baseline])
                names = dict(zip(NAMES, values, strict=True))
                rows += [{**names, **measured} for measured in measure(ours, reference)]
    return pd.DataFrame(rows, columns=[*NAMES, *columns])


def compare_scores(
    scores: pd.DataFrame, baseline: str, measure: Callable[[np.ndarray, np.ndarray], dict], columns: Sequence[str]
) -> pd.DataFrame:
    """Apply ``measure`` to every variant and the baseline, for each run score; that is the ``metric`` of the result.

    ``scores`` is the result of ``analysis.statistics.run_scores``. ``measure`` takes two arrays of shape (seeds,),
    paired by seed, and returns ``columns`` of one row. Before them stand ``NAMES``.
    """
    rows = []
    for (study, score), group in scores.groupby(["study", "score"], sort=False):
        for variant, paired in with_baseline(group, baseline, on="seed"):
            diverged = paired["diverged_variant"].sum(), paired["diverged_baseline"].sum()
            names = zip(NAMES, (study, score, variant, baseline, len(paired), *diverged), strict=True)
            values = (paired[f"accuracy_{side}"].to_numpy() for side in ("variant", "baseline"))
            rows.append({**dict(names), **measure(*values)})
    return pd.DataFrame(rows, columns=[*NAMES, *columns])


def _check_partners(frame: pd.DataFrame, sides: tuple[str, str], on: str, ours: Iterable, reference: Iterable) -> None:
    alone = set(ours) ^ set(reference)
    if alone:
        said = f"{' and '.join(sides)} do not pair: {on} {min(alone)} is in one of them only"
        raise InputError(f"{frame['study'].iloc[0]}: {said}; run it in both, or remove it")

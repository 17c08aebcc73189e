"""Comparing every variant of a study with its baseline, epoch by epoch or seed by seed."""

from collections.abc import Callable, Iterator

import pandas as pd

from nist.errors import InputError


def with_baseline(frame: pd.DataFrame, baseline: str, on: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield every other variant's name and its rows beside the baseline's, joined one to one on column ``on``.

    Shared columns get the suffixes ``_variant`` and ``_baseline``. Raises ``InputError`` if the baseline is not there,
    or if one side lacks a value of ``on`` that the other has: a missing partner is an error, not a shorter array.
    """
    reference = frame[frame["variant"] == baseline]
    if reference.empty:
        raise InputError(f"no runs of the baseline {baseline!r} to compare with")
    for name, rows in frame[frame["variant"] != baseline].groupby("variant", sort=False):
        alone = set(rows[on]) ^ set(reference[on])
        if alone:
            raise InputError(f"{name} and {baseline} do not pair: {on} {min(alone)} is in one of them only")
        yield name, rows.merge(reference, on=on, suffixes=("_variant", "_baseline"), validate="one_to_one")


def compare_sd(sd: pd.DataFrame, baseline: str, measure: Callable[[pd.DataFrame], dict]) -> pd.DataFrame:
    """One row for every variant and metric of ``epochwise_sd``, with what ``measure`` says of it and the baseline.

    ``measure`` takes the epochs joined by ``with_baseline`` and returns columns. Added to them are the names of both
    sides and their numbers of runs, ``n`` and ``n_baseline``.
    """
    rows = []
    for (study, metric), group in sd.groupby(["study", "metric"], sort=False):
        for variant, paired in with_baseline(group, baseline, on="epoch"):
            names = {"study": study, "metric": metric, "variant": variant, "baseline": baseline}
            n = {"n": paired["n_variant"].iloc[0], "n_baseline": paired["n_baseline"].iloc[0]}
            rows.append({**names, **n, **measure(paired)})
    return pd.DataFrame(rows)

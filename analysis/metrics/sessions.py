"""What the sessions that trained a block say of its runs, in the metadata of its metrics file."""

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from nist.errors import InputError
from nist.metrics_file import MetricsFile


def told(
    blocks: Mapping[Path, MetricsFile], rows_of: Callable[[MetricsFile], list[dict]], columns: list[str]
) -> pd.DataFrame:
    """Rows of what sessions say of their runs, one a run, by seed.

    Raises ``InputError`` that names the file whose metadata are not what training writes.
    """
    rows = []
    for path, block in blocks.items():
        try:
            rows += rows_of(block)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InputError(f"{path}: metadata: sessions are not what training writes there") from None
    return pd.DataFrame(rows, columns=columns).sort_values([*runs.GROUP, "seed"], ignore_index=True)


def recorded(block: MetricsFile, name: str) -> dict[int, dict]:
    """What the sessions say under ``name``, by seed; later sessions add to earlier ones.

    Of the block's own seeds: where runs were taken over from another study, sessions tell of more.
    """
    seeds = {*block.table["seed"].to_pylist()}
    found: dict[int, dict] = {}
    for session in block.description.get("sessions", []):
        for seed, value in session.get(name, {}).items():
            if int(seed) in seeds:
                found.setdefault(int(seed), {}).update(value)
    return found


def joules(description: dict) -> float | None:
    """Energy of all sessions of a block, in joules; ``None`` unless each of them recorded its own."""
    found = [session.get("joules") for session in description.get("sessions", [])]
    return math.fsum(found) if found and None not in found else None


def is_measured(description: dict) -> bool:
    """Whether seconds and joules of a block say what training takes: no session had a low priority or was stopped."""
    sessions = description.get("sessions", [])
    return not any(session.get("niceness", 0) > 0 or session.get("stopped_seconds", 0) > 0 for session in sessions)


def versions(description: dict, names: Collection[str] | None = None) -> str:
    """Libraries, all or those of ``names``, and their versions, from the description of a metrics file, in words."""
    said = description["versions"].items()
    return ", ".join(f"{name} {version}" for name, version in said if names is None or name in names)

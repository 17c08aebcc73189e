"""Where runs come from: how many, on which device, from which code, in words and as a table."""

from pathlib import Path

import pandas as pd

from analysis.metrics import runs
from analysis.metrics.sessions import joules, versions
from analysis.published.provenance import NOT_RECORDED
from nist.metrics_file import MetricsFile


def facts(counts: pd.DataFrame, descriptions: list[dict]) -> dict[str, str]:
    """What a study's runs have in common, by its heading: images, epochs, number, seeds, device, versions.

    ``counts`` come from ``analysis.metrics.runs.count``, ``descriptions`` are those of its blocks.
    """
    first = descriptions[0]
    return {
        "Runs": in_words(counts),
        "Seeds": seeds_in_words(descriptions),
        "Epochs": str(first["epochs"]),
        "Training images": f"{first['training_images']:,}",
        "Validation images": f"{first['validation_images']:,}",
        "Device": _distinct(descriptions, "device"),
        "Precision": _distinct(descriptions, "precision"),
        "Versions": "; ".join(sorted({versions(description) for description in descriptions})),
    }


def _distinct(group: list[dict], key: str) -> str:
    return "; ".join(sorted({block[key] for block in group}))


def in_words(counts: pd.DataFrame) -> str:
    """How many runs a variant has, from ``analysis.metrics.runs.count``: one number where all agree, else the range."""
    low, high, diverged = counts["n"].min(), counts["n"].max(), counts["n_diverged"].sum()
    text = (f"{low}" if low == high else f"{low} to {high}") + (" run a variant" if high == 1 else " runs a variant")
    return f"{text} ({diverged} diverged)" if diverged else text


def seeds_in_words(descriptions: list[dict]) -> str:
    """First and last seed, and that some between them are missing if they are."""
    seeds = sorted({seed for description in descriptions for seed in description["seeds"]})
    if len(seeds) == 1:
        return f"{seeds[0]}"
    whole = len(seeds) == seeds[-1] - seeds[0] + 1
    return f"{seeds[0]} to {seeds[-1]}" + ("" if whole else f", {len(seeds)} of them")


def table(blocks: dict[Path, MetricsFile], frame: pd.DataFrame) -> pd.DataFrame:
    """One row a variant, as text: runs, when they were trained, for how long, and from which configuration and code.

    Seconds of runs that advanced together are shares of one clock, so that seed-epochs a second are those of a job.
    """
    seconds = frame.groupby(runs.GROUP)["seconds"].agg(["mean", "sum", "size"])
    counts = runs.count(frame).set_index(runs.GROUP)
    rows = []
    for name, group in _by_variant(blocks).items():
        first = group[0]
        rows.append(
            {
                "Study": name[0],
                "Variant": name[1],
                "Runs": int(counts.loc[name, "n"]),
                "Diverged": int(counts.loc[name, "n_diverged"]),
                "Epochs": first["epochs"],
                "Seconds an epoch": f"{seconds.loc[name, 'mean']:.2f}",
                "Seed-epochs a second": f"{seconds.loc[name, 'size'] / seconds.loc[name, 'sum']:.2f}",
                "Minutes in all": f"{seconds.loc[name, 'sum'] / 60:.1f}",
                "kJ": _kilojoules(group),
                "Trained (UTC)": min(block["started"] for block in group)[:16].replace("T", " "),
                "Configuration": first["configuration_digest"][:12],
                "Training code": "; ".join(sorted({block["training_code_digest"][:12] for block in group})),
            }
        )
    return pd.DataFrame(rows)


def _kilojoules(group: list[dict]) -> str:
    """Energy of all blocks of a variant, where each of them recorded its own."""
    energies = [energy for description in group if (energy := joules(description)) is not None]
    return f"{sum(energies) / 1000:.1f}" if len(energies) == len(group) else NOT_RECORDED


def _by_variant(blocks: dict[Path, MetricsFile]) -> dict[tuple, list[dict]]:
    groups: dict[tuple, list[dict]] = {}
    for block in blocks.values():
        groups.setdefault(runs.name(block), []).append(block.description)
    return groups

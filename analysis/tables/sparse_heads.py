"""Rows of Tables A2, A3 and A4: factors, sparsity, accuracy and compression of every variant.

A variant that the paper prints has three rows: as printed; recomputed from shapes, Eq. 1 and the prune alone; and ours,
measured. Every other variant has the last one.
"""

from collections.abc import Mapping

import pandas as pd

from analysis import formatting, study_results
from analysis.claims.claim import Claim, read
from analysis.statistics import cost
from analysis.study_results import Source
from analysis.tables import layout
from analysis.tables.printed import NOT_RUN, OURS, PAPER, RECOMPUTED, cell, plus_minus
from nist.studies.study import Study

MEAN, LARGEST = "Mean ± MOE, peak (%)", "Max, peak (%)"
VGG16 = {"dense": "a4.vgg.dense", "nist-1-2-100": "a4.vgg.scratch", "nist-1-2-100-p99.9": "a4.vgg.p999"}
COLUMNS = [
    *("Model", "Data set", "Source", "Neuroseed factors", "Init. sparsity (%)", MEAN, "SD, peak (points)", LARGEST),
    *("Mean ± MOE, peak at final sparsity (%)", "Mean ± MOE, last epoch (%)", "Final sparsity (%)", "Active weights"),
    *("Comp. ratio", "Runs"),
]


def prefix(study: str, variant: str) -> str:
    """Start of the ids of a variant's claims."""
    if study == "vgg16-imagenet100":
        return VGG16.get(variant, "")
    start = "a3.alexnet" if study == "alexnet-cifar10" else f"a2.{study.replace('-', '.')}"
    return f"{start}.{variant.replace('-', '_')}"


def build(given: list[Source]) -> pd.DataFrame:
    """A table of text cells from ``accuracy`` and ``cost``; columns that say the same throughout are left out.

    A study with printed variants shows these alone.
    """
    claims, rows = read(), []
    for source in given:
        digits = 1 if "tablea2" in source.study.content["feeds"] else 2  # decimals of accuracies, as the paper has them
        ids = {name: prefix(source.study.name, name) for name in source.study.variants}
        ids = {name: start if f"{start}.mean_acc" in claims else "" for name, start in ids.items()}
        for name, start in ids.items():
            if start or not any(ids.values()):
                rows += _rows(source, name, start, claims, digits)
    rows.append({"Model": " ".join(study_results.missing(given))})
    return layout.frame(rows, COLUMNS, droppable=("Data set", "Source"))


def _rows(source: Source, name: str, start: str, claims: Mapping[str, Claim], digits: int) -> list[dict]:
    variant = source.study.variants[name]
    named = {"Model": variant["label"], "Data set": layout.dataset(source.study)}
    tail = {"Neuroseed factors": layout.factors(variant)}
    both = [(PAPER, _printed(start, variant, claims)), (RECOMPUTED, _recomputed(source.study, name))] if start else []
    rows = [*both, (OURS, _measured(source, name, digits))]
    return [{**named, "Source": origin, **tail, **cells} for origin, cells in rows]


def _printed(start: str, variant: dict, claims: Mapping[str, Claim]) -> dict:
    weights = next((f"{start}.{name}" for name in ("active_weights", "params") if f"{start}.{name}" in claims), "")
    zero = "" if variant["factors"] else "0"  # the list of claims has the sparsity of dense heads, 0, but once or twice
    return {
        "Init. sparsity (%)": cell(claims, f"{start}.init_sparsity") or zero,
        MEAN: plus_minus(claims, f"{start}.mean_acc", f"{start}.moe"),
        LARGEST: cell(claims, f"{start}.max_acc"),
        "Final sparsity (%)": cell(claims, f"{start}.final_sparsity") or zero,
        "Active weights": cell(claims, weights),
        "Comp. ratio": cell(claims, f"{start}.compression"),
    }


def _recomputed(study: Study, name: str) -> dict:
    counts = cost.head_weights(study.configuration(name))
    return _weights(cost.ratios(counts), counts["final"])


def _weights(ratios: Mapping[str, float], final: int) -> dict:
    return {
        "Init. sparsity (%)": formatting.bare_percent(ratios["initial_sparsity"], 2),
        "Final sparsity (%)": formatting.bare_percent(ratios["final_sparsity"], 2),
        "Active weights": f"{int(final):,}",
        "Comp. ratio": formatting.times(ratios["compression"]),
    }


def _measured(source: Source, name: str, digits: int) -> dict:
    if name not in source.variants():
        return {MEAN: NOT_RUN, "Runs": "0"}
    scores = source.statistic("accuracy").set_index(["variant", "score"])
    count = source.statistic("cost").set_index("variant").loc[name]
    peak, peak_final, last = (scores.loc[(name, score)] for score in ("peak", "peak_final", "last"))
    return {
        **_weights(count, count["final"]),
        MEAN: formatting.percent_margin(peak["mean"], peak["margin"], digits),
        "SD, peak (points)": formatting.bare_percent(peak["sd"], 2),
        LARGEST: formatting.bare_percent(peak["max"], digits),
        "Mean ± MOE, peak at final sparsity (%)": formatting.percent_margin(
            peak_final["mean"], peak_final["margin"], digits
        ),
        "Mean ± MOE, last epoch (%)": formatting.percent_margin(last["mean"], last["margin"], digits),
        "Runs": layout.runs(peak["n"], peak["n_diverged"]),
    }

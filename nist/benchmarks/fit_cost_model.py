"""Fits the coefficients of ``nist.sparse.cost_model`` to what ``nist.benchmarks.layers`` has measured."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import nnls

from nist.benchmarks import results_file
from nist.errors import InputError, run
from nist.runtime.files import replacing
from nist.sparse import cost_model
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band


def fit(measured: pd.DataFrame, device: str) -> dict[str, dict[str, float]]:
    """Coefficients by form (``gathered`` too) and term, in seconds, from rows of ``nist.benchmarks.layers``.

    Non-negative least squares on relative errors, so that a small layer counts as much as a large one.
    """
    measured = measured[measured["candidate"].isin(FORMS)]
    steps = [
        (row.candidate, Band(row.n_in, row.n_out, row.k), int(row.kept * row.n_in * row.k), row.rows)
        for row in measured.itertuples()
    ]
    counts = pd.DataFrame([cost_model.work(*step) for step in steps], measured.index, cost_model.TERMS)
    relative = counts.div(measured["total_ms"] / 1e3, axis=0)
    ways = [cost_model.way_of(*step, device) for step in steps]
    return {way: _fitted(rows.to_numpy(dtype=float)) for way, rows in relative.groupby(ways)}


def _fitted(relative: np.ndarray) -> dict[str, float]:
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)
    solution, _ = nnls(relative / scale, np.ones(len(relative)))
    return {term: float(f"{value:.3g}") for term, value in zip(cost_model.TERMS, solution / scale, strict=True)}


def main(argv: list[str] | None = None) -> None:
    """Fit the coefficients of one kind of device to runs of the benchmark, and put them into costs.yaml."""
    parser = argparse.ArgumentParser(prog="python -m nist.benchmarks.fit_cost_model", description=main.__doc__)
    parser.add_argument("inputs", type=Path, nargs="+", help="layers.parquet of nist.benchmarks.layers")
    parser.add_argument("-o", "--output", type=Path, default=cost_model.COEFFICIENTS, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    runs, descriptions = zip(*map(results_file.read, arguments.inputs), strict=True)
    measured, where = pd.concat(runs, ignore_index=True), descriptions[0]
    if others := {each["kind"] for each in descriptions} - {where["kind"]}:
        raise InputError(f"{arguments.inputs[0]} is of {where['kind']}, and others are of {', '.join(sorted(others))}")
    source = f"{where['device']}, {where['threads']} threads, torch {where['torch']}, {where['measured'][:10]}"
    known = yaml.safe_load(arguments.output.read_text(encoding="utf-8")) if arguments.output.exists() else {}
    known[where["kind"]] = {"source": source, **fit(measured, where["kind"])}
    with replacing(arguments.output) as temporary:
        temporary.write_text(yaml.safe_dump(known, sort_keys=False, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    run(main)

"""Fits the coefficients of ``nist.sparse.cost_model`` to what ``nist.benchmarks.layers`` has measured."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import nnls

from nist.benchmarks import results_file
from nist.runtime.files import replacing
from nist.sparse import cost_model
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band


def fit(measured: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Coefficients by form and term, in seconds, from rows of ``nist.benchmarks.layers``.

    Non-negative least squares on relative errors, so that a small layer counts as much as a large one.
    """
    return {form: _fit_form(form, rows) for form, rows in measured.groupby("candidate") if form in FORMS}


def _fit_form(form: str, measured: pd.DataFrame) -> dict[str, float]:
    counts = []
    for row in measured.itertuples():
        band = Band(row.n_in, row.n_out, row.k)
        active = int(row.kept * band.n_weights)
        counts.append([cost_model.work(form, band, active, row.rows)[term] for term in cost_model.TERMS])
    relative = np.array(counts, dtype=float) / (measured["total_ms"].to_numpy()[:, None] / 1e3)
    scale = np.maximum(relative.max(axis=0), np.finfo(float).tiny)
    solution, _ = nnls(relative / scale, np.ones(len(relative)))
    return {term: float(f"{value:.3g}") for term, value in zip(cost_model.TERMS, solution / scale, strict=True)}


def main(argv: list[str] | None = None) -> None:
    """Fit the coefficients of one kind of device and put them into costs.yaml."""
    parser = argparse.ArgumentParser(prog="python -m nist.calibration", description=main.__doc__)
    parser.add_argument("input", type=Path, help="layers.parquet of nist.benchmarks.layers")
    parser.add_argument("-o", "--output", type=Path, default=cost_model.COEFFICIENTS, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    measured, where = results_file.read(arguments.input)
    source = f"{where['device']}, {where['threads']} threads, torch {where['torch']}, {where['measured'][:10]}"
    known = yaml.safe_load(arguments.output.read_text(encoding="utf-8")) if arguments.output.exists() else {}
    known[where["kind"]] = {"source": source, **fit(measured)}
    with replacing(arguments.output) as temporary:
        temporary.write_text(yaml.safe_dump(known, sort_keys=False, allow_unicode=True), encoding="utf-8")

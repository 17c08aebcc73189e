"""Metrics of runs that were never trained, random numbers in true files: what many of them take to keep and to read."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.scale import usage
from nist import metrics_file
from nist.errors import run
from nist.studies import study

COUNTED = 10_000  # validation images that an accuracy is a share of
DESCRIPTION = {
    "training_code_digest": "0" * 64,
    "training_images": 50_000,
    "validation_images": COUNTED,
    "parameters": {"other": 0, "frozen": 0, "dense_weights": 0, "initial_weights": 0},
    "device": "none",
    "threads": 1,
    "precision": "float32",
    "versions": {"python": "0", "torch": "0", "numpy": "0"},
    "commit": "0" * 40,
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:00+00:00",
}


def write(path: Path, experiment: study.Study, variant: str, seeds: range, rng: np.random.Generator) -> None:
    """Write random metrics of ``seeds`` of one variant, as many epochs as the study has, to ``path``."""
    configuration = experiment.configuration(variant)
    epochs = configuration["training"]["epochs"]
    rows = [row for seed in seeds for row in _rows(experiment.name, variant, configuration, seed, epochs, rng)]
    description = {**DESCRIPTION, "configuration": configuration, "seeds": list(seeds), "epochs": epochs}
    metrics_file.write(path, rows, description)


def _rows(name: str, variant: str, configuration: dict, seed: int, epochs: int, rng: np.random.Generator) -> Iterator:
    labels = {"study": name, "variant": variant, "model": configuration["model"]["name"], "seed": seed}
    labels["dataset"] = configuration["data"]["dataset"]
    losses, seconds = rng.random((2, epochs)).tolist(), rng.random(epochs).tolist()
    accuracies = (np.sort(rng.integers(COUNTED, size=(2, epochs)), axis=1) / COUNTED).tolist()
    for epoch in range(epochs):
        yield {
            **labels,
            "epoch": epoch + 1,
            "train_loss": losses[0][epoch],
            "train_accuracy": accuracies[0][epoch],
            "val_loss": losses[1][epoch],
            "val_accuracy": accuracies[1][epoch],
            "learning_rate": 0.001,
            "active_weights": 1000,
            "sparsity": 0.5,
            "seconds": seconds[epoch],
            "diverged": False,
        }


def sample_bytes(experiment: study.Study, size: int) -> int:
    """Bytes of a metrics file of ``size`` seeds of the study's baseline."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sample.parquet")
        write(path, experiment, experiment.baseline, range(size), np.random.default_rng(0))
        return path.stat().st_size


def write_all(folder: Path, experiment: study.Study, n_seeds: int, size: int) -> list[Path]:
    """Write random metrics of ``n_seeds`` seeds of every variant, ``size`` of them a file, below ``folder``."""
    rng, paths = np.random.default_rng(0), []
    for variant in experiment.variants:
        for first, last in study.blocks(range(n_seeds), size):
            paths.append(folder / variant / f"seeds{first}-{last}.parquet")
            write(paths[-1], experiment, variant, range(first, last + 1), rng)
    return paths


def main(argv: list[str] | None = None) -> None:
    """Write random metrics of many seeds, and time what reads them."""
    parser = argparse.ArgumentParser(prog="python -m analysis.scale.simulation", description=main.__doc__)
    parser.add_argument("--study", required=True, type=study.load, help="name or YAML file of the study")
    parser.add_argument("--seeds", type=int, default=1_000, help="of every variant (default: %(default)s)")
    parser.add_argument("--block-size", type=int, help="seeds a file (default: the study's)")
    parser.add_argument("--statistics", action="store_true", help="compute all statistics too: minutes to hours")
    arguments = parser.parse_args(argv)
    experiment = arguments.study
    size = arguments.block_size or experiment.content["block_size"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        paths = write_all(Path(folder, "metrics"), experiment, arguments.seeds, size)
        written, n_bytes = time.perf_counter() - started, sum(path.stat().st_size for path in paths)
        names = Path(folder, "names")
        names.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
        parts = [["--only", "run_scores"]]
        parts += [["--only", "aa_calibration"], []] if arguments.statistics else []
        rows = [
            {"Statistics": " ".join(part) or "all", **_took(part, experiment, names, Path(folder, "statistics"))}
            for part in parts
        ]
    epochs = experiment.content["training"]["epochs"]
    n_rows = arguments.seeds * epochs * len(experiment.variants)
    print(
        f"{experiment.name}: {len(paths):,} files of {size} × {epochs} rows, {n_bytes / 1e6:,.1f} MB, {n_rows:,} rows"
    )
    print(f"written in {written:.1f} s; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(pd.DataFrame(rows).to_markdown(index=False))


def _took(options: list[str], experiment: study.Study, names: Path, folder: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "analysis.statistics", "--study", str(experiment.path), f"@{names}", *options]
    taken, _ = usage.of([*command, "-o", str(folder)])
    return {
        "Seconds": f"{taken.seconds:.1f}",
        "CPU seconds": f"{taken.cpu_seconds:.1f}",
        "Peak memory": f"{taken.peak_bytes / 1e6:,.0f} MB",
    }


if __name__ == "__main__":
    run(main)

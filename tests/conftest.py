"""What many tests need: small studies, small runs, and where the real data sets are."""

import os
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
import yaml

from nist import metrics_file as record
from nist.studies import study

# Workers of pytest-xdist share the cores: two threads each would wait for one another. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]

# Continuous integration tries the same examples every time; anywhere else hypothesis goes on looking for new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


LONG = {"slow", "exhaustive", "slurm", "kubernetes"}


@pytest.hookimpl(trylast=True)  # of what -m has left
def pytest_collection_modifyitems(items):
    """Long tests first, so that no worker has one left at the end; the workflow's project before what waits for it.

    Groups come before all single tests: pytest-xdist begins with what holds most tests.
    """
    waiting = dict.fromkeys(item for item in items if "finished" in item.fixturenames)

    def order(item):
        is_short = not LONG & {mark.name for mark in item.iter_markers()}
        return item is not next(iter(waiting), None), is_short, item in waiting

    items.sort(key=order)


def pytest_terminal_summary(terminalreporter):
    """Say how long each worker was busy, and which test or group of tests took longest: no run is quicker than that."""
    workers, groups = Counter(), Counter()
    for report in (each for reports in terminalreporter.stats.values() for each in reports):
        if worker := getattr(report, "worker_id", None):
            workers[worker] += report.duration
            _, separator, group = report.nodeid.rpartition("@")
            groups[group if separator else report.nodeid] += report.duration
    if groups:
        (longest, seconds), *_ = groups.most_common(1)
        busy = ", ".join(f"{name} {workers[name]:.0f} s" for name in sorted(workers))
        terminalreporter.write_line(f"workers were busy for {busy}; the longest chain is {longest}, {seconds:.0f} s")


@pytest.fixture(scope="session")
def data_root():
    """Folder with the real data sets; tests that need them are skipped elsewhere."""
    folder = os.environ.get("NIST_DATA_ROOT")
    if not folder:
        pytest.skip("needs CIFAR-10 and Fashion-MNIST: set NIST_DATA_ROOT to the folder that holds them")
    return Path(folder)


@pytest.fixture
def study_content():
    """The embedded LeNet-5 study, whole, as a dictionary that a test may change."""
    return study.load(ROOT / "config/studies/lenet5-digits.yaml").content


@pytest.fixture
def load_study(tmp_path):
    """Write a dictionary as a study file and load it."""

    def load(content):
        path = tmp_path / f"{content.get('study', 'nameless')}.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return study.load(path)

    return load


@pytest.fixture
def make_rows():
    """Rows of the metrics contract from accuracies of shape (seeds, epochs)."""

    def make(accuracies, *, study="s", variant="v", first_seed=0, active=None, train_accuracy=None, diverged=()):
        accuracies = np.asarray(accuracies, dtype=float)
        train_accuracy = accuracies if train_accuracy is None else np.asarray(train_accuracy, dtype=float)
        rows = []
        for index, curve in enumerate(accuracies):
            seed = first_seed + index
            for epoch, accuracy in enumerate(curve, start=1):
                lost = seed in diverged
                rows.append(
                    {
                        "study": study,
                        "variant": variant,
                        "model": "lenet5",
                        "dataset": "digits",
                        "seed": seed,
                        "epoch": epoch,
                        "train_loss": float("nan") if lost else 1.0,
                        "train_accuracy": train_accuracy[index][epoch - 1],
                        "val_loss": 1.0,
                        "val_accuracy": accuracy,
                        "learning_rate": 0.1,
                        "active_weights": active[epoch - 1] if active else 10,
                        "sparsity": 0.0,
                        "seconds": 0.5,
                        "diverged": lost,
                    }
                )
        return rows

    return make


@pytest.fixture
def frame(make_rows):
    """The same rows as a data frame."""
    return lambda *args, **kwargs: pd.DataFrame(make_rows(*args, **kwargs))


@pytest.fixture
def configuration(study_content, load_study):
    """The configuration of the embedded LeNet-5 variant that is pruned to 99.5 %."""
    return load_study(study_content).configuration("nist-1-10-p99.5")


@pytest.fixture
def description(configuration):
    """A description to write metrics with; ``seeds`` and ``epochs`` are the caller's."""

    def describe(seeds, epochs, **changes):
        return {
            "configuration": configuration,
            "training_code_digest": "0" * 64,
            "seeds": list(seeds),
            "epochs": epochs,
            "training_images": 100,
            "validation_images": 50,
            "parameters": {"other": 50786, "frozen": 0, "dense_weights": 10920, "initial_weights": 960},
            "device": "test device",
            "precision": "float32",
            "versions": {"torch": "0"},
            "started": "2026-01-01T00:00:00+00:00",
            "ended": "2026-01-01T00:00:01+00:00",
            **changes,
        }

    return describe


@pytest.fixture
def metrics_file(tmp_path, make_rows, description):
    """Write a metrics file and return its path."""

    def write(name, accuracies, first_seed=0, describe=None, **kwargs):
        path = tmp_path / f"{name}.parquet"
        rows = make_rows(accuracies, first_seed=first_seed, **kwargs)
        seeds = range(first_seed, first_seed + len(accuracies))
        record.write(path, rows, description(seeds, len(accuracies[0]), **(describe or {})))
        return path

    return write

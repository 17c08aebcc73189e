"""A small project, and what is trained and published in it."""

from pathlib import Path

import pytest

from analysis.published import add, store
from nist import metrics_file
from nist.studies import study
from tests.analysis.published.folder import EPOCHS, SEEDS, write_study


@pytest.fixture(autouse=True)
def project(tmp_path, study_content, monkeypatch):
    """An empty project with one study of the paper, ``small``: four seeds, five epochs."""
    monkeypatch.chdir(tmp_path)
    study_content.update(study="small", edition="paper", seeds=SEEDS)
    study_content["training"]["epochs"] = EPOCHS
    write_study(study_content)
    return tmp_path


@pytest.fixture
def train(make_rows, description):
    """Write what training a block of ``small`` would, and return its path."""

    def write(
        variant="dense", first=0, n=2, epochs=EPOCHS, name="small", folder="results/metrics", seconds=0.5, **changes
    ):
        known = variant in (small := study.load("small")).variants
        changes = {"configuration": small.configuration(variant if known else "dense", epochs), **changes}
        path = Path(folder, name, variant, f"seeds{first}-{first + n - 1}.parquet")
        rows = make_rows(
            [[0.1 * epoch for epoch in range(1, epochs + 1)]] * n, study=name, variant=variant, first_seed=first
        )
        rows = [row | {"seconds": seconds} for row in rows]
        metrics_file.write(path, rows, description(range(first, first + n), epochs, **changes))
        return path

    return write


@pytest.fixture
def replay(train):
    """Write what training one published seed again would, and return its path."""

    def write(variant="dense", seed=0, seconds=0.25, **changes):
        return train(variant, seed, 1, folder="results/replays", seconds=seconds, **changes)

    return write


@pytest.fixture
def tree(train):
    """Three blocks of two variants, published."""
    add.publish([train(), train(first=2), train("nist-1-10-p98")])
    return store.FOLDER

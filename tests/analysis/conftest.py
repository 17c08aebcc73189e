"""Small studies of two variants, and a page of runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.claims import ledger
from analysis.claims.claim import read
from analysis.claims.evidence import Evidence
from analysis.metrics import runs
from analysis.report import assumptions, items, page, provenance, replays, verdicts
from analysis.study_results import Source
from nist.studies import study, yaml_file


@pytest.fixture(scope="session")
def verdicts_without_runs():
    """The ledger of the paper's arithmetic alone."""
    return ledger.ledger(Evidence(read(), {}, {}))


@pytest.fixture
def make_page(tmp_path, verdicts_without_runs):
    """Render the page of one study from metrics and statistics; figures and tables are looked for in ``tmp_path``."""

    def make(experiment, metrics, statistics=None):
        blocks = runs.read_blocks(metrics)
        trained = provenance.table(blocks, runs.join(blocks))
        manifest = yaml_file.read(Path("config/figures.yaml"))
        words = provenance.in_words(runs.count(runs.join(blocks)))
        names = items.shown_in([experiment], manifest)[experiment.name]
        shown = [items.item(name, manifest, tmp_path, folder, runs=words) for name, folder in names.items()]
        return page.page(
            studies=[page.study_section(Source(experiment, statistics or {}), blocks, tmp_path, shown)],
            claims=verdicts.section(verdicts_without_runs, {experiment.name: experiment}),
            findings="",
            method=[],
            costs=[],
            settings={
                "id": "s",
                "number": "",
                "title": "Settings",
                "caption": "",
                "kind": "table",
                "wide": True,
                "links": [],
            }
            | {"table": {"columns": ["A"], "data": [["1"]]}},
            paper=items.paper_items(manifest, set(), {experiment.name}),
            assumptions={name: table.to_dict("split") for name, table in assumptions.read().items()},
            provenance=trained.to_dict("split"),
            replays=replays.table([], blocks),
            total_runs=int(trained["Runs"].sum()),
        )

    return make


@pytest.fixture
def two_variants(frame):
    """Runs of a variant ``sparse`` and of the baseline ``dense`` from accuracies of shape (seeds, epochs)."""

    def make(ours, baseline, **kwargs):
        return pd.concat(
            [frame(baseline, variant="dense", **kwargs), frame(ours, variant="sparse", **kwargs)], ignore_index=True
        )

    return make


@pytest.fixture
def mobilenet(frame):
    """The embedded MobileNetV1 study and three runs of each of its variants over four epochs."""
    rng = np.random.default_rng(0)
    experiment = study.load("mobilenetv1-digits")
    one = [frame(rng.uniform(0.2, 0.9, (3, 4)), study=experiment.name, variant=name) for name in experiment.variants]
    return experiment, pd.concat(one, ignore_index=True)

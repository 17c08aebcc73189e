"""Small studies of two variants, and a page of runs."""

import pandas as pd
import pytest

from analysis import runs
from analysis.claims import ledger
from analysis.claims.claim import read
from analysis.claims.evidence import Evidence
from analysis.report import assumptions, page, replays, verdicts
from nist import study


@pytest.fixture
def make_page(tmp_path):
    """Render the page of one study from its metrics files; figures and tables are looked for in ``tmp_path``."""

    def make(experiment, metrics):
        blocks = runs.read_blocks(metrics)
        provenance = page.provenance(blocks, runs.join(blocks))
        manifest = study.read_yaml(study.Path("config/figures.yaml"))
        words = page.in_words(runs.count(runs.join(blocks)))
        names = page.shown_in([experiment], manifest)[experiment.name]
        items = [page.item(name, manifest, tmp_path, folder, runs=words) for name, folder in names.items()]
        return page.page(
            studies=[page.study_section(experiment, blocks, tmp_path, items)],
            claims=verdicts.section(ledger.ledger(Evidence(read(), {}, {}))),
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
            paper=page.paper_items(manifest, set(), {experiment.name}),
            assumptions={name: table.to_dict("split") for name, table in assumptions.read().items()},
            provenance=provenance.to_dict("split"),
            replays=replays.table([], blocks),
            total_runs=int(provenance["Runs"].sum()),
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

"""The table of coverage: what it counts, which interval it chooses, and that what is printed follows from it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from analysis.coverage import __main__ as command
from analysis.coverage import candidates, page, processes, table
from analysis.statistics import intervals

PUBLISHED = pd.read_parquet(intervals.PATH)


@pytest.mark.parametrize("kind", processes.KINDS)
def test_runs_have_the_mean_and_variance_that_are_said(kind):
    runs = processes.runs(kind, 0.8, (20_000,), np.random.default_rng(0), epochs=6)
    truth = processes.truth(kind, epochs=6)
    np.testing.assert_allclose(runs.mean(axis=0), truth.mean, atol=0.08)
    assert runs[:, -1].var() == pytest.approx(truth.variance, rel=0.15)
    if kind == "normal":
        np.testing.assert_allclose(np.corrcoef(runs.T)[0], 0.8 ** np.arange(6), atol=0.03)


def test_a_cell_counts_every_candidate_and_power_the_sd_ratio_alone():
    null = table.simulate((3, "normal", 0.7, 1.0), 30, np.random.SeedSequence(0))
    assert {row["quantity"] for row in null} == set(candidates.QUANTITIES)
    assert all(0 <= row["missed"] <= row["replications"] == 30 for row in null)
    power = pd.DataFrame(table.simulate((20, "normal", 0.7, 0.5), 30, np.random.SeedSequence(0)))
    assert set(power["quantity"]) == {"log_sd_ratio"}
    assert power.set_index("procedure")["missed"]["permutation of whole runs, inverted"] == 30


def test_the_command_writes_a_table_with_how_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "cells", lambda: [(n, "normal", 0.0, 1.0) for n in intervals.RUNS])
    path, shown = tmp_path / "coverage.parquet", tmp_path / "page.md"
    shown.write_text("Before\n<!-- coverage -->\nold\n<!-- end -->\nafter\n")
    command.main(["--replications", "4", "--jobs", "2", "-o", str(path), "--page", str(shown)])
    found = pd.read_parquet(path)
    assert found.columns.tolist() == PUBLISHED.columns.tolist()
    assert found.equals(command.simulated(4, 1))  # whatever the number of processes
    assert {"commit", "seed", "seconds", "versions"} <= set(json.loads(parquet.read_schema(path).metadata[command.KEY]))
    assert shown.read_text() == f"Before\n<!-- coverage -->\n{page.worst_cells(found)}\n<!-- end -->\nafter\n"


def rows(quantity, procedure, missed):
    """Cells of 3, 5, 10 and 20 runs in which so many of 100 samples are missed."""
    labels = {"quantity": quantity, "procedure": procedure, "ratio": 1.0, "kind": "normal", "rho": 0.0}
    return pd.DataFrame({"n": intervals.RUNS, "missed": missed}).assign(**labels, replications=100)


def test_an_interval_has_to_hold_with_more_runs_too():
    assert intervals.holds(pd.Series([0.99, 0.99, 0.8, 0.93], index=intervals.RUNS)).tolist() == [False] * 3 + [True]
    assert intervals.holds(pd.Series([0.99, 0.99, 0.99, 0.92], index=intervals.RUNS)).tolist() == [False] * 4


def test_the_choice_is_what_holds_most_often_and_then_what_is_nearest():
    always, late, wide = (
        rows("q", "always", [7, 7, 7, 7]),
        rows("q", "late", [9, 5, 5, 5]),
        rows("q", "wide", [0, 0, 0, 0]),
    )
    assert table.choice(pd.concat([late, wide, always]), "q") == "always"
    assert table.choice(pd.concat([late, rows("q", "never", [0, 0, 0, 8])]), "q") == "late"
    assert table.choice(rows("q", "never", [0, 0, 0, 8]), "q") is None


@pytest.mark.parametrize("quantity", candidates.QUANTITIES)
def test_what_is_printed_is_the_tables_choice(quantity):
    if quantity not in intervals.OF_PAPER:
        assert intervals.PRINTED.get(quantity) == table.choice(PUBLISHED, quantity)


def test_the_published_table_is_whole_and_sound():
    cells = PUBLISHED[table.CELL].drop_duplicates()
    assert len(cells) == len(PUBLISHED)
    assert set(map(tuple, PUBLISHED[["n", "kind", "rho", "ratio"]].drop_duplicates().to_numpy())) == set(table.cells())
    assert set(PUBLISHED["replications"]) == {command.REPLICATIONS}
    exact = PUBLISHED[(PUBLISHED["procedure"] == "paired Student t") & (PUBLISHED["kind"] == "normal")]
    rates = exact["missed"] / exact["replications"]
    assert len(rates) == 12
    assert rates.between(*(0.05 + sign * 4 * np.sqrt(0.05 * 0.95 / command.REPLICATIONS) for sign in (-1, 1))).all()


def test_the_paper_ratio_is_found_with_twenty_runs():
    power = PUBLISHED[
        (PUBLISHED["ratio"] == table.PAPERS_RATIO) & (PUBLISHED["n"] == 20) & (PUBLISHED["kind"] == "normal")
    ]
    found = (power["missed"] / power["replications"]).groupby(power["procedure"]).min()
    assert found["permutation of whole runs, inverted"] > 0.9
    assert found["F distribution of one SD"] < 0.6


def test_the_page_shows_the_table():
    text = Path("docs/statistics.md").read_text(encoding="utf-8")
    assert page.refreshed(text, PUBLISHED) == text
    assert page.worst_cells(PUBLISHED) in text
    assert page.rejections(PUBLISHED, table.PAPERS_RATIO, 20) in text

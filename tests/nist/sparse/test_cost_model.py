from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from analysis.figures.crossover import CASE, fastest
from nist.benchmarks import fit_cost_model, results_file
from nist.errors import InputError
from nist.sparse import cost_model
from nist.sparse.kernels import FORMS
from nist.sparse.mask import Band


@pytest.fixture(autouse=True)
def _by_csr():
    """Costs are those of gathering too, where it pays."""


def test_the_form_with_the_least_predicted_time_is_chosen(monkeypatch):
    flat = dict.fromkeys(cost_model.TERMS, 0.0)
    table = {
        "cpu": {"masked": flat | {"weights": 1.0}} | dict.fromkeys((*FORMS[1:], "gathered"), flat | {"weights": 3.0})
    }
    monkeypatch.setattr(cost_model, "table", lambda: table)
    assert cost_model.cheapest(Band(4, 4, 4), 16, 64, "cpu") == "masked"  # 16 against 48
    assert cost_model.cheapest(Band(4, 4, 1), 4, 64, "cpu") == "banded"  # 12
    assert cost_model.cheapest(Band(6, 6, 1), 3, 64, "cpu") == "compressed"  # 9 against 36, and no band any more
    assert cost_model.cheapest(Band(4, 4, 1), 3, 64, "cpu") == "masked"  # its places would take more memory than a mask
    assert cost_model.cheapest(Band(4, 4, 1), 4, 64, "some other kind") == "banded"


def test_masked_is_left_only_for_a_clear_gain(monkeypatch):
    flat = dict.fromkeys(cost_model.TERMS, 0.0)
    forms = dict.fromkeys(FORMS, flat | {"steps": 9.0})
    monkeypatch.setattr(
        cost_model, "table", lambda: {"cpu": forms | {"masked": flat | {"steps": 1.04}, "banded": flat | {"steps": 1}}}
    )
    assert cost_model.cheapest(Band(4, 4, 1), 4, 64, "cpu") == "masked"
    monkeypatch.setattr(
        cost_model, "table", lambda: {"cpu": forms | {"masked": flat | {"steps": 1.06}, "banded": flat | {"steps": 1}}}
    )
    assert cost_model.cheapest(Band(4, 4, 1), 4, 64, "cpu") == "banded"


def test_work_is_counted_by_hand():
    band = Band(6, 4, 2)
    assert list(cost_model.work("masked", band, 12, 5).values()) == [1, 1, 24, 120, 50, 0]
    assert list(cost_model.work("compressed", band, 7, 5).values()) == [1, 1, 7, 35, 50, 0]
    assert list(cost_model.work("banded", band, 12, 5).values()) == [1, 2, 12, 60, 100, 0]
    # One block of all six inputs, whose outputs reach over two blocks' places.
    assert list(cost_model.work("blocked", band, 12, 5).values()) == [1, 1, 72, 360, 60, 0]
    assert list(cost_model.work("banded", Band(6, 12, 2, parts=3), 36, 5).values()) == [1, 6, 36, 180, 300, 0]


def test_weights_that_no_cache_holds_are_counted_once_more():
    counts = cost_model.work("masked", Band(4096, 4096, 1), 4096, 1)
    assert (counts["weights"], counts["spilled"]) == (2**24, 2**24 - 2**20)


def test_large_sparse_layers_are_never_masked_and_dense_ones_always_are():
    for kind in cost_model.table():
        assert cost_model.cheapest(Band(25088, 4096, 1), 25088, 64, kind) == "banded"
        assert cost_model.cheapest(Band(25088, 4096, 50), 25088 * 50, 64, kind) != "masked"
        assert cost_model.cheapest(Band(84, 10, 10), 840, 64, kind) == "masked"
        assert cost_model.cheapest(Band(25088, 4096, 50), 1000, 64, kind) == "compressed"


def test_times_that_follow_the_rule_are_predicted_after_the_fit(tmp_path):
    true = dict(zip(cost_model.TERMS, (2e-4, 1e-3, 2e-9, 3e-10, 4e-8, 0), strict=True))
    rows = [
        {
            "network": "net",
            "n_in": n_in,
            "n_out": n_out,
            "rows": rows,
            "k": k,
            "kept": kept,
            "candidate": form,
            "total_ms": 1e3
            * cost_model.predicted(true, cost_model.work(form, Band(n_in, n_out, k), int(kept * n_in * k), rows)),
            "chosen": False,
            "peak_bytes": 1,
        }
        for form in FORMS
        for n_in, n_out in ((1000, 1000), (5000, 100), (300, 2000))
        for rows in (16, 256)
        for k in (2, 50)
        for kept in ((1.0,) if form in ("banded", "blocked") else (1.0, 0.1))
    ]
    where = {"kind": "cuda", "device": "a card", "threads": "2", "torch": "2", "measured": "2026-01-02T03:04:05"}
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(rows)).replace_schema_metadata(where), tmp_path / "layers.parquet")
    (tmp_path / "costs.yaml").write_text("cpu: {source: kept}\n")
    fit_cost_model.main([str(tmp_path / "layers.parquet"), "-o", str(tmp_path / "costs.yaml")])
    fitted = yaml.safe_load((tmp_path / "costs.yaml").read_text())
    assert fitted["cpu"] == {"source": "kept"}
    assert fitted["cuda"]["source"] == "a card, 2 threads, torch 2, 2026-01-02"
    for row in rows:
        band = Band(row["n_in"], row["n_out"], row["k"])
        counts = cost_model.work(row["candidate"], band, int(row["kept"] * band.n_weights), row["rows"])
        seconds = cost_model.predicted(fitted["cuda"][row["candidate"]], counts)
        assert seconds == pytest.approx(row["total_ms"] / 1e3, rel=0.02)


def test_the_rule_chooses_well_on_what_was_measured_here():
    # Three runs of the benchmark, to which the rule was fitted. A single one scatters by more than this allows.
    folder = Path(__file__).parents[3] / "results/published/benchmarks/cpu"
    runs = [results_file.read(path)[0] for path in (folder / "layers.parquet", *folder.glob("repeats/*.parquet"))]
    assert len(runs) == 3
    medians = pd.concat(runs).groupby([*CASE, "candidate"], sort=False, as_index=False)["masked_over_this"].median()
    medians["chosen"] = [
        row.candidate
        == cost_model.cheapest(Band(row.n_in, row.n_out, row.k), int(row.kept * row.n_in * row.k), row.rows, "cpu")
        for row in medians.itertuples()
    ]
    best = fastest(medians)
    assert len(best) == 176
    assert (best["regret"] > 0.10).sum() == 3  # layers whose step takes less than a millisecond
    assert best["regret"].max() < 0.15
    assert best["masked_over_chosen"].min() > 0.95


def test_without_a_benchmark_there_is_nothing_to_fit(tmp_path):
    with pytest.raises(InputError, match="layers.parquet: no such file; make bench writes it"):
        fit_cost_model.main([str(tmp_path / "layers.parquet")])


def test_a_rule_is_of_one_kind_of_device(tmp_path):
    folder = Path(__file__).parents[3] / "results/published/benchmarks/cpu"
    table = pq.read_table(folder / "layers.parquet")
    other = tmp_path / "layers.parquet"
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"kind": b"cuda"}), other)
    with pytest.raises(InputError, match="is of cpu, and others are of cuda"):
        fit_cost_model.main([str(folder / "layers.parquet"), str(other), "-o", str(tmp_path / "costs.yaml")])
    assert not (tmp_path / "costs.yaml").exists()


def test_a_compressed_layer_of_few_weights_costs_what_gathering_costs():
    band = Band(4096, 4096, 1)
    ways = [cost_model.way_of("compressed", band, 1000, 64, device) for device in ("cpu", "cuda")]
    assert ways == ["gathered", "compressed"]
    assert cost_model.way_of("compressed", Band(4096, 4096, 50), 100_000, 64, "cpu") == "compressed"
    gathered = cost_model.predicted(
        cost_model.table()["cpu"]["gathered"], cost_model.work("compressed", band, 1000, 64)
    )
    assert cost_model.seconds("compressed", band, 1000, 64, "cpu") == gathered

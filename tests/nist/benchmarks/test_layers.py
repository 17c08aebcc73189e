from itertools import accumulate

import pyarrow.parquet as pq
import pytest
import torch

from nist.benchmarks import layers as benchmark
from nist.benchmarks.timing import Trial
from nist.sparse import cost_model
from nist.sparse.mask import Band

SMALL = benchmark.Case("small", 40, 20, 8, 2)
CPU = torch.device("cpu")


def test_every_candidate_is_measured_and_weighed():
    rows = {row["candidate"]: row for row in benchmark.measure(SMALL, CPU, seconds=0)}
    assert rows.keys() == {"linear", "masked", "banded", "blocked", "compressed"}
    assert rows["masked"]["masked_over_this"] == 1
    for row in rows.values():
        assert row["rounds"] == 3
        assert min(row["forward_ms"], row["backward_ms"], row["step_ms"]) > 0
        assert row["peak_bytes"] > row["bytes_held"]
    # Weights and Adam's two averages of 80 weights and 20 biases, in float32, with its two step counts; the band keeps
    # its four numbers beside them.
    assert rows["banded"]["bytes_held"] == 4 * 3 * (80 + 20) + 2 * 4 + 4 * 8
    assert rows["linear"]["bytes_held"] == 4 * 3 * (800 + 20) + 2 * 4
    assert [name for name, row in rows.items() if row["chosen"]] == [cost_model.cheapest(Band(40, 20, 2), 80, 8, "cpu")]


def test_the_peak_of_a_step_is_that_of_its_tensors():
    linear = torch.nn.Linear(1000, 500, bias=False)
    trial = Trial(linear, 1000, 500, 8, CPU)
    trial.time()
    # Weight, two averages and a step count stay; the gradients of weight and input and the output come and go.
    assert trial.bytes_held() == 3 * 4 * 500_000 + 4
    extra = trial.peak_bytes() - trial.bytes_held()
    assert 4 * 500_000 <= extra <= 4 * (500_000 + 8 * 1000 + 2 * 8 * 500) + 4096


def test_pruned_layers_are_masked_or_compressed():
    layers = benchmark.candidates(SMALL._replace(kept=0.1), CPU)
    assert layers.keys() == {"linear", "masked", "compressed"}
    assert layers["compressed"].active_weights == layers["masked"].active_weights == 8


def test_hopeless_candidates_are_left_out():
    big = benchmark.Case("big", 2048, 1024, 4, 512)
    assert benchmark.candidates(big, CPU).keys() == {"linear", "masked", "blocked"}


def test_a_bandwidth_is_what_is_read_and_written_in_the_best_of_ten(monkeypatch):
    clock = accumulate([0, 3, 7, 2] + [0, 5] * 8)  # the second copy takes 2 seconds, the others 3 and 5
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    assert benchmark.bandwidth(CPU, n=1000) == 2 * 4 * 1000 / 2


def test_the_command_writes_what_it_measured_on_what(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "SHAPES", (("small", 40, 20, (8, 16)),))
    monkeypatch.setattr(benchmark, "HEADS", {"small": ((40, 20, 10), (1, 10))})
    monkeypatch.setattr(benchmark, "bandwidth", lambda device: 5e9)
    benchmark.main(["--seconds", "0", "--device", "cpu", "--threads", "1", "--out", str(tmp_path)])
    layers, heads = (pq.read_table(tmp_path / "cpu" / f"{name}.parquet") for name in ("layers", "heads"))
    assert sorted(set(zip(*(layers[name].to_pylist() for name in ("k", "rows", "kept")), strict=True))) == [
        (k, rows, kept) for k in (1, 2, 10) for rows, kept in ((8, 0.1), (8, 1.0), (16, 1.0))
    ]
    assert heads["candidate"].to_pylist() == ["linear", "masked", "nist"] * 2
    for table in (layers, heads):
        assert b"CPU" in table.schema.metadata[b"device"]
        assert table.schema.metadata[b"kind"] == b"cpu"
        assert table.schema.metadata[b"bytes_a_second"] == b"5000000000.0"
        assert table.schema.metadata[b"torch"] == torch.__version__.encode()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    rows = benchmark.measure(SMALL, torch.device("cuda"), seconds=0)
    assert all(row["peak_bytes"] > row["bytes_held"] for row in rows)

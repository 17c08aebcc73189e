import pyarrow.parquet as pq
import torch

from nist import benchmark

SMALL = benchmark.Shape("small", 40, 20, 8)


def test_every_candidate_is_measured_and_weighed():
    rows = {row["candidate"]: row for row in benchmark.measure(SMALL, 2, torch.device("cpu"), seconds=0)}
    assert rows.keys() == {"linear", "masked", "banded", "compressed"}
    assert rows["masked"]["masked_over_this"] == 1
    for row in rows.values():
        assert row["rounds"] == 3
        assert min(row["forward_ms"], row["backward_ms"], row["step_ms"]) > 0
    # Weight, gradient and Adam's two averages of 80 weights and 20 biases, in float32, with its two step counts; the
    # band keeps its factor beside them.
    assert rows["banded"]["bytes_held"] == 4 * 4 * (80 + 20) + 2 * 4 + 8
    assert rows["linear"]["bytes_held"] == 4 * 4 * (800 + 20) + 2 * 4


def test_hopeless_candidates_are_left_out():
    big = benchmark.Shape("big", 2048, 1024, 4)
    assert benchmark.candidates(big, 512, torch.device("meta")).keys() == {"linear", "masked"}


def test_the_command_writes_what_it_measured_on_what(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "SHAPES", (SMALL,))
    benchmark.main(["--seconds", "0", "--device", "cpu", "--threads", "1", "--out", str(tmp_path / "b.parquet")])
    table = pq.read_table(tmp_path / "b.parquet")
    assert sorted(set(table["k"].to_pylist())) == [1, 2, 10]
    assert b"CPU" in table.schema.metadata[b"device"]
    assert table.schema.metadata[b"torch"] == torch.__version__.encode()

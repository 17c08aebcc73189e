import numpy as np
import pytest
import torch
from torch import nn

from nist.benchmarks import deployment as benchmark
from nist.benchmarks import layers, results_file
from nist.sparse.prune import nist_layers

SMALL = benchmark.Case("small", 0.9, 3)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    heads = {"small": ((40, 30, 10), (2, 5))}
    monkeypatch.setattr(layers, "HEADS", heads)
    monkeypatch.setattr(benchmark, "HEADS", heads)
    monkeypatch.setattr(benchmark, "SPARSITIES", {"small": (0.9,)})
    monkeypatch.setattr(benchmark, "BATCHES", (1, 4))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_every_candidate_computes_the_same():
    model, x = benchmark.head(SMALL).eval(), torch.randn(3, 40)
    expected = model(x).detach()
    assert sum(layer.active_weights for layer in nist_layers(model)) == 150
    for kind in (benchmark.Gathered, benchmark.Coo):
        torch.testing.assert_close(benchmark._with(model, kind)(x).detach(), expected)
    for way in benchmark._at_inference(SMALL, model, x).values():
        with torch.no_grad():
            found = way()
        np.testing.assert_allclose(np.asarray(found), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_gradients_of_the_alternatives_are_those_of_the_layer():
    model, x = benchmark.head(SMALL), torch.randn(3, 40)
    model(x).square().sum().backward()
    for kind in (benchmark.Gathered, benchmark.Coo):
        other = benchmark._with(model, kind)
        other(x).square().sum().backward()
        for one, two in zip(nist_layers(model), (each for each in other if not isinstance(each, nn.ReLU)), strict=True):
            torch.testing.assert_close(two.weight.grad, one.values(one.stored.grad))
            torch.testing.assert_close(two.bias.grad, one.bias.grad)


def test_the_command_writes_every_case_and_candidate(tmp_path):
    benchmark.main(["--out", str(tmp_path), "--threads", "1", "2", "--seconds", "0"])
    frame, where = results_file.read(tmp_path / "cpu" / "deployment.parquet")
    assert (where["kind"], where["threads"]) == ("cpu", "1 and 2")
    assert len(frame) == 2 * 2 * (2 * (5 + 6) + 2)
    assert {*frame["threads"]} == {1, 2}
    in_training = {"nist", "masked", "linear", "gather", "coo", "unpruned", "shrunk"}
    assert {*frame[frame["part"] == "training"]["candidate"]} == in_training
    assert not frame[frame["candidate"].isin(["unpruned", "shrunk"])]["sparsity"].isna().any()
    at_inference = {"nist", "eval", "linear", "torch csr", "torch bsr", "scipy csr"}
    assert {*frame[frame["part"] == "inference"]["candidate"]} == at_inference
    assert (frame[frame["candidate"] == "nist"]["this_over_nist"] == 1).all()
    assert frame["sparsity"].isna().sum() == 44

import contextlib
import io
import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from nist.benchmarks import plain_pytorch, results_file, trainer
from nist.studies import study


def test_rates_add_up_over_processes_and_ratios_are_taken_within_rounds():
    def one(ours, script):
        return {
            "ours": {"seed_epochs_a_second": ours, "peak_bytes": 10},
            "script": {"seed_epochs_a_second": script, "peak_bytes": 20},
            trainer.FLOOR: {"seed_epochs_a_second": 2 * ours, "peak_bytes": 5},
        }

    ours, script, floor = trainer.summary([one(4, 2), one(9, 3), one(1, 1)])
    assert [row["share_of_floor"] for row in (ours, script, floor)] == [1 / 2, 1 / 4, 1]
    assert (ours["ours_over_this"], ours["seed_epochs_a_second"], ours["peak_bytes"]) == (1, 4, 10)
    assert (script["ours_over_this"], script["seed_epochs_a_second"], script["rounds"]) == (2, 2, 3)


def test_on_a_gpu_ours_is_one_process_and_the_script_one_a_seed(tmp_path):
    gpu, cpu = (trainer.commands("s", "v", tmp_path, 2, 3, device) for device in ("cuda", "cpu"))
    assert [len(gpu[name]) for name in gpu] == [1, 1, 3, 3]
    assert [len(cpu[name]) for name in cpu] == [3, 3, 3, 3]


def test_processes_that_run_at_once_add_up_by_the_median_epoch_of_each(monkeypatch):
    class Printed:
        def __init__(self, command, **options):
            self.line = json.dumps({"seconds": json.loads(command[-1]), "peak_bytes": 7})

        def communicate(self):
            return f"a log\n{self.line}\n", None

    monkeypatch.setattr(trainer, "subprocess", SimpleNamespace(Popen=Printed, PIPE=None))
    found = trainer.measure([["module", "[1, 4, 9]"], ["module", "[2, 2]"]])
    assert found == {"seed_epochs_a_second": 1 / 4 + 1 / 2, "peak_bytes": 14}


def test_an_epochs_operations_are_those_of_its_layers():
    model = study.load("lenet5-fmnist").configuration("dense")["model"]
    convolutions = [28**2 * 6 * 25, 10**2 * 16 * 150, 120 * 400]
    forward = sum(convolutions) + 120 * 84 + 84 * 10
    backward = 2 * forward - convolutions[0]  # the images need no gradient
    found = trainer.operations(model, (1, 32, 32), training=10, validation=3)
    assert found == 2 * (10 * (forward + backward) + 3 * forward)


def test_a_depthwise_convolution_counts_the_products_it_makes():
    model = study.load("mobilenetv1-cifar10").configuration("dense-1")["model"]
    # 11.6 million multiply-accumulates, of which 0.6 are depthwise: each channel by itself.
    assert trainer.operations(model, (3, 32, 32), 0, 1) / 2 == pytest.approx(11.6e6, rel=0.01)


def test_a_variant_is_trained_before_its_prune(tmp_path, capsys):
    path = tmp_path / "images.npz"
    np.savez(path, **trainer.generated(64, 28, 1)._asdict())
    trainer.main(["ours", "lenet5-fmnist", "nist-1-10-p98", str(path), "0-1", "2", "cpu"])
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["seconds"]) == 4


class InThisProcess:
    """A child that does its work here when it is asked for what it has printed."""

    def __init__(self, command, **options):
        self.module, self.words = command[2], command[3:]

    def communicate(self):
        main = {"nist.benchmarks.plain_pytorch": plain_pytorch.main, "nist.benchmarks.trainer": trainer.main}[
            self.module
        ]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            main(self.words)
        return printed.getvalue(), None


@pytest.mark.parametrize("popen", [InThisProcess, pytest.param(subprocess.Popen, marks=pytest.mark.slow)])
def test_both_trainers_are_measured(tmp_path, monkeypatch, popen):
    monkeypatch.setattr(trainer, "subprocess", SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE))
    monkeypatch.setattr(trainer, "STUDIES", (("lenet5-fmnist", "dense", (28, 1), 1.0),))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    options = ["--images", "96", "--epochs", "1", "--rounds", "1", "--device", "cpu"]
    trainer.main(["--out", str(tmp_path), *options])
    frame, where = results_file.read(tmp_path / "cpu" / "trainer.parquet")
    assert frame["candidate"].tolist() == ["ours", trainer.FLOOR, "script, 0 workers", "script, 1 workers"]
    assert (frame["share_of_floor"].drop(1) < 1).all()
    assert (frame["seed_epochs_a_second"] > 0).all()
    assert (frame["peak_bytes"] > 1e8).all()
    assert where["kind"] == "cpu"

import runpy
import subprocess
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nist import metrics_file, train
from nist.data import splits
from nist.errors import InputError
from nist.runtime import devices, provenance
from nist.sparse.prune import nist_layers
from nist.studies import study
from nist.training import loop
from nist.training.checkpoint import Checkpoint
from tests.conftest import ROOT
from tests.nist.training.block import stopping, train_block

CPU = torch.device("cpu")
LENET5 = ROOT / study.FOLDER / "lenet5-digits.yaml"
MEASURED = ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "active_weights", "diverged"]


@pytest.fixture
def short(study_content, load_study):
    """The embedded LeNet-5 study at four epochs, pruned after the second."""

    def make(**training):
        study_content["training"].update({"epochs": 4, "batch_size": 32, **training})
        for variant in study_content["variants"].values():
            if variant["prune"]:
                variant["prune"]["epoch"] = 2
        return load_study(study_content)

    return make


def block(experiment, variant, seeds, images):
    rows, description = train_block(experiment, variant, seeds, images, CPU)
    return rows, description


def measured(rows, seed):
    return [[row[name] for name in MEASURED] for row in rows if row["seed"] == seed]


def test_a_block_is_recorded_whole(short, images, tmp_path):
    rows, description = block(short(), "nist-1-10-p98", range(3, 5), images)
    metrics_file.write(tmp_path / "m.parquet", rows, description)
    read = metrics_file.read(tmp_path / "m.parquet")
    assert len(read.table) == 8
    parameters = {"other": 50_692 + 94, "frozen": 0, "dense_weights": 10_920, "initial_weights": 960}
    assert read.description["parameters"] == parameters
    assert read.description["training_images"] == len(images.train_labels)


def test_the_prune_takes_effect_after_its_epoch(short, images):
    rows, _ = block(short(), "nist-1-10-p98", range(1), images)
    assert [row["active_weights"] for row in rows] == [960, 960, 218, 218]
    assert [round(row["sparsity"], 4) for row in rows] == [0.9121, 0.9121, 0.98, 0.98]


def test_the_optimizer_changes_with_the_learning_rate_of_its_phase(short, images):
    experiment = short()
    experiment.content["training"]["optimizers"][1]["learning_rate"] = 0.25
    rows, _ = block(experiment, "dense", range(1), images)
    assert [row["learning_rate"] for row in rows] == [0.005, 0.005, 0.005, 0.25]


def test_a_run_does_not_depend_on_its_block_and_repeats_to_the_bit(short, images):
    experiment = short()
    together, _ = block(experiment, "nist-1-10-p99.5", range(2), images)
    alone, _ = block(experiment, "nist-1-10-p99.5", range(1, 2), images)
    assert measured(together, 1) == measured(alone, 1)
    assert measured(together, 0) != measured(together, 1)


def test_variants_that_differ_only_in_the_prune_agree_until_then(short, images):
    experiment = short()
    rows = [block(experiment, variant, range(1), images)[0] for variant in ("nist-1-10-p98", "nist-1-10-p99.5")]
    assert measured(rows[0], 0)[:2] == measured(rows[1], 0)[:2]
    assert measured(rows[0], 0)[2:] != measured(rows[1], 0)[2:]


def unreached(description):
    return [session.get("unreached_outputs") for session in description["sessions"]]


def test_a_session_says_how_many_classes_its_prunes_cut_off(short, images):
    experiment = short()
    _, description = block(experiment, "nist-1-10-p99.5", range(2), images)
    (found,) = unreached(description)
    assert set(found) == {"0", "1"}
    assert all(0 < outputs < 10 for outputs in found.values())
    assert unreached(block(experiment, "nist-1-10-p98", range(1), images)[1]) == [{"0": 0}]
    assert unreached(block(experiment, "dense", range(1), images)[1]) == [None]


def test_a_prune_can_leave_every_class_a_path(short, images):
    experiment = short()
    experiment.content["training"]["pruning"]["reachable"] = True
    rows, description = block(experiment, "nist-1-10-p99.5", range(2), images)
    assert unreached(description) == [{"0": 0, "1": 0}]
    assert {row["active_weights"] for row in rows if row["epoch"] > 2} == {54}


@pytest.mark.parametrize("magnitude", ["scaled", "lamp", "synflow"])
def test_a_prune_can_read_magnitude_otherwise(short, images, magnitude):
    experiment = short()
    plain, _ = block(experiment, "nist-1-10-p99.5", range(1), images)
    experiment.content["training"]["pruning"]["magnitude"] = magnitude
    rows, _ = block(experiment, "nist-1-10-p99.5", range(1), images)
    assert [row["active_weights"] for row in rows] == [960, 960, 54, 54]
    assert measured(rows, 0)[:2] == measured(plain, 0)[:2]
    assert measured(rows, 0)[2] != measured(plain, 0)[2]


def test_weights_that_are_zeroed_once_train_again(short, images):
    experiment = short()
    experiment.content["training"]["pruning"]["mask"] = "stays"
    configuration = experiment.configuration("nist-1-10-p99.5")
    run = loop.Run(configuration, 0, splits.prepare(images, configuration["data"], CPU))
    assert len([*run.epochs(2)]) == 2
    moments = [run.optimizer.state[layer.stored]["exp_avg"] for layer in nist_layers(run.network)]
    before = [layer.stored.clone() for layer in nist_layers(run.network)]
    run.prune(0.995)
    after = [layer.stored for layer in nist_layers(run.network)]
    assert sum(int(each.count_nonzero()) for each in after) == 54
    assert all(((now == then) | (now == 0)).all() for now, then in zip(after, before, strict=True))
    assert all(not moment[now == 0].any() and moment.any() for moment, now in zip(moments, after, strict=True))
    assert [layer.active_weights for layer in nist_layers(run.network)] == [120, 840]
    found, _ = block(experiment, "nist-1-10-p99.5", range(1), images)
    assert [row["active_weights"] for row in found[:2]] == [960, 960]
    assert 54 < found[3]["active_weights"] <= 960


def test_a_resumed_block_still_says_what_was_cut_off_before(short, images, tmp_path):
    experiment, path = short(), tmp_path / "block.safetensors"
    whole = unreached(block(experiment, "nist-1-10-p99.5", range(2), images)[1])[0]
    words = (experiment, "nist-1-10-p99.5", range(2), images, CPU)
    with pytest.raises(KeyboardInterrupt):
        train_block(*words, checkpoint=stopping(path, writes=5))  # seed 0 is finished, seed 1 not yet pruned
    _, description = train_block(*words, checkpoint=Checkpoint(path, minutes=0))
    assert unreached(description) == [{"0": whole["0"]}, {"1": whole["1"]}]


def test_a_run_that_diverges_is_recorded_to_its_last_epoch_and_flagged(short, images, tmp_path):
    experiment = short()
    for phase in experiment.content["training"]["optimizers"]:
        phase["learning_rate"] = 1e38
    rows, description = block(experiment, "dense", range(2), images)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4] * 2
    assert all(row["diverged"] for row in rows if row["epoch"] == 4)
    assert np.isnan(rows[-1]["train_loss"])
    metrics_file.write(tmp_path / "m.parquet", rows, description)
    assert metrics_file.read(tmp_path / "m.parquet").table["diverged"].to_pylist()[-1]


def test_training_learns(short, images):
    rows, _ = block(short(), "dense", range(1), images)
    assert rows[-1]["train_loss"] < 0.7 * rows[0]["train_loss"]
    assert rows[-1]["val_accuracy"] > 0.5


def test_bfloat16_changes_the_numbers_and_still_learns(short, images):
    plain, _ = block(short(), "dense", range(1), images)
    autocast, description = block(short(precision="bfloat16"), "dense", range(1), images)
    assert description["precision"] == "bfloat16"
    assert autocast[-1]["train_loss"] != plain[-1]["train_loss"]
    assert autocast[-1]["val_accuracy"] > 0.4


@pytest.mark.parametrize("emulates", [True, False])
def test_it_is_told_that_bfloat16_is_emulated(emulates, short, images, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(devices, "emulates_bfloat16", lambda: emulates)
    monkeypatch.setattr(train.sources, "load", lambda *arguments: (images, None))
    words = ["--study", short(precision="bfloat16").path, "--variant", "dense", "--seeds", "0-0", "--epochs", "1"]
    places = ["--out", tmp_path / "m.parquet", "--checkpoints", tmp_path / "kept", "--device", "cpu"]
    train.main([*map(str, words), *map(str, places)])
    told = "training.precision: this processor emulates bfloat16; float32 is faster here\n"
    assert capfd.readouterr().err == told * emulates


def test_labels_are_smoothed_once():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 2])
    logs = logits.log_softmax(1)
    smoothed = -(0.9 * logs[range(4), labels] + 0.1 * logs.mean(1)).mean()
    torch.testing.assert_close(loop.training_loss(logits, labels, 0.1), smoothed)
    shares = torch.tensor([[0.2, 0.7, 0.1]]).expand(4, 3)  # smoothed when they were mixed
    torch.testing.assert_close(loop.training_loss(logits, shares, 0.1), -(shares * logs).sum(1).mean())


def test_a_loss_is_the_mean_over_images_and_a_mixed_image_is_of_the_class_that_it_shows_most_of():
    run = SimpleNamespace(
        device=CPU,
        configuration={"training": {"precision": "float32"}},
        network=lambda images: images,
        operations=nullcontext(),
    )
    logits, shares = torch.eye(3), torch.tensor([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    batches = [(logits[:2], shares[:2]), (logits[2:], shares[2:])]
    loss, hits = loop.Run._mean(run, batches, lambda logits, targets: torch.tensor(float(len(targets))))
    assert (loss, hits.tolist()) == ((2 * 2 + 1 * 1) / 3, [True, False, True])


def test_fewer_images_are_evaluated_at_once_where_they_are_large():
    assert [loop.evaluation_batch((3, side, side)) for side in (32, 224, 5000)] == [1024, 2**23 // 224**2, 1]


def test_processes_that_read_images_are_as_many_as_the_cores_that_a_job_has(monkeypatch):
    monkeypatch.setattr(train.os, "sched_getaffinity", lambda process: {3, 5, 6, 9})
    monkeypatch.setattr(train.os, "cpu_count", lambda: 128)
    assert train.default_workers(torch.device("cuda")) == 3
    assert train.default_workers(CPU) == 0


def test_cuda_asked_for_and_absent_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device is visible here; use --device cpu, or auto"):
        devices.choose_device("cuda")
    assert devices.choose_device("auto") == CPU


def test_the_command_trains_and_logs_plain_lines(tmp_path):
    words = ["--study", LENET5, "--variant", "dense", "--seeds", "0-1", "--epochs", "1", "--out", "out/m.parquet"]
    done = subprocess.run(
        [sys.executable, "-m", "nist.train", *words],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    starts = [line.partition(" epoch 1, validation accuracy 0.")[0] for line in done.stdout.splitlines()]
    assert starts == [f"lenet5-digits dense seed {seed}: finished" for seed in (0, 1)]
    assert done.stderr == ""
    assert metrics_file.read(tmp_path / "out/m.parquet").description["epochs"] == 1


def test_what_the_command_is_not_told():
    told = train.parse(["--study", "s", "--variant", "v", "--seeds", "0-1", "--out", "m"])
    assert (told.device, told.threads, told.workers, told.together) == ("auto", 1, None, 0)
    assert (told.minutes, told.stall_minutes, told.epochs, told.download) == (5, 60, None, False)


def test_what_a_job_left_that_was_killed_at_its_end_is_cleared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--study", str(LENET5), "--variant", "dense", "--seeds", "0-0", "--epochs", "1", "--out", "out/m.parquet"]
    with monkeypatch.context() as killed:
        killed.setattr(Checkpoint, "remove", lambda *_: None)
        train.main([*words, "--minutes", "0"])
    assert [*Path("results/checkpoints").rglob("*.safetensors")]
    train.main(words)
    assert not [*Path("results/checkpoints").rglob("*.safetensors")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "nowhere", "--variant", "dense"], "config/studies/nowhere.yaml: no such file"),
        (["--study", "{study}", "--variant", "dense", "--epochs", "0"], "a run of 0 epochs trains nothing"),
        (["--study", "{study}", "--variant", "dense", "--threads", "0"], "--threads 0: give at least 1"),
        (["--study", "{study}", "--variant", "dense", "--together", "-1"], "--together -1: give the number of runs"),
        (["--study", "{study}", "--variant", "dense", "--minutes", "nan"], "--minutes nan: give 0"),
        (["--study", "{study}", "--variant", "dense", "--stall-minutes", "-1"], "--stall-minutes -1.0: give minutes"),
        (["--study", "{study}", "--variant", "dense", "--seeds", "5-2"], "seeds '5-2': write the first and the last"),
        (["--study", "{study}", "--variant", "dense", "--seeds", "2-3"], "--seeds: given 2 times; give one range"),
        (["--study", "{study}", "--variant", "dense", "--workers", "-1"], "--workers -1: give the number of processes"),
        (["--study", "{study}", "--variant", "dense", "--until-prune"], "dense is not pruned, so it has no trunk"),
        (["--study", "{study}", "--variant", "nist-1-10-p98", "--epochs", "4"], "prune before the last one"),
        (["--study", "{study}", "--variant", "danse"], "no variant 'danse'; there are dense, nist-1-10-p98"),
    ],
)
def test_bad_input_is_named_before_anything_is_trained(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        train.main(["--seeds", "0-1", *(argument.format(study=LENET5) for argument in arguments), "--out", "m.parquet"])
    assert message in str(error.value)
    assert not Path("m.parquet").exists()


def test_the_module_run_as_a_command_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", "--study", "nowhere", "--variant", "v", "--seeds", "0-1", "--out", "m"])
    monkeypatch.setattr("warnings.formatwarning", warnings.formatwarning)  # the command sets it
    monkeypatch.delitem(sys.modules, "nist.train")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("nist.train", run_name="__main__")
    assert ended.value.code == "error: config/studies/nowhere.yaml: no such file"


def test_the_commit_is_that_of_the_code(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=tmp_path, check=True, capture_output=True
        )

    package = tmp_path / "nist"
    package.mkdir()
    monkeypatch.setattr(provenance.nist, "__file__", str(package / "__init__.py"))
    assert provenance.commit() is None
    (package / "machine.py").write_text("1")
    git("init")
    git("add", "-A")
    git("commit", "-m", "first")
    clean = provenance.commit()
    assert len(clean) == 40
    (tmp_path / "elsewhere").write_text("")
    assert provenance.commit() == clean
    (package / "machine.py").write_text("2")
    assert provenance.commit() == clean + "+"
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None

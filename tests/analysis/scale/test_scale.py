"""What many seeds would take: counts by hand, shapes against the networks themselves, files that are read again."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from analysis.metrics import runs
from analysis.networks import macs
from analysis.scale import __main__ as scale
from analysis.scale import hours, jobs, simulation
from nist import metrics_file
from nist.data import packed
from nist.data.catalog import DATASETS
from nist.errors import InputError
from nist.models.build import build
from nist.studies import study
from nist.training import session
from nist.training.seed_block import LARGEST_STACKED

CPU = "Model T (CPU, 4 cores)"


def test_blocks_start_at_multiples_of_their_size():
    assert study.blocks(range(3, 12), 5) == [(3, 4), (5, 9), (10, 11)]
    assert study.blocks(range(4), 20) == [(0, 3)]


def test_parts_are_what_seeds_have_in_common_with_blocks():
    assert study.parts([(0, 4), (5, 9), (10, 11)], range(3, 10)) == [(3, 4), (5, 9)]
    assert study.parts([(0, 19)], range(5)) == [(0, 4)]
    assert study.parts([(0, 4)], range(5, 8)) == []


def test_a_trunk_is_trained_once_and_runs_of_another_study_not_at_all():
    # Five of seven variants are pruned after epoch 4 of 60, no two alike before it; one more is taken.
    counted = jobs.of(study.load("lenet5-fmnist-controls"), n_seeds=12, size=5)
    assert counted == jobs.Jobs(runs=6 * 12, epochs=12 * 6 * 60, blocks=6 * 3, trunks=5 * 3, taken=3)
    assert counted.files == 21
    # Two of three pruned variants share their trunk: 60 + 3 · 56 epochs, and 2 · 4 of trunks.
    assert jobs.of(study.load("lenet5-fmnist"), n_seeds=1, size=1) == jobs.Jobs(4, 236, 4, 2, 0)


def counted_macs(network, image_shape):
    """Multiply-accumulates of one image's weights, counted by hooks on the layers that have them."""
    counts = []

    def count(layer, inputs, output):
        positions = output[0].numel() // (output.shape[1] if isinstance(layer, nn.Conv2d) else output.shape[-1])
        counts.append(layer.weight.numel() * positions)

    for layer in network.modules():
        if hasattr(layer, "weight") and layer.weight.dim() > 1:
            layer.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, *image_shape))
    return sum(counts)


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("lenet5-cifar10", "dense"),
        ("lenet5-fmnist", "nist-1-10-p98"),
        ("mobilenetv1-cifar10", "sparse-3"),
        ("deit-small-imagenet100", "nist-p50"),
        ("deit-small-cifar10", "nist-p70"),
        ("vgg16-cifar10", "dense"),
        ("alexnet-cifar10-controls", "average-pooling"),
        ("alexnet-cifar10-controls", "narrow-168k"),
    ],
)
def test_multiply_accumulates_are_those_of_the_network(name, variant):
    configuration = study.load(name).configuration(variant)
    content = configuration["data"]
    channels = DATASETS[content["dataset"]].shape[2] if content["dataset"] in DATASETS else 3
    shape = (channels, content["image_size"], content["image_size"])
    tokens = {224: 14**2, 32: 8**2}[content["image_size"]] + 1
    attention = 12 * 2 * tokens**2 * 384 if configuration["model"]["name"] == "deit_small" else 0  # no layer of its own
    assert macs.forward(configuration) == counted_macs(build(configuration["model"], shape), shape) + attention


def test_frozen_layers_are_only_passed_forward():
    dense, factors = (study.load("vgg16-imagenet100").configuration(name) for name in ("dense", "nist-1-2-100"))
    assert sum(layer.trained for layer in macs.layers(dense)[:13]) == 14_714_688
    last_block, head = 3 * 512 * 512 * 9 * 14**2, 25088 * 4096 + 4096**2 + 4096 * 100
    assert macs.training_step(dense) - macs.forward(dense) == 2 * (last_block + head)
    banded = 25088 + 2 * 4096 + 100 * 4096  # in another form than the masked one, what Eq. 1 connects
    assert macs.forward(dense) - macs.forward(factors) == head - banded


@pytest.mark.parametrize("variant", ["dense", "nist-1-10-p98"])
def test_a_state_has_the_bytes_that_its_shapes_say(study_content, load_study, variant, tmp_path):
    experiment = load_study(study_content)
    images = packed.load("digits", tmp_path, tmp_path)
    training = session.Training(
        experiment, variant, experiment.configuration(variant), range(1), images, torch.device("cpu")
    )
    run = training.run(0)
    next(iter(run.epochs(8)))
    kept = sum(value.nbytes for name, value in run.state().items() if not name.startswith("generator."))
    assert macs.state_bytes(experiment.configuration(variant)) == pytest.approx(kept, rel=1e-3)


def test_a_checkpoint_holds_the_runs_that_advance_together():
    small, large = study.load("mobilenetv1-cifar10"), study.load("vgg16-imagenet100-low")
    for experiment, together in ((small, 20), (large, 1)):
        configuration = experiment.configuration(experiment.baseline)
        assert macs.checkpoint_bytes(configuration, 20) == together * macs.state_bytes(configuration)
    assert macs.LARGEST_STACKED == LARGEST_STACKED


def test_simulated_metrics_are_sound_and_as_many_as_asked_for(tmp_path, study_content, load_study):
    study_content["training"]["epochs"] = 5
    experiment = load_study(study_content)
    paths = simulation.write_all(tmp_path, experiment, n_seeds=7, size=5)
    frame = runs.read(paths)
    assert len(paths) == 4 * 2
    assert len(frame) == 4 * 7 * 5


@pytest.fixture
def published(tmp_path, make_rows, description):
    """Read back a block of three runs of two epochs that took half a second each."""

    def read(experiment, variant="dense", **changes):
        rows = make_rows([[0.5, 0.6]] * 3, study=experiment.name, variant=variant)
        path = tmp_path / "block.parquet"
        configuration = experiment.configuration(variant)
        metrics_file.write(path, rows, description(range(3), 2, configuration=configuration, **changes))
        return metrics_file.read(path)

    return read


def test_hours_are_measured_on_the_same_data_model_and_batch_only(published):
    small, other = study.load("lenet5-fmnist"), study.load("lenet5-cifar10")
    found = hours.measured(small, [published(small)])
    assert found == hours.Measured(0.5, 3, "lenet5-fmnist", "test device")
    controls = study.load("lenet5-fmnist-controls")
    assert hours.measured(small, [published(controls, "uniform", device=CPU, threads=2)]) == (
        0.5, 3, "lenet5-fmnist-controls", f"{CPU}, 2 threads a run",
    )  # fmt: skip
    assert hours.measured(small, [published(controls, "uniform", threads=2)]).device == "test device"
    assert hours.measured(other, [published(small)]) is None


def test_hours_of_gpus_and_of_cpus_are_not_mixed(published):
    controls = study.load("lenet5-fmnist-controls")
    blocks = [published(controls, name, device=device) for name, device in (("uniform", "T1000"), ("random-mask", CPU))]
    for experiment in (controls, study.load("lenet5-fmnist")):
        assert hours.measured(experiment, blocks) == hours.Measured(0.5, 3, controls.name, "T1000")
        assert hours.measured(experiment, blocks[1:]).device == CPU


def test_what_is_not_known_is_said_and_never_guessed(published):
    rows = [scale.estimate(study.load(name), 2, 1, []) for name in ("lenet5-digits", "lenet5-fmnist")]
    table = scale.priced(pd.DataFrame(rows), tflops=100, price=None, cpu_price=0.1)
    text = scale.printed(table, scale.HOURS)
    digits, fmnist, together = text.splitlines()[2:]
    assert digits.count(scale.NOT_KNOWN) == 6  # the size of digits is known to scikit-learn alone
    assert fmnist.count(scale.NOT_KNOWN) == 4
    assert together.count(scale.NOT_KNOWN) == 4
    assert "Cost, floor" not in text


@pytest.mark.parametrize(("device", "cost"), [("T (CPU, 4 cores), 1 thread a run", 2), ("T1000", 12)])
def test_a_price_multiplies_hours(device, cost):
    table = pd.DataFrame({"flops": [3.6e18], "measured_hours": [4.0], "measured_on": [device]})
    priced = scale.priced(table, tflops=100, price=3, cpu_price=0.5)
    assert priced.loc[0, ["floor_hours", "floor_cost", "measured_cost"]].tolist() == [10, 30, cost]


def test_hours_of_a_device_without_a_price_cost_what_is_not_known():
    table = pd.DataFrame({"flops": [3.6e18], "measured_hours": [4.0], "measured_on": ["T1000"]})
    assert np.isnan(scale.priced(table, tflops=None, price=None, cpu_price=0.5).loc[0, "measured_cost"])


def test_each_study_may_count_its_own_seeds(tmp_path, capsys):
    names = ["alexnet-cifar10-pilot", "vgg16-cifar10", "deit-small-cifar10"]
    scale.main([*names, "--own-seeds", "--tflops", "100", "-o", str(tmp_path / "scale.csv")])
    assert capsys.readouterr().out.startswith("each study's own seeds of every variant")
    table = pd.read_csv(tmp_path / "scale.csv").set_index("study").loc[names]
    # 4 · 3 runs of 60 epochs; 3 · 5 of 20; 5 · 5 of 20, twice 10 of them a trunk's and so in the count as they are.
    assert table["epochs"].tolist() == [4 * 3 * 60, 3 * 5 * 20, 5 * 5 * 20]
    assert (table["floor_hours"] > 0).all()


def test_a_model_and_images_of_ones_own_are_not_known():
    experiment = study.load("lenet5-digits")
    experiment.content["model"]["name"] = "mymodels.small"
    experiment.content["data"] |= {"dataset": "photos", "classes": 3}
    row = scale.estimate(experiment, 2, 1, [])
    assert np.isnan([row[name] for name in ("trunk_bytes", "checkpoint_bytes", "image_bytes", "flops")]).all()
    assert row["runs"] == 2 * len(experiment.trained)
    assert scale.NOT_KNOWN in scale.printed(scale.priced(pd.DataFrame([row]), 100, None, 0.1), scale.HOURS)


def test_one_variant_alone_has_a_checkpoint(study_content, load_study):
    study_content["variants"] = {"dense": study_content["variants"]["dense"]}
    experiment = load_study(study_content)
    wanted = macs.checkpoint_bytes(experiment.configuration("dense"), 3)
    assert scale.estimate(experiment, 3, 3, [])["checkpoint_bytes"] == wanted > 0


@pytest.mark.parametrize("option", ["--seeds", "--block-size"])
def test_no_seeds_are_refused(option):
    with pytest.raises(InputError, match="--seeds, --block-size: give at least 1"):
        scale.main(["lenet5-digits", option, "0"])


def test_the_table_is_written_as_csv_too(tmp_path, capsys):
    scale.main(["mobilenetv1-cifar10", "--seeds", "40", "-o", str(tmp_path / "scale.csv")])
    assert "mobilenetv1-cifar10" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "scale.csv").loc[0, ["blocks", "trunks", "files"]].tolist() == [6, 0, 6]

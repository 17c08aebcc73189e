"""What training costs, on runs whose cost is counted by hand."""

import math

import pandas as pd
import pytest

from analysis import items
from analysis.metrics import runs
from analysis.networks import macs
from analysis.statistics import __main__ as statistics
from analysis.statistics import training_cost
from analysis.study_results import Source
from analysis.tables import trainingcost
from nist.studies import study

CONVOLUTIONS = 6 * 25 * 28**2 + 16 * 6 * 25 * 10**2 + 120 * 16 * 25  # LeNet-5 on digits: one channel
HEAD = 120 * 10 + 84 * 10  # inside Eq. 1 with factors (10, 10), before the prune
EPOCHS, TRAINED, VALIDATED = 6, 100, 50  # of the fixtures; the prune follows epoch 4


def table_of(costs, experiment):
    return trainingcost.build([Source(experiment, {"training_cost": costs})])


@pytest.fixture
def experiment(study_content, load_study):
    study_content["variants"]["nist-1-10-p99.5"] |= {"factors": [10, 10], "prune": {"epoch": 4, "sparsity": 0.995}}
    return load_study(study_content)


@pytest.fixture
def costs(experiment, metrics_file):
    """The statistic of six epochs of blocks given as variant, device and joules of each session."""

    def make(*blocks, model=None, codes=None, more=()):
        paths = []
        for place, (variant, device, joules) in enumerate(blocks):
            configuration = experiment.configuration(variant)
            configuration["model"]["name"] = model or configuration["model"]["name"]
            sessions = [{"joules": joule, **(more[place] if more else {})} for joule in joules]
            said = {"configuration": configuration, "device": device, "sessions": sessions}
            if codes:
                said["training_code_digest"] = codes[place]
            accuracies = [[0.5] * EPOCHS] * 2
            named = {"study": experiment.name, "variant": variant}
            paths.append(metrics_file(str(place), accuracies, 2 * place, said, **named))
        return training_cost.training_cost(runs.read_blocks(paths).values())

    return make


def test_arithmetic_is_that_of_the_weights_which_are_active_in_each_epoch(costs):
    (_, row) = next(costs(("nist-1-10-p99.5", "a", [])).iterrows())
    weights = 4 * HEAD + 2 * 54
    assert row["flops_eq3"] == 4 * TRAINED * weights
    assert row["macs"] == 3 * TRAINED * (EPOCHS * CONVOLUTIONS + weights)
    both = row["macs"] + VALIDATED * (EPOCHS * CONVOLUTIONS + weights)
    assert row["flops_a_second"] == pytest.approx(2 * both / (EPOCHS * 0.5))


def test_what_was_measured_is_a_mean_over_the_runs_of_a_device(costs):
    found = costs(("dense", "a", [60.0, 30.0]), ("dense", "a", [30.0]), ("dense", "b", [None, 3.0])).set_index("device")
    assert found["n"].to_dict() == {"a": 4, "b": 2}
    assert found["seconds"].to_dict() == {"a": 0.5, "b": 0.5}
    assert found.loc["a", "joules"] == pytest.approx(120 / (4 * EPOCHS))
    assert math.isnan(found.loc["b", "joules"])  # one of its sessions did not record them


@pytest.mark.parametrize("disturbed", [{"niceness": 19}, {"stopped_seconds": 60.0}])
def test_runs_that_shared_their_core_measure_nothing(costs, disturbed, experiment):
    quiet = {"niceness": 0, "stopped_seconds": 0.0}
    found = costs(("dense", "a", [60.0]), ("dense", "a", [90.0]), more=[quiet, disturbed]).iloc[0]
    assert found[["n", "n_measured", "seconds"]].tolist() == [4, 2, 0.5]
    assert found["joules"] == pytest.approx(60 / (2 * EPOCHS))
    found = costs(("dense", "a", [60.0]), more=[disturbed])
    assert found["n_measured"].tolist() == [0]
    assert found[["seconds", "joules", "flops_a_second"]].isna().all(axis=None)
    table = table_of(found, experiment)
    assert table.iloc[0][["Seconds an epoch", "Joules an epoch", "Runs"]].tolist() == ["–", "–", "2, 0 measured"]


def test_of_a_network_of_ones_own_the_multiply_accumulates_are_not_known(costs):
    (_, row) = next(costs(("dense", "a", []), model="theirs").iterrows())
    assert row["flops_eq3"] == 4 * TRAINED * EPOCHS * 10_920
    assert math.isnan(row["macs"])
    assert math.isnan(row["flops_a_second"])


@pytest.mark.parametrize(
    "name", ["lenet5-cifar10", "alexnet-cifar10", "mobilenetv1-cifar10", "vgg16-imagenet100", "deit-small-imagenet100"]
)
def test_with_every_weight_active_it_is_what_a_dense_network_does(name):
    experiment = study.load(name)
    configuration = experiment.configuration(experiment.baseline)
    dense = sum(band.n_in * band.n_out for band in macs.bands(configuration["model"]))
    assert macs.with_active(configuration, dense) == (macs.forward(configuration), macs.training_step(configuration))


def test_ratios_are_to_the_baseline_and_what_is_measured_only_on_the_same_device(costs, experiment):
    found = costs(("dense", "a", [60.0]), ("nist-1-10-p99.5", "a", [30.0]), ("nist-1-10-p99.5", "b", [30.0]))
    table = table_of(found, experiment).set_index(["Variant", "Device"])
    assert "×" not in "".join(table.xs("Dense").iloc[0])
    same, other = (table.loc[("NIST (1, 10), 99.5 %", device)] for device in ("a", "b"))
    assert same["Eq. 3 (10¹² FLOPs)"].endswith(f"(× {found['flops_eq3'][1] / found['flops_eq3'][0]:.3g})")
    assert (same["Seconds an epoch"], other["Seconds an epoch"]) == ("0.5 (× 1)", "0.5")
    assert (same["Joules an epoch"], other["Joules an epoch"]) == ("2.5 (× 0.5)", "2.5")


def test_seconds_of_other_training_code_are_given_without_a_ratio(costs, experiment):
    runs_of = [("dense", "a", [60.0])] * 2 + [("nist-1-10-p99.5", "a", [30.0])] * 2
    same = costs(*runs_of, codes=["b" * 64, "a" * 64, "a" * 64, "b" * 64])
    assert same["training_code"].tolist() == ["a" * 12 + " " + "b" * 12] * 2
    assert table_of(same, experiment).iloc[1]["Seconds an epoch"] == "0.5 (× 1)"
    other = costs(*runs_of, codes=["b" * 64, "a" * 64, "a" * 64, "a" * 64])
    row = table_of(other, experiment).iloc[1]
    assert (row["Seconds an epoch"], row["Joules an epoch"]) == ("0.5", "2.5")
    assert "×" in row["Eq. 3 (10¹² FLOPs)"]


def test_without_runs_of_the_baseline_there_is_no_ratio_and_what_is_unknown_is_a_dash(costs, experiment):
    table = table_of(costs(("nist-1-10-p99.5", "a", []), model="theirs"), experiment)
    assert len(table) == 1
    assert not table.iloc[0].str.contains("×").any()
    assert table.loc[0, "Multiply-accumulates (10¹²)"] == table.loc[0, "Joules an epoch"] == "–"


def test_the_command_writes_what_the_table_reads(costs, experiment, tmp_path):
    costs(("dense", "a", []))
    output = tmp_path / "tables" / experiment.name / "trainingcost.csv"
    arguments = ["--study", str(experiment.path)]
    statistics.main([*arguments, str(tmp_path / "0.parquet"), "--only", "training_cost", "-o", str(tmp_path)])
    csv = str(tmp_path / experiment.name / "training_cost.csv")
    items.main([*arguments, csv, "--only", "trainingcost", "-o", str(tmp_path)])
    assert pd.read_csv(output)["Runs"].tolist() == [2]
    assert r"10\textsuperscript{1}\textsuperscript{2}" in output.with_suffix(".tex").read_text(encoding="utf-8")

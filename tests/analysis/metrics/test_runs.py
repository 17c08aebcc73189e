import pytest

from analysis.metrics import runs
from analysis.statistics import __main__ as statistics
from nist import metrics_file as record
from nist.errors import InputError, run

CURVES = [[0.1, 0.5], [0.2, 0.6]]


def test_blocks_of_a_variant_are_joined_and_sorted(metrics_file):
    paths = [metrics_file("b", CURVES, first_seed=2), metrics_file("a", CURVES, first_seed=0)]
    frame = runs.read(paths)
    assert frame[["seed", "epoch"]].to_numpy().tolist() == [[seed, epoch] for seed in range(4) for epoch in (1, 2)]


def test_two_files_for_the_same_seed_are_named(metrics_file):
    paths = [metrics_file("a", CURVES, first_seed=0), metrics_file("b", CURVES, first_seed=1)]
    with pytest.raises(InputError, match=r"b.parquet: seed 1 of s/v is also in .*a.parquet; remove one"):
        runs.read(paths)


def test_blocks_of_different_configurations_are_not_one_experiment(metrics_file, configuration):
    other = {**configuration, "training": {**configuration["training"], "batch_size": 32}}
    first = metrics_file("a", CURVES)
    second = metrics_file("b", CURVES, first_seed=2, describe={"configuration": other})
    with pytest.raises(InputError, match=r"b.parquet: configuration of s/v differs from that of .*a.parquet; retrain"):
        runs.read([first, second])


def test_runs_on_other_images_under_the_same_settings_are_not_one_study(metrics_file):
    first = metrics_file("a", CURVES, describe={"training_images": 36, "validation_images": 18})
    second = metrics_file("b", CURVES, variant="w", describe={"training_images": 96, "validation_images": 18})
    message = (
        "b.parquet: of 96 training and 18 validation images, where .*a.parquet is of 36 training and 18 validation"
    )
    with pytest.raises(InputError, match=message):
        runs.read([first, second])


def test_the_same_seed_of_two_variants_is_no_conflict(metrics_file):
    assert len(runs.read([metrics_file("a", CURVES), metrics_file("b", CURVES, variant="w")])) == 8


def test_no_files_is_an_error():
    with pytest.raises(InputError, match="no metrics files given"):
        runs.read([])


def test_a_file_without_runs_is_named(tmp_path, description):
    record.write(tmp_path / "m.parquet", [], description([], 3))
    with pytest.raises(InputError, match="m.parquet: holds no runs"):
        runs.read([tmp_path / "m.parquet"])


def test_diverged_runs_are_counted_and_kept(frame):
    counts = runs.count(frame([[0.1, 0.2]] * 5, diverged={1, 3}))
    assert counts[["n", "n_diverged"]].to_numpy().tolist() == [[5, 2]]


def test_a_command_names_a_study_that_is_not_there(capsys):
    with pytest.raises(SystemExit) as stopped:
        run(lambda: statistics.main(["--study", "nowhere", "x.parquet", "-o", "y.csv"]))
    assert stopped.value.code == "error: config/studies/nowhere.yaml: no such file"
    assert capsys.readouterr().err == ""


def test_a_run_that_diverged_keeps_its_last_finite_accuracy(frame):
    rows = frame([[0.2, 0.6, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1], [0.2, 0.1, 0.5, 0.7]], train_accuracy=[[0.3] * 4] * 3)
    lost = (rows["seed"] == 0) & (rows["epoch"] > 2) | (rows["seed"] == 1)
    rows.loc[lost, "val_loss"] = float("nan")
    rows.loc[(rows["seed"] == 2) & (rows["epoch"] == 2), "train_loss"] = float("inf")
    found = runs.with_last_finite(rows).set_index(["seed", "epoch"])["val_accuracy"].unstack()
    assert found.loc[0].tolist() == [0.2, 0.6, 0.6, 0.6]
    assert found.loc[1].tolist() == [0.1] * 4  # never finite: what is recorded
    assert found.loc[2].tolist() == [0.2, 0.2, 0.5, 0.7]
    assert rows["val_accuracy"].iloc[2] == 0.1  # what is given stays
    finite = rows[~lost & (rows["seed"] != 2)]
    assert runs.with_last_finite(finite) is finite

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

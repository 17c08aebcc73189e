import pytest

from nist import correctness
from nist import metrics_file as record
from nist.training import artifacts

ACCURACIES = [[0.1, 0.5, 0.9], [0.2, 0.6, 0.8]]


@pytest.fixture
def whole(metrics_file):
    """A metrics file, and what a job that would write it knows of it."""
    path = metrics_file("m", ACCURACIES)
    table, description = record.read(path)
    names = [table[name][0].as_py() for name in ("study", "variant")]
    digests = description["configuration_digest"], description.get("training_code_digest")
    correctness.path_of(path).touch()
    return path, [*names, range(2), digests]


def test_the_runs_that_a_job_would_train_are_found_whole(whole):
    path, wanted = whole
    assert artifacts.is_block(path, *wanted)


def test_without_their_correct_images_they_are_trained_again(whole):
    path, wanted = whole
    correctness.path_of(path).unlink()
    assert not artifacts.is_block(path, *wanted)


@pytest.mark.parametrize("position", range(4), ids=["study", "variant", "seeds", "digests"])
def test_other_runs_are_not_taken_for_them(whole, position):
    path, wanted = whole
    wanted[position] = ["other", "other", range(3), ("other", "other")][position]
    assert not artifacts.is_block(path, *wanted)


def test_a_file_that_is_cut_or_missing_is_trained_again(whole, tmp_path):
    path, wanted = whole
    path.write_bytes(path.read_bytes()[:-1])
    assert not artifacts.is_block(path, *wanted)
    assert not artifacts.is_block(tmp_path / "nowhere.parquet", *wanted)
    assert not artifacts.is_trunk(path, range(2), wanted[-1])
    assert not artifacts.is_trunk(tmp_path / "nowhere.safetensors", range(2), wanted[-1])

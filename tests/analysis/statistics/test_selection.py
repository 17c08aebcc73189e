"""The choice of an epoch on held-out images, and the accuracy on test images there."""

import pytest

from analysis.metrics import runs
from analysis.statistics.selection import selection
from nist.errors import InputError


def table(metrics_file, *sessions):
    path = metrics_file("0", [[0.5, 0.75, 0.75], [0.25, 0.5, 0.25]], 0, {"sessions": [*sessions]})
    return selection(runs.read_blocks([path]))


def test_the_accuracy_is_read_at_the_first_of_the_best_held_out_epochs(metrics_file):
    first = {"test_accuracy": {"0": {"1": 0.7, "2": 0.5}, "1": {"1": 0.2, "2": 0.4}}}
    found = table(metrics_file, first, {"test_accuracy": {"0": {"3": 0.9}, "1": {"3": 0.3}}})  # after a kill
    assert found[["seed", "epoch", "selected", "peak"]].to_numpy().tolist() == [[0, 2, 0.5, 0.9], [1, 2, 0.4, 0.4]]
    assert found["optimism"].tolist() == [0.9 - 0.5, 0]


def test_runs_that_were_validated_on_test_images_have_no_row(metrics_file):
    assert table(metrics_file, {}).empty


@pytest.mark.parametrize("told", [{"0": {"1": 0.7}, "1": {}}, {"0": 3}])
def test_sessions_that_training_does_not_write_are_named_with_their_file(metrics_file, told):
    with pytest.raises(InputError, match=r"0\.parquet: metadata: sessions are not what training writes there"):
        table(metrics_file, {"test_accuracy": told})

"""Classes cut off by a prune, read from what training says of its sessions."""

import pytest

from analysis.statistics import unreached_outputs as statistic
from nist.errors import InputError

FIRST = [{"unreached_outputs": {"0": 3}}, {"joules": None}, {"unreached_outputs": {"1": 0}}]


def table(metrics_file, *described):
    """The statistic of blocks of two runs each, of which the second ends higher."""
    paths = [
        metrics_file(str(place), [[0.5, 0.25], [0.25, 0.5]], 2 * place, {"sessions": sessions})
        for place, sessions in enumerate(described)
    ]
    return statistic.unreached_outputs(statistic.runs.read_blocks(paths))


def test_a_row_for_every_run_that_recorded_it_with_its_last_accuracy(metrics_file):
    found = table(metrics_file, FIRST, [{}], [{"unreached_outputs": {"5": 10}}])
    assert found.to_dict("split", index=False)["data"] == [
        ["s", "v", 0, 3, 0.25],
        ["s", "v", 1, 0, 0.5],
        ["s", "v", 5, 10, 0.5],
    ]


def test_sessions_that_tell_of_other_runs_too_or_of_one_twice(metrics_file):
    found = table(metrics_file, [*FIRST, {"unreached_outputs": {"0": 4, "7": 2}}])
    assert found[["seed", "unreached"]].to_numpy().tolist() == [[0, 4], [1, 0]]


def test_where_none_recorded_it_there_are_columns_and_no_row(metrics_file):
    found = table(metrics_file, [{}])
    assert list(found.columns) == ["study", "variant", "seed", "unreached", "accuracy"]
    assert found.empty


@pytest.mark.parametrize("sessions", [[1], 3, [{"unreached_outputs": [1]}], [{"unreached_outputs": {"a": 1}}]])
def test_sessions_that_training_does_not_write_are_named_with_their_file(metrics_file, sessions):
    with pytest.raises(InputError, match=r"0\.parquet: metadata: sessions are not what training writes there"):
        table(metrics_file, sessions)

"""Effective weights and a method's cost, read from what training says of its sessions."""

import pytest

from analysis.metrics import runs
from analysis.statistics.paths import paths
from nist.errors import InputError
from nist.studies import study

NAME, VARIANT = "lenet5-fmnist-comparison-98", "snip"
COUNTS = {"effective": 100, "unused": 7, "unreached": 1}


def table(metrics_file, *sessions):
    described = {
        "sessions": [*sessions],
        "configuration": study.load(NAME).configuration(VARIANT),
        "training_images": 50,
    }
    path = metrics_file("0", [[0.5, 0.25], [0.25, 0.5]], 0, described, study=NAME, variant=VARIANT)
    return paths(runs.read_blocks([path]))


def test_a_row_for_every_run_that_recorded_it(metrics_file):
    first = {"paths": {"0": COUNTS}, "method": {"0": {"images": 100, "seconds": 1.5}}}
    found = table(metrics_file, {}, first, {"paths": {"1": {**COUNTS, "unused": 0}}})
    assert found["seed"].to_list() == [0, 1]
    assert found["effective_sparsity"].to_list() == [1 - 100 / 10_920] * 2
    assert found["effective"].to_list() == [100, 100]
    assert found["unused"].to_list() == [7, 0]
    assert found["unreached"].to_list() == [1, 1]
    assert found["extra_epochs"].to_list() == [2, 0]
    assert found["extra_seconds"].to_list() == [1.5, 0]


def test_where_none_recorded_it_there_are_columns_and_no_row(metrics_file):
    found = table(metrics_file, {})
    assert "effective" in found.columns
    assert found.empty


@pytest.mark.parametrize("sessions", [[1], [{"paths": [1]}], [{"paths": {"0": {}}}], [{"paths": {"a": COUNTS}}]])
def test_sessions_that_training_does_not_write_are_named_with_their_file(metrics_file, sessions):
    with pytest.raises(InputError, match=r"0\.parquet: metadata: sessions are not what training writes there"):
        table(metrics_file, *sessions)

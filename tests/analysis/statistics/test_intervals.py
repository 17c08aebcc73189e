"""What is printed of an interval: its ends and coverage, or why there is none."""

import numpy as np
import pytest

from analysis.statistics import intervals


def test_an_interval_has_its_coverage_in_the_worst_cell():
    found = intervals.row("mean_difference", 20, 0.1, 0.2, 0.95)
    assert (found["low"], found["high"], found["interval"]) == (0.1, 0.2, "paired Student t")
    assert found["coverage"] == intervals.worst()["mean_difference", "paired Student t", 20]
    assert 0.93 <= found["coverage"] <= 0.96


def test_between_two_numbers_of_runs_the_worse_counts():
    assert intervals.coverage("mean", 19) == intervals.coverage("mean", 10) < intervals.coverage("mean", 20)
    assert intervals.coverage("log_sd_ratio", 8) == intervals.coverage("log_sd_ratio", 10)
    assert intervals.coverage("log_sd_ratio", 5) == 1  # with so few no ratio is ever left out
    assert intervals.coverage("mean", 1000) == intervals.coverage("mean", 20)
    assert np.isnan(intervals.coverage("mean", 2))


def test_another_confidence_has_no_coverage():
    assert np.isnan(intervals.row("mean_difference", 20, 0.1, 0.2, 0.9)["coverage"])


@pytest.mark.parametrize(
    ("n", "low", "high", "why"),
    [
        (5, -np.inf, np.inf, "n = 5 cannot show this"),
        (20, -0.1, np.inf, "n = 20 cannot show this"),
        (2, -0.1, 0.1, "n = 2 cannot show this"),
        (1, np.nan, np.nan, "n = 1 cannot show this"),
        (20, np.nan, np.nan, "undefined"),
    ],
)
def test_why_there_is_none(n, low, high, why):
    found = intervals.row("log_sd_ratio", n, low, high, 0.95)
    assert found["interval"] == why
    assert np.isnan([found["low"], found["high"]]).all()


@pytest.fixture
def forgetful():
    """Forget what was read of the table before and after."""
    for function in (intervals.coverage, intervals.is_printed):
        function.cache_clear()
    yield
    for function in (intervals.coverage, intervals.is_printed):
        function.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_where_an_interval_fails_none_is_printed(monkeypatch):
    short = intervals.worst().copy()
    short["mean_difference", "paired Student t", 10] = 0.92
    monkeypatch.setattr(intervals, "worst", lambda: short)
    assert [intervals.is_printed("mean_difference", n) for n in (3, 5, 9, 10, 19, 20)] == [False] * 5 + [True]
    assert intervals.row("mean_difference", 10, 0.1, 0.2, 0.95)["coverage"] == 0.92


def test_the_papers_own_are_printed_whatever_their_coverage():
    assert intervals.coverage("share_lower_sd", 20) < 0.5
    assert intervals.row("share_lower_sd", 20, 0.1, 0.2, 0.95)["low"] == 0.1

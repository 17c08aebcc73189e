"""The overfitting gap at equal training accuracy, by hand and where it is known."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.gap_at_accuracy import at_level, gap_at_accuracy

EPOCHS = np.arange(1, 41)


def test_gap_and_epoch_by_hand():
    train = np.array([[0.2, 0.6, 1.0], [0.5, 0.7, 0.9], [0.1, 0.8, 0.4]])
    validation = np.array([[0.2, 0.5, 0.6], [0.4, 0.5, 0.5], [0.2, 0.6, 0.9]])
    gap, epoch = at_level(train, validation, 0.5)
    # The first is there three quarters of the way from a gap of 0 to one of 0.1, the second at its first epoch, the
    # third 4/7 of the way from -0.1 to 0.2; what it does afterwards does not count.
    assert gap == pytest.approx([0.075, 0.1, -0.1 + 0.3 * 4 / 7])
    assert epoch == pytest.approx([1.75, 1, 1 + 4 / 7])


@pytest.fixture
def learning(frame):
    """Runs of two variants: training accuracies 1 - exp(-rate · epoch), and a validation that is a function of them."""

    def make(rates, validated):
        parts = []
        for (name, rate), function in zip(rates.items(), validated, strict=True):
            train = 1 - np.exp(-np.linspace(0.9, 1.1, 6)[:, np.newaxis] * rate * EPOCHS)
            parts.append(frame(function(train), variant=name, train_accuracy=train))
        return pd.concat(parts)

    return make


def test_a_head_that_only_learns_more_slowly_does_not_overfit_less(learning):
    same = [lambda train: 0.8 * train] * 2
    (row,) = gap_at_accuracy(learning({"dense": 0.2, "sparse": 0.05}, same), "dense").itertuples()
    assert row.level == pytest.approx(1 - np.exp(-0.9 * 0.05 * 40))  # the last epoch of the slowest sparse run
    assert row.gap == pytest.approx(0.2 * row.level)
    assert row.gap_baseline == pytest.approx(0.2 * row.level)
    assert row.difference == pytest.approx(0, abs=1e-12)
    assert row.epoch > 3.9 * row.epoch_baseline
    assert (row.n, row.n_diverged) == (6, 0)


def test_a_head_that_overfits_less_is_found_whatever_its_speed(learning):
    validated = [lambda train: 0.8 * train, lambda train: 0.9 * train + 0.001 * np.sin(1000 * train)]
    for sparse in (0.05, 0.8):
        (row,) = gap_at_accuracy(learning({"dense": 0.2, "sparse": sparse}, validated), "dense").itertuples()
        assert row.difference == pytest.approx(-0.1 * row.level, abs=0.002)
        assert row.high < 0
        assert row.p < 0.001

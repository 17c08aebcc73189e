"""The overfitting gap at equal training accuracy, by hand and where it is known."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.gap_at_accuracy import (
    LAST,
    LOWER,
    METRIC,
    Arm,
    at_level,
    final_arm,
    gap_at_accuracy,
    phases,
)
from nist.training import optimizers

EPOCHS = np.arange(1, 41)


def test_gap_and_epoch_by_hand():
    train = np.array([[0.2, 0.6, 1.0], [0.5, 0.7, 0.9], [0.1, 0.8, 0.4], [0.6, 0.4, 0.7], [0.1, 0.2, 0.4]])
    validation = np.array([[0.2, 0.5, 0.6], [0.4, 0.5, 0.5], [0.2, 0.6, 0.9], [0.1, 0.1, 0.1], [0.1, 0.1, 0.1]])
    gap, epoch = at_level(Arm(train, validation, first=5), 0.5)
    # The first is there three quarters of the way from a gap of 0 to one of 0.1, the second at its first epoch, the
    # third 4/7 of the way from -0.1 to 0.2; what it does afterwards does not count. The fourth begins above the level,
    # the fifth never reaches it.
    assert gap == pytest.approx([0.075, 0.1, -0.1 + 0.3 * 4 / 7, np.nan, np.nan], nan_ok=True)
    assert epoch == pytest.approx([5.75, 5, 5 + 4 / 7, np.nan, np.nan], nan_ok=True)


def test_epochs_before_the_prune_and_the_running_mean_by_hand():
    train, validation = np.array([[0.9, 0.9, 0.2, 0.4, 0.8]]), np.array([[0.8, 0.8, 0.3, 0.5, 0.6]])
    weights = np.array([[100, 100, 5, 5, 5]])
    arm = final_arm(train, validation, weights, (1, 5))
    assert arm.train == pytest.approx(np.array([[0.3, 0.6]]))
    assert arm.validation == pytest.approx(np.array([[0.3, 0.5]]))
    assert arm.first == 3
    assert final_arm(train, validation, weights, (1, 4)).train == pytest.approx(np.array([[0.3]]))
    assert final_arm(train, validation, weights, (4, 5)).first == 4
    assert final_arm(train, validation, weights, (1, 2)).train.shape == (1, 0)


def test_the_last_gap_is_as_recorded(frame):
    train, validation = np.array([[0.5, 0.9], [0.5, 0.7]]), np.array([[0.5, 0.6], [0.4, 0.6]])
    parts = [
        frame(validation, variant="dense", train_accuracy=train),
        frame(validation, variant="sparse", train_accuracy=train - [[0.1], [0.3]]),
    ]
    row = gap_at_accuracy(pd.concat(parts), "dense").iloc[0]
    assert (row["metric"], row["epoch"], row["epoch_baseline"]) == (LAST, 2, 2)
    assert (row["gap"], row["gap_baseline"], row["difference"]) == pytest.approx((0.0, 0.2, -0.2))
    assert np.isnan(row["level"])


@pytest.fixture
def learning(frame):
    """Runs of two variants that fit 1 - exp(-rate · t) after t epochs, and a validation that is a function of that.

    What is recorded as training accuracy is its mean over each epoch.
    """

    def make(rates, validated, **changes):
        parts = []
        for (name, rate), function in zip(rates.items(), validated, strict=True):
            rates_of_runs = np.linspace(0.9, 1.1, 6)[:, np.newaxis] * rate
            mean = 1 + (np.exp(-rates_of_runs * EPOCHS) - np.exp(-rates_of_runs * (EPOCHS - 1))) / rates_of_runs
            validation = function(1 - np.exp(-rates_of_runs * EPOCHS))
            parts.append(frame(validation, variant=name, train_accuracy=mean, **(changes if name == "sparse" else {})))
        return pd.concat(parts)

    return make


def test_a_head_that_only_learns_more_slowly_does_not_overfit_less(learning):
    same = [lambda train: 0.8 * train] * 2
    everything = gap_at_accuracy(learning({"dense": 0.2, "sparse": 0.05}, same), "dense")
    assert everything["metric"].tolist() == [LAST, *LOWER]
    assert everything["difference"][0] < -0.01  # at the end its gap is smaller, since it has fitted less
    found = everything[1:]
    highest = 1 - np.exp(-0.9 * 0.05 * 39)  # the last epoch but one of the slowest sparse run
    assert found["level"].to_numpy() == pytest.approx(highest - np.array([0, 0.01, 0.02]), abs=1e-3)
    assert found["gap"].to_numpy() == pytest.approx(0.2 * found["level"].to_numpy(), abs=2e-3)
    assert found["difference"].to_numpy() == pytest.approx(0, abs=2e-3)  # 0.01 and more if the running mean were read
    assert (found["epoch"] > 3.8 * found["epoch_baseline"]).all()
    assert set(found["n"]) == {6}
    assert set(found["n_diverged"]) == {0}


def test_a_head_that_overfits_less_is_found_whatever_its_speed(learning):
    validated = [lambda train: 0.8 * train, lambda train: 0.9 * train + 0.001 * np.sin(1000 * train)]
    for sparse in (0.05, 0.8):
        found = gap_at_accuracy(learning({"dense": 0.2, "sparse": sparse}, validated), "dense")
        row = found[found["metric"] == METRIC].iloc[0]
        assert row["difference"] == pytest.approx(-0.1 * row["level"], abs=0.003)
        assert row["high"] < 0
        assert row["p"] < 0.001


def test_a_head_that_never_fits_as_much_after_its_prune_as_the_other_at_first_is_not_compared(learning):
    same = [lambda train: 0.8 * train] * 2
    active = [100] * 20 + [5] * 20  # pruned so late that all it fits, it fits before
    frame = learning({"dense": 3.0, "sparse": 0.05}, same, active=active)
    pruned = (frame["variant"] == "sparse") & (frame["epoch"] > 20)
    frame.loc[pruned, "train_accuracy"] *= 0.5
    found = gap_at_accuracy(frame, "dense")[1:]
    assert found["level"].between(0.3, 0.5).all()
    assert found[["phase", "gap_baseline", "difference", "sd", "low", "high", "p"]].isna().all(axis=None)


@pytest.mark.parametrize("shares", [[1.0], [0.8, 0.2], [0.1, 0.2, 0.7]])
def test_phases_are_those_of_training(shares):
    training = {"optimizers": [{"name": "sgd", "share": share} for share in shares], "epochs": 7}
    found = phases(training)
    assert [first for first, _ in found] == [*optimizers.starts(training)]
    assert [last + 1 for _, last in found] == [*(first for first, _ in found[1:]), 8]


def test_arms_are_compared_while_one_optimizer_trains(frame):
    # Training accuracy leaps at the switch. Then one run of the sparse arm falls short of where dense ones begin.
    rising, after = np.linspace(0.1, 0.6, 6), np.linspace(0.8, 0.85, 4)
    dense = np.tile(np.r_[rising, after], (3, 1)) + np.array([[0], [0.01], [0.02]])
    sparse = np.tile(np.r_[rising * 0.9, after], (3, 1)) + np.array([[0], [0.01], [0.02]])
    sparse[0, 6:] = [0.7, 0.7, 0.74, 0.75]
    parts = [
        frame(0.9 * train, variant=name, train_accuracy=train) for name, train in (("dense", dense), ("sparse", sparse))
    ]
    switched = {name: [(1, 6), (7, 10)] for name in ("dense", "sparse")}
    found, whole = (
        gap_at_accuracy(pd.concat(parts), "dense", trained=trained).set_index("metric").loc[METRIC]
        for trained in (switched, None)
    )
    assert whole["level"] > 0.6  # within the leap
    assert found["level"] == pytest.approx(0.9 * 0.55)  # of the last epoch but one of the first optimizer
    assert found["phase"] == 1
    assert found["epoch"] < 6
    early = gap_at_accuracy(pd.concat(parts).query("epoch <= 6"), "dense").set_index("metric").loc[METRIC]
    assert found.drop("phase").equals(early.drop("phase"))
    late = {"dense": [(1, 2), (3, 10)], "sparse": [(1, 8), (9, 10)]}
    apart = gap_at_accuracy(pd.concat(parts), "dense", trained=late).set_index("metric").loc[METRIC]
    assert np.isnan([apart["phase"], apart["difference"]]).all()

"""A published run and its replay: where they part, by how much, and what is no replay at all."""

from pathlib import Path

import numpy as np
import pytest

from analysis.published import replays
from nist import metrics_file
from nist.errors import InputError
from nist.studies import study

CURVES = [[0.5, 0.6, 0.7, 0.65], [0.4, 0.5, 0.6, 0.7]]  # of seeds 3 and 4


@pytest.fixture
def block(tmp_path, make_rows, description):
    """A block as it is read back; ``change`` may change its rows, by seed and epoch. No epoch takes the same time."""
    clock = iter(range(1, 10_000))

    def make(seeds=(3, 4), change=lambda rows: None, variant="v", diverged=(), **said):
        curves = [CURVES[seed - 3] for seed in seeds]
        rows = make_rows(curves, variant=variant, first_seed=seeds[0], diverged=diverged)
        for row in rows:
            row["seconds"] = next(clock) / 8
        change({(row["seed"], row["epoch"]): row for row in rows})
        metrics_file.write(tmp_path / "m.parquet", rows, description(seeds, 4, **said))
        return metrics_file.read(tmp_path / "m.parquet")

    return make


def compared(replay, *published):
    (one,) = replays.compare_all({Path("r.parquet"): replay}, published)
    return one


def setting(column, value, place):
    """A change of rows: ``value`` in ``column`` at the seed and epoch ``place``."""
    return lambda rows: rows[place].update({column: value})


def test_the_same_bits_are_the_same_whatever_time_they_took(block):
    said = {"threads": 1, "sessions": [{"runs_at_once": 1}]}
    one = compared(block([3], **said), block(**said))
    assert (one.study, one.variant, one.seed, one.epochs) == ("s", "v", 3, 4)
    assert (one.first_difference, one.columns, one.changed) == (None, [], [])
    assert (one.accuracy, one.loss, one.peak) == (0, 0, 0)
    assert replays.sentence(one) == "s/v, seed 3: the same bits in all 4 epochs"
    assert replays.words(one)["First epoch that differs"] == "–"
    assert {text for name, text in replays.words(one).items() if name.startswith("Same")} == {"yes"}


@pytest.mark.parametrize("column", replays.MEASURED)
def test_one_bit_of_a_measured_column_or_one_image_of_an_accuracy_is_a_difference(block, column):
    def change(rows):
        row = rows[3, 2]
        value = row[column]
        if column in metrics_file.ACCURACIES:
            row[column] = value - 1 / 50
        else:
            row[column] = np.nextafter(value, 0.5) if isinstance(value, float) else type(value)(value + 1)

    one = compared(block([3], change), block())
    assert (one.first_difference, one.columns) == (2, [column])


def test_what_is_measured_are_all_columns_but_names_and_times():
    names = {"study", "variant", "model", "dataset", "seed", "epoch"}
    assert {*replays.MEASURED} == {*metrics_file.SCHEMA.names} - names - {"seconds"}


def test_differences_are_the_largest_of_all_epochs_and_columns_those_of_the_first(block):
    def change(rows):
        rows[4, 2].update(train_loss=1.5)
        rows[4, 3].update(val_accuracy=0.56, val_loss=0.75)
        rows[4, 4].update(val_accuracy=0.71)

    one = compared(block([4], change), block())
    assert (one.first_difference, one.columns, one.loss) == (2, ["train_loss"], 0.25)
    assert (one.accuracy, one.peak) == (pytest.approx(4), pytest.approx(1))
    assert replays.sentence(one) == (
        "s/v, seed 4: differs first at epoch 2 of 4 (train_loss), in validation accuracy by 4.00 points at most"
    )


def test_runs_that_diverged_alike_are_the_same(block):
    one = compared(block([3], diverged={3}), block(diverged={3}))
    assert (one.first_difference, one.loss) == (None, 0)


def test_a_loss_that_is_finite_in_one_run_alone_is_infinitely_far(block):
    def lose(rows):
        rows[3, 4].update(val_loss=float("nan"), diverged=True)

    one = compared(block([3], lose), block())
    assert (one.first_difference, one.columns, one.loss) == (4, ["val_loss", "diverged"], np.inf)


def test_a_zero_of_the_other_sign_is_another_bit(block):
    minus, plus = (setting("train_loss", zero, (3, 1)) for zero in (-0.0, 0.0))
    assert compared(block([3], minus), block(change=plus)).first_difference == 1


@pytest.mark.parametrize(
    ("said", "name", "text"),
    [
        ({"device": "another"}, "device", "another"),
        ({"threads": 4}, "threads", "4"),
        ({"sessions": [{"runs_at_once": 20}, {"runs_at_once": 7}]}, "stack", "20 runs"),
        ({"sessions": [{"runs_at_once": 1}]}, "stack", "1 run"),
        ({"precision": "tf32"}, "precision", "tf32"),
        ({"versions": {"torch": "1", "timm": "2"}}, "versions", "torch 1"),  # the run did not record timm
        ({"training_code_digest": "ab" * 32}, "training code", "ab" * 6),
    ],
)
def test_what_else_was_not_as_in_the_published_run_is_said(block, said, name, text):
    base = {"sessions": [{"runs_at_once": 2}], "threads": 1}
    one = compared(block([3], **{**base, **said}), block(**base))
    assert (one.changed, one.first_difference) == ([name], None)
    assert replays.words(one)[f"Same {name}"] == f"no: {text}"
    assert replays.sentence(one).endswith(f"4 epochs; another {name}, {text}")


def test_a_library_that_the_published_run_did_not_record_is_no_other(block):
    base = {"sessions": [{"runs_at_once": 2}], "threads": 1}
    known = block(**base).description["versions"]
    assert compared(block([3], **base, versions={**known, "timm": "2"}), block(**base)).changed == []


@pytest.mark.parametrize("sessions", [[], [{}], [{"runs_at_once": 1}, {}]])
@pytest.mark.parametrize("others", [[], [{"runs_at_once": 1}]])
def test_what_one_did_not_record_is_called_neither_the_same_nor_another(block, sessions, others):
    for ours, theirs in ((sessions, others), (others, sessions)):
        one = compared(block([3], sessions=ours), block(sessions=theirs))
        assert replays.words(one)["Same stack"] == "not recorded"
        assert one.changed == []


def test_replays_are_in_the_order_of_study_variant_and_seed(block):
    found = {Path(f"{seed}.parquet"): block([seed]) for seed in (4, 3)} | {Path("a"): block([3], variant="a")}
    published = [block([3]), block([4]), block([3], variant="a")]
    assert [(one.variant, one.seed) for one in replays.compare_all(found, published)] == [("a", 3), ("v", 3), ("v", 4)]


def test_what_is_no_replay_of_a_published_run_is_named(block, configuration):
    longer = {**configuration, "training": {**configuration["training"], "batch_size": 1}}
    published = block()
    for replay, message in (
        (block(), "holds 2 seeds; a replay is of one"),
        (block([3], variant="w"), "a replay of seed 3 of s/w, which is not published"),
        (block([3], configuration=longer), "than the published run that it replays: training.batch_size was 64, is 1"),
        (block([3], setting("seconds", published.table["seconds"][1].as_py(), (3, 2))), "epoch 2 took the very time"),
    ):
        with pytest.raises(InputError, match=f"^r.parquet: .*{message}"):
            compared(replay, published)


def test_the_seed_to_replay_is_the_lowest_of_each_trained_variant_or_the_one_asked_for(block):
    controls = study.load("lenet5-fmnist-controls")
    taken = next(name for name in controls.variants if controls.taken_from(name))
    trained = next(name for name in controls.variants if not controls.taken_from(name))

    def runs(variant, *seeds):
        return block(seeds, lambda rows: [row.update(study=controls.name) for row in rows.values()], variant)

    blocks = [runs(trained, 4), runs(trained, 3), runs(taken, 3), block()]
    assert replays.chosen(blocks, controls) == {trained: 3}
    assert replays.chosen(blocks, controls, 4) == {trained: 4}
    assert replays.chosen([], controls, 4) == {}
    with pytest.raises(InputError, match=f"no run of seed 5 of {controls.name}/{trained} is published; there are 3, 4"):
        replays.chosen(blocks, controls, 5)

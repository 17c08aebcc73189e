"""Other methods than NIST in the course of a run."""

import pytest
import torch

from nist import densify, initial_masks
from nist.data import splits
from nist.data.on_host import LoadedSplit
from nist.errors import InputError
from nist.sparse.initial_masks import shuffled
from nist.sparse.mask import kept_weights
from nist.sparse.prune import nist_layers
from nist.training import seeds
from nist.training.checkpoint import Checkpoint
from nist.training.loop import Run
from tests.nist.training.block import stopping, train_block, without_times

CPU = torch.device("cpu")
N_KEEP = kept_weights(10_920, 0.95)
MOVING = {"distribution": "erk", "every": 4, "drop": 0.5, "until": 0.7}
METHODS = {
    "uniform": {"name": "uniform"},
    "erk": {"name": "erk"},
    "magnitude": {"name": "magnitude"},
    "snip": {"name": "snip", "images": 32},
    "snip-redrawn": {"name": "snip", "images": 32, "check": "redrawn"},
    "grasp": {"name": "grasp", "images": 32},
    "synflow": {"name": "synflow", "images": 1},
    "synflow-shuffled": {"name": "synflow", "images": 1, "check": "shuffled"},
    "set": {"name": "set", **MOVING},
    "rigl": {"name": "rigl", **MOVING},
    "one-shot": {"name": "magnitude_after_training", "rounds": 1, "rewind": None},
    "rewound": {"name": "magnitude_after_training", "rounds": 2, "rewind": 1},
}


@pytest.fixture
def experiment(five_epochs, load_study):
    """The embedded LeNet-5 study with a variant a method."""
    content = five_epochs(0.8).content
    content["variants"] |= {
        name: {
            **content["variants"]["dense"],
            "label": name,
            "method": {**settings, "sparsity": 0.95},
        }
        for name, settings in METHODS.items()
    }
    return load_study(content)


@pytest.fixture
def run(experiment, images):
    def make(variant, seed=3):
        configuration = experiment.configuration(variant)
        return Run(configuration, seed, splits.prepare(images, configuration["data"], CPU))

    return make


def masks(run):
    return [layer.mask.clone() for layer in nist_layers(run.network)]


@pytest.mark.parametrize("variant", METHODS)
def test_counts_are_equal_and_a_resumed_run_is_the_same(variant, experiment, images, tmp_path):
    words = (experiment, variant, range(1), images, CPU)
    rows, description = train_block(*words)
    assert [row["active_weights"] for row in rows] == [N_KEEP] * 5
    assert description["parameters"]["dense_weights"] == 10_920
    path = tmp_path / "block.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train_block(*words, checkpoint=stopping(path, writes=2))
    again, described = train_block(*words, checkpoint=Checkpoint(path, minutes=0))
    assert without_times(again) == without_times(rows)
    (told,), resumed = description["sessions"], described["sessions"][-1]
    assert resumed["paths"] == told["paths"]
    assert told["paths"]["0"]["effective"] <= N_KEEP
    trained = len(images.train_labels)
    passes = {"one-shot": 5 * trained, "rewound": 10 * trained}.get(variant, METHODS[variant].get("images", 0))
    assert resumed["method"]["0"]["images"] == told["method"]["0"]["images"] == passes
    assert resumed["method"]["0"]["seconds"] > 0


def test_a_network_starts_as_that_of_nist_with_its_seed(run):
    ours, theirs = run("erk"), run("nist-1-10-p98")
    ours.begin()
    assert torch.equal(ours.network.backbone[0].weight, theirs.network.backbone[0].weight)
    for one, other in zip(nist_layers(ours.network), nist_layers(theirs.network), strict=True):
        both = one.mask & other.mask
        assert both.any()
        assert torch.equal(one.stored[both], other.stored[both])
    assert torch.equal(ours.order.get_state(), theirs.order.get_state())


def test_a_mask_is_that_of_the_library_on_images_of_the_run(run):
    subject = run("snip")
    dense, draw = densify(subject.network).train(), seeds.generator(seeds.streams(3).method)
    places = torch.randperm(len(subject.training), generator=draw)[:32]
    pictures, labels = subject.training.take(places)
    batch = subject.prepared.normalise(pictures), labels
    expected = initial_masks(dense, "snip", sparsity=0.95, batch=batch, include="head.*")
    subject.begin()
    assert all(map(torch.equal, masks(subject), expected.values()))
    assert [*map(int, map(torch.count_nonzero, expected.values()))] != [
        *map(int, map(torch.count_nonzero, _of(run, "erk")))
    ]


def _of(run, variant):
    subject = run(variant)
    subject.begin()
    return masks(subject)


def test_checks_keep_the_counts_of_layers_and_change_the_rest(run):
    plain, moved, redrawn = run("snip"), run("synflow-shuffled"), run("snip-redrawn")
    for each in (plain, moved, redrawn):
        each.begin()
    assert all(map(torch.equal, masks(plain), masks(redrawn)))
    for one, other in zip(nist_layers(plain.network), nist_layers(redrawn.network), strict=True):
        assert not (one.stored == other.stored)[one.mask].any()
        assert other.stored.abs().max() <= one.in_features**-0.5
    synflow = _of(run, "synflow")
    assert [int(each.sum()) for each in masks(moved)] == [int(each.sum()) for each in synflow]
    assert not any(map(torch.equal, masks(moved), synflow))
    draw = torch.Generator().manual_seed(0)
    assert not torch.equal(shuffled({"a": synflow[0]}, draw)["a"], synflow[0])


@pytest.mark.parametrize("variant", ["set", "rigl"])
def test_connections_move_until_their_share_of_the_steps(variant, run):
    subject = run(variant)
    seen = [masks(subject) for _ in subject.epochs(5)]
    assert not all(map(torch.equal, seen[0], seen[2]))
    assert all(map(torch.equal, seen[3], seen[4]))  # 70 % of five epochs end in the fourth


def test_after_a_training_the_largest_weights_stay(run):
    trained, subject = run("one-shot"), run("one-shot")
    for _ in trained.method._trained_epochs():
        pass
    subject.begin()
    every = torch.cat([layer.stored.detach().abs().flatten() for layer in nist_layers(trained.network)])
    least = every.topk(N_KEEP).values.min()
    for one, other in zip(nist_layers(trained.network), nist_layers(subject.network), strict=True):
        assert torch.equal(other.mask, one.stored.abs() >= least)
        assert torch.equal(other.stored[other.mask], one.stored[other.mask])
    assert torch.equal(subject.order.get_state(), run("erk").order.get_state())


def test_what_is_left_goes_back_to_an_early_epoch(run):
    early, subject = run("rewound"), run("rewound")
    early.start_optimizer(early.configuration["training"]["optimizers"][0])
    early.train_epoch()
    subject.begin()
    for one, other in zip(nist_layers(early.network), nist_layers(subject.network), strict=True):
        assert torch.equal(other.stored[other.mask], one.stored[other.mask])
    assert torch.equal(early.network.backbone[0].weight, subject.network.backbone[0].weight)


def test_more_images_than_there_are_is_one_line(run):
    subject = run("snip")
    subject.method.settings = {**subject.method.settings, "images": 10**6}
    with pytest.raises(InputError, match=r"method.images: 1000000 of the \d+ training images"):
        subject.begin()


@pytest.mark.parametrize("drop_last", [False, True])
def test_connections_move_until_the_same_step_where_images_stay_on_the_host(experiment, images, drop_last):
    configuration = experiment.configuration("rigl")
    configuration["training"]["drop_last"] = drop_last
    prepared = splits.prepare(images, configuration["data"], CPU)
    device = prepared.training
    host = LoadedSplit(device.images.permute(0, 2, 3, 1).numpy(), device.labels.numpy(), CPU)
    steps = []
    for training in (device, host):
        run = Run(configuration, 3, prepared._replace(training=training))
        run.begin()
        steps.append(run.method.dynamic.until)
    batches = len([*device.batches(configuration["training"]["batch_size"], drop_last)])
    assert steps == [round(MOVING["until"] * 5 * batches)] * 2

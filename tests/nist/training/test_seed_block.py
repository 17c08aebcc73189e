"""Runs together and one by one: the same numbers, to rounding, and nothing of one in another."""

import gc
import weakref

import pytest
import torch

from nist import metrics_file, prune
from nist.data import packed
from nist.errors import InputError
from nist.sparse.prune import nist_layers
from nist.studies import study
from nist.training import session
from nist.training import stacked as stack
from nist.training.checkpoint import Checkpoint
from nist.training.seed_block import Block
from tests.nist.training.block import train_block

CPU = torch.device("cpu")
MEASURES = ["train_loss", "train_accuracy", "val_loss", "val_accuracy"]


@pytest.fixture(scope="module")
def images():
    return packed.Images(*(array[::16] for array in packed.digits()))


@pytest.fixture
def short(load_study):
    """A study of the embedded example at a few epochs, pruned after the second."""

    def make(name, epochs=4, augmentation="none", **head):
        content = study.load(name).content
        content["study"] = f"short-{name}"
        content["training"].update({"epochs": epochs, "batch_size": 32})
        content["data"]["augmentation"] = augmentation
        content["model"]["head"].update(head)
        for variant in content["variants"].values():
            if variant["prune"]:
                variant["prune"]["epoch"] = 2
        return load_study(content)

    return make


def block(experiment, variant, seeds, images, together, checkpoint=None):
    return train_block(experiment, variant, seeds, images, CPU, checkpoint=checkpoint, together=together)


def assert_agree(ours, theirs, tolerance):
    assert [(row["seed"], row["epoch"]) for row in ours] == [(row["seed"], row["epoch"]) for row in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for name in MEASURES:
            assert one[name] == pytest.approx(other[name], abs=tolerance), (one["seed"], one["epoch"], name)
        for name in ("active_weights", "sparsity", "learning_rate", "diverged"):
            assert one[name] == other[name]


@pytest.mark.parametrize(
    ("name", "variant", "augmentation", "tolerance"),
    [
        ("lenet5-digits", "dense", "none", 1e-4),
        ("lenet5-digits", "nist-1-10-p99.5", {"flip": True, "crop_padding": 2}, 1e-4),
        ("mobilenetv1-digits", "sparse-3", "none", 0.03),  # batch normalisation makes more of rounding
    ],
)
def test_a_seed_alone_and_in_a_stack_agree_to_rounding(short, images, name, variant, augmentation, tolerance):
    experiment = short(name, augmentation=augmentation)
    alone, said_alone = block(experiment, variant, range(2, 6), images, together=1)
    together, said_together = block(experiment, variant, range(2, 6), images, together=4)
    assert_agree(together, alone, tolerance)
    assert len({row["val_loss"] for row in together}) == len(together)  # no two runs are one
    again, _ = block(experiment, variant, range(2, 6), images, together=4)
    assert_agree(again, together, 0)
    assert [said["sessions"][-1]["runs_at_once"] for said in (said_alone, said_together)] == [1, 4]


def test_a_block_goes_on_first_with_what_it_has_begun():
    begun = Checkpoint(None)
    begun.rows, begun.states = [{"seed": 1, "epoch": 1}], {1: {}}
    waiting, order = Block(None, range(3), 2, begun), []
    waiting._advance = lambda group, *_: iter(order.append(group) or ())
    waiting._size = lambda seed: 1
    assert "the block goes on from epoch 2 of seed 1" in waiting.outlook()
    assert [*waiting.train({}, [])] == []
    assert order == [[1], [0], [2]]


def test_a_prune_at_random_does_not_know_the_first_weights(images, load_study):
    content = study.load("mlp-digits-comparison").content  # whose head is the first that is drawn
    content["training"]["pruning"]["magnitude"] = "random"
    content["variants"] = {name: content["variants"][name] for name in ("dense", "nist")}
    content["variants"]["nist"]["factors"] = [300, 100, 10]
    experiment = load_study(content)
    training = session.Training(experiment, "nist", experiment.configuration("nist"), range(1), images, CPU)
    run = training.run(0)
    layer = nist_layers(run.network)[0]
    first = layer.stored.detach().clone()
    run.prune(0.95)
    kept = layer.mask.bool()
    assert abs(first[kept].mean() - first[~kept].mean()) < 0.1 * first.std()


def test_statistics_of_batch_normalisation_are_each_runs_own(short, images):
    experiment = short("mobilenetv1-digits", epochs=1)
    states = []
    for together in (1, 3):
        kept = Checkpoint(None)
        kept.is_due = lambda: True
        kept.write = lambda rows, sessions, unfinished: None
        runs = []
        block_states = CollectedStates(runs)
        with block_states:
            block(experiment, "dense-1", range(3), images, together, kept)
        states.append(runs)
    for alone, stacked in zip(*states, strict=True):
        assert alone.keys() == stacked.keys()
        names = [name for name in alone if "running_" in name]
        assert names
        for name in names:
            torch.testing.assert_close(stacked[name], alone[name], rtol=1e-3, atol=1e-4)


class CollectedStates:
    """Keeps what ``Run.state`` returns while it is entered."""

    def __init__(self, states):
        self.states, self.original = states, stack.Run.state

    def __enter__(self):
        def state(run):
            self.states.append({name: value.clone() for name, value in self.original(run).items()})
            return self.states[-1]

        stack.Run.state = state

    def __exit__(self, *exception):
        stack.Run.state = self.original


def test_a_stopped_stack_goes_on_to_the_same_bits_and_so_do_its_parts(short, images, tmp_path, monkeypatch):
    experiment, path = short("lenet5-digits", epochs=5), tmp_path / "block.safetensors"
    whole, _ = block(experiment, "nist-1-10-p98", range(3), images, together=3)
    seen = []

    def is_due(self):
        seen.append(self)
        if len(seen) > 3:
            raise KeyboardInterrupt
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "is_due", is_due)
        with pytest.raises(KeyboardInterrupt):
            block(experiment, "nist-1-10-p98", range(3), images, 3, Checkpoint(path))
    content = path.read_bytes()
    resumed, description = block(experiment, "nist-1-10-p98", range(3), images, 3, Checkpoint(path))
    assert_agree(resumed, whole, 0)
    metrics_file.write(tmp_path / "m.parquet", resumed, description)
    path.write_bytes(content)
    one_by_one, _ = block(experiment, "nist-1-10-p98", range(3), images, 1, Checkpoint(path))
    assert_agree(one_by_one, whole, 1e-4)


def test_a_stack_too_large_for_memory_is_halved_and_finished_epochs_stay(short, images, tmp_path, monkeypatch):
    experiment = short("lenet5-digits")
    whole, _ = block(experiment, "nist-1-10-p98", range(5), images, together=1)
    sizes, train_stack = [], stack.Stack._train

    def limited(self):
        sizes.append((len(self.runs), self.epoch))
        if len(self.runs) > 2 and self.epoch == 3:
            raise torch.OutOfMemoryError
        return train_stack(self)

    monkeypatch.setattr(stack.Stack, "_train", limited)
    rows, _ = block(experiment, "nist-1-10-p98", range(5), images, 5, Checkpoint(tmp_path / "b.safetensors", minutes=0))
    assert_agree(rows, whole, 1e-4)
    assert sizes == [(5, 1), (5, 2), (5, 3), (3, 3), (2, 3), (2, 4), (2, 3), (2, 4)]  # and the fifth on its own


def test_of_a_stack_that_was_too_large_nothing_stays(short, images, monkeypatch):
    experiment, train_stack = short("lenet5-digits"), stack.Stack._train
    there, counts = weakref.WeakSet(), []

    def limited(self):
        there.add(self)
        counts.append(len(there))
        if len(self.runs) > 2:
            raise torch.OutOfMemoryError
        return train_stack(self)

    monkeypatch.setattr(stack.Stack, "_train", limited)
    gc.disable()  # a GPU's memory is not what makes it look for cycles
    try:
        _, said = block(experiment, "nist-1-10-p98", range(4), images, together=4)
    finally:
        gc.enable()
    assert counts == [1] * (1 + 2 * 4)
    assert said["sessions"][-1]["runs_at_once"] == 2


def test_no_image_is_left_for_training_where_batches_are_whole_and_larger(short, images):
    experiment = short("lenet5-digits")
    experiment.content["training"].update(drop_last=True, batch_size=1000)
    with pytest.raises(InputError, match=r"training\.drop_last leaves none of \d+ images, as batch_size is 1000; make"):
        block(experiment, "dense", range(2), images, together=2)


def test_a_stack_too_large_after_its_prune_goes_back_to_the_checkpoint_before_it(short, images, monkeypatch):
    experiment, train_stack, kept, asked = short("lenet5-digits"), stack.Stack._train, Checkpoint(None), []
    whole, _ = block(experiment, "nist-1-10-p98", range(3), images, together=1)

    def due_after_the_first_epoch():
        asked.append(1)
        return len(asked) == 1

    def limited(self):
        if len(self.runs) > 2 and self.epoch == 3:  # the prune has written to the very tensors that were checkpointed
            raise torch.OutOfMemoryError
        return train_stack(self)

    kept.is_due = due_after_the_first_epoch
    monkeypatch.setattr(stack.Stack, "_train", limited)
    rows, _ = block(experiment, "nist-1-10-p98", range(3), images, 3, kept)
    assert_agree(rows, whole, 1e-4)


@pytest.mark.parametrize("together", [1, 2])
def test_states_of_finished_runs_are_kept_for_a_trunk_alone(short, images, together, tmp_path):
    experiment, seeds = short("lenet5-digits"), range(2)
    configuration = experiment.configuration("nist-1-10-p98")
    for keep, there in ((False, set()), (True, {0, 1})):
        kept = Checkpoint(tmp_path / f"{keep}.safetensors", minutes=0)
        options = {"checkpoint": kept, "together": together}
        training = session.Training(experiment, "nist-1-10-p98", configuration, seeds, images, CPU, **options)
        trained = training.block(4, keep)
        training.train(trained)
        assert trained.states.keys() == there


def test_what_drops_at_random_is_not_stacked(short, images):
    experiment = short("lenet5-digits")
    training = session.Training(experiment, "dense", experiment.configuration("dense"), range(1), images, CPU)
    run = training.run(0)
    assert stack.can_stack(run)
    run.network.backbone.append(torch.nn.Dropout1d(0.1))
    assert not stack.can_stack(run)


def test_accuracies_of_a_stack_are_in_double_precision(short, images):
    experiment = short("lenet5-digits")
    training = session.Training(experiment, "dense", experiment.configuration("dense"), range(1), images, CPU)
    sums = stack.Sums([training.run(0)])
    sums.add(torch.zeros(1), torch.eye(7)[None], torch.tensor([[0, 1, 2, 0, 0, 0, 0]]))
    assert sums.means(7)[1] == [3 / 7]


@pytest.fixture
def two_runs(short, images):
    experiment = short("lenet5-digits")
    configuration = experiment.configuration("nist-1-10-p98")
    training = session.Training(experiment, "nist-1-10-p98", configuration, range(2), images, CPU)
    return [training.run(seed) for seed in range(2)]


def test_a_layer_that_the_first_run_keeps_whole_is_masked_for_the_others(two_runs):
    for run, layer in zip(two_runs, (2, 0), strict=True):  # each keeps the whole of another layer
        with torch.no_grad():
            run.network.head[layer].stored.mul_(1000)
        prune(run.network.head, 0.92)
    assert [run.network.head[2].active_weights for run in two_runs] == [840, 753]
    together = stack.Stack(two_runs)
    together._logits(torch.randint(256, (2, 4, 1, 32, 32), dtype=torch.uint8), 0).square().sum().backward()
    for layer in ("head.0", "head.2"):
        gradient, mask = together.parameters[f"{layer}.weight"].grad, together.buffers[f"{layer}.mask"]
        assert gradient[mask].any()
        assert not gradient[~mask].any()


def test_what_is_remembered_of_a_single_number_is_each_runs_own(two_runs):
    settings = two_runs[0].configuration["training"]["optimizers"][0]
    for place, run in enumerate(two_runs):
        run.network.scale = torch.nn.Parameter(torch.tensor(1.0))
        run.start_optimizer(settings)
        remembered = {"step": 3.0, "exp_avg": place + 1.0, "exp_avg_sq": place + 5.0}
        run.optimizer.state[run.network.scale] = {name: torch.tensor(value) for name, value in remembered.items()}
    together = stack.Stack(two_runs)
    remembered = together.optimizer.state[together.parameters["scale"]]
    assert {name: value.tolist() for name, value in remembered.items()} == {
        "step": 3.0,
        "exp_avg": [1.0, 2.0],
        "exp_avg_sq": [5.0, 6.0],
    }
    remembered["exp_avg"] += 10
    together.states()
    assert [run.optimizer.state[run.network.scale]["exp_avg"].item() for run in two_runs] == [11, 12]


@pytest.mark.parametrize("head", [{"dropout": 0.5}, {"form": "auto"}])
def test_what_cannot_be_stacked_is_trained_one_by_one(short, images, monkeypatch, head):
    monkeypatch.setattr(stack.Stack, "__init__", None)
    monkeypatch.setattr("nist.sparse.cost_model.cheapest", lambda *_: "banded")
    rows, _ = block(short("lenet5-digits", epochs=3, **head), "nist-1-10-p98", range(2), images, together=2)
    assert len(rows) == 6


def test_layers_whose_prune_may_change_their_form_are_not_stacked(short, images, monkeypatch):
    monkeypatch.setattr(
        "nist.sparse.cost_model.cheapest", lambda band, n, *_: "masked" if n == band.n_weights else "compressed"
    )
    experiment = short("lenet5-digits", form="auto")
    rows, _ = block(experiment, "nist-1-10-p98", range(2), images, together=2)
    assert rows[-1]["active_weights"] < rows[0]["active_weights"]
    for variant, expected in (("nist-1-10-p98", False), ("dense", True)):
        configuration = experiment.configuration(variant)
        run = session.Training(experiment, variant, configuration, range(1), images, CPU).run(0)
        assert stack.can_stack(run) == expected


@pytest.mark.parametrize("together", [1, 2])
def test_a_last_image_alone_is_named_where_batch_normalisation_needs_two(short, images, together):
    experiment = short("mobilenetv1-digits")
    settings, n = experiment.content["training"], len(images.train_images)
    settings["batch_size"] = n - 1
    with pytest.raises(InputError, match=rf"training\.batch_size: {n - 1} leaves one of {n} images for the last batch"):
        block(experiment, "dense-1", range(2), images, together)
    settings["drop_last"] = True
    assert len(block(experiment, "dense-1", range(1), images, together)[0]) == 4


def test_a_last_image_alone_is_no_matter_without_batch_normalisation(short, images):
    experiment = short("lenet5-digits", epochs=3)
    experiment.content["training"]["batch_size"] = len(images.train_images) - 1
    assert len(block(experiment, "dense", range(1), images, together=1)[0]) == 3


def test_one_that_runs_out_of_memory_alone_says_so(short, images, monkeypatch):
    def full(self):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(stack.Run, "train_epoch", full)
    with pytest.raises(torch.OutOfMemoryError):
        block(short("lenet5-digits"), "dense", range(2), images, together=1)

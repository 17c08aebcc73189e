"""A loss of power at any moment: what is found afterwards is the whole old or the whole new, never a part."""

import shutil
from pathlib import Path

import pytest
import torch

from nist import metrics_file
from nist.data import packed
from nist.errors import InputError
from nist.training.checkpoint import Checkpoint, path_of
from tests.nist.runtime.crash_states import Recorder, crash_states, lay_out
from tests.nist.training.block import train_block, without_times

CPU = torch.device("cpu")
SEEDS = range(2)
METRICS = Path("metrics/study/dense/seeds0-1.parquet")
KEPT = path_of(Path("checkpoints"), "study", "dense", SEEDS, ("a" * 64, "b" * 64))


@pytest.fixture(scope="module")
def images():
    return packed.Images(*(array[::30] for array in packed.digits()))


@pytest.fixture
def short(study_content, load_study):
    """The embedded LeNet-5 study at two epochs."""
    study_content["training"].update({"epochs": 2, "batch_size": 32})
    study_content["variants"] = {"dense": study_content["variants"]["dense"]}
    for phase in study_content["training"]["optimizers"]:
        phase["share"] = 0.5
    return load_study(study_content)


@pytest.fixture
def recorded(short, images, tmp_path, monkeypatch):
    """The whole block's rows, and the operations of training it: three checkpoints, metrics, checkpoint removed."""
    root = tmp_path / "disk"
    root.mkdir()
    with monkeypatch.context() as patch:
        disk = Recorder(root, patch)
        write = Checkpoint.write

        def marked(checkpoint, rows, sessions, states):
            write(checkpoint, rows, sessions, states)
            disk.mark(len(rows))

        patch.setattr(Checkpoint, "write", marked)
        checkpoint = Checkpoint(root / KEPT, minutes=0)
        rows, description = train_block(short, "dense", SEEDS, images, CPU, checkpoint=checkpoint)
        metrics_file.write(root / METRICS, rows, description)
        disk.mark("metrics")
        checkpoint.remove()
    assert not (root / KEPT).exists()
    return rows, disk.events


class Readers:
    """What is found in a state: metrics, or how many rows a job goes on from. Every different state is read once."""

    def __init__(self, root):
        self.root, self.seen = root, {}

    def found(self, state):
        if state not in self.seen:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.mkdir()
            lay_out(state, self.root)
            self.seen[state] = self._read()
        return self.seen[state]

    def _read(self):
        try:
            metrics_file.read(self.root / METRICS)
            return "metrics"
        except InputError:
            return len(Checkpoint(self.root / KEPT).rows)


def checked(events, readers):
    """For every state after a crash, whether what is found there had been promised or was just being written."""
    order = [0, *(event[1] for event in events if event[0] == "mark")]
    assert order == [0, 1, 2, 3, 4, "metrics"]
    for count, state in crash_states(events):
        promised = sum(event[0] == "mark" for event in events[:count])
        yield order.index(readers.found(state)) in (promised, promised + 1)


@pytest.mark.filterwarnings("ignore:.*damaged checkpoint")
def test_whatever_a_loss_of_power_leaves_is_complete_or_goes_on_to_the_same_rows(recorded, short, images, tmp_path):
    rows, events = recorded
    readers = Readers(tmp_path / "crashed")
    right = list(checked(events, readers))
    assert all(right)
    print(f"{len(right)} states after {len(events)} operations, {len(readers.seen)} of them different")
    for outcome in set(readers.seen.values()) - {"metrics"}:
        root = tmp_path / f"found-{outcome}"
        root.mkdir()
        lay_out(next(state for state, there in readers.seen.items() if there == outcome), root)
        kept = Checkpoint(root / KEPT)
        before = kept.rows
        again, _ = train_block(short, "dense", SEEDS, images, CPU, checkpoint=kept)
        assert without_times(again) == without_times(rows)
        assert again[: len(before)] == before


@pytest.mark.filterwarnings("ignore:.*damaged checkpoint")
def test_no_sync_could_be_left_out(recorded, tmp_path):
    _, events = recorded
    syncs = [place for place, event in enumerate(events) if event[0] == "sync"]
    assert len(syncs) >= 15
    readers = Readers(tmp_path / "crashed")
    for place in syncs:
        right = checked(events[:place] + events[place + 1 :], readers)
        assert not all(right), f"nothing is lost without operation {place}: {events[place]}"

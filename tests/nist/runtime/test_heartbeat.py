"""Signs of life, and the end of a job that hangs; limits are short here, and nothing depends on how short."""

import itertools
import queue
import re
import threading
import time
from types import SimpleNamespace

import pytest
import torch

from nist import metrics_file, train
from nist.data import packed
from nist.data.on_device import Split
from nist.runtime import heartbeat
from nist.runtime.heartbeat import Heartbeat, beat
from tests.nist.training.block import train_block
from tests.processes import exit_code, fork


def test_a_line_says_how_many_batches_there_were():
    lines = queue.Queue()
    with Heartbeat(stall_minutes=0, minutes=0.001).watch(lines.put, lambda: "", print):
        beat()
        said = [lines.get(timeout=600)]
        while not said[-1].startswith("1 batches"):
            said.append(lines.get(timeout=600))
            assert len(said) < 1000, said[-1]
    assert re.match(r"1 batches in \d\.\d min, the last \d\.\d min ago", said[-1])


@pytest.fixture
def ended(capfd):
    """How a process ends that does something and then would exit with 0: its status, and its lines of errors."""

    return lambda work: (exit_code(fork(work)), capfd.readouterr().err.splitlines())


def watched(work):
    """``work`` under a watch with a limit of half a second."""

    def watched_work():
        heartbeat = Heartbeat(stall_minutes=0.01, stop_minutes=0)
        with heartbeat.watch(print, lambda: "resumable: from epoch 3", print):
            work()

    return watched_work


def sleep():
    beat()
    time.sleep(10_000)


def keep_the_interpreter():
    re.match("(a+)+$", "a" * 60 + "b")


def test_a_job_without_a_batch_is_ended_and_says_where_it_hung_and_how_it_goes_on(ended):
    status, errors = ended(watched(sleep))
    assert status == 1
    assert any(line.endswith("in sleep") for line in errors)
    assert errors[-1].startswith("error: no batch has finished in 0.0 min; resumable: from epoch 3")


def test_a_call_that_keeps_the_interpreter_to_itself_is_ended_too(ended):
    status, errors = ended(watched(keep_the_interpreter))
    assert status == 1
    assert "Timeout (0:00:01" in "".join(errors)
    assert any(line.endswith("in keep_the_interpreter") for line in errors)


class Clock:
    """Time that passes only where the watch waits; a batch finishes in every wait up to number ``batches``.

    ``late`` says by how many seconds a wait is longer than asked for, by its number, and ``busy`` whether the process
    works in them.
    """

    def __init__(self, batches, waits, late=(), busy=False):
        self.now, self.used, self.batches, self.waits = 0.0, 0.0, batches, waits
        self.late, self.busy = dict(late), busy

    def wait(self, seconds):
        more = self.late.get(self.waits, 0)
        self.now += seconds + more
        self.used += more * self.busy
        self.waits -= 1
        if self.batches:
            self.batches -= 1
            beat()
        return self.waits < 0


def watch(monkeypatch, clock):
    """What a watch with a limit of ten minutes says, after how many seconds it gives up, and the stops it sees."""
    ended_after, lines, stops = [], [], []

    def give_up(seconds, outlook):
        ended_after.append(seconds)
        clock.waits = 0

    monkeypatch.setattr(heartbeat, "_give_up", give_up)
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(heartbeat.time, "process_time", lambda: clock.used)
    monkeypatch.setattr(Heartbeat, "_arm", lambda self: None)
    Heartbeat(stall_minutes=10)._watch(clock, lines.append, lambda: "", stops.append)
    return lines, ended_after, stops


def test_a_process_that_was_stopped_for_an_hour_has_not_hung(monkeypatch):
    _, ended_after, stops = watch(monkeypatch, Clock(40, waits=100, late={60: 3600, 55: 40, 50: 20}))
    assert ended_after == [600]  # of its own time, without a batch
    assert stops == [3600, 40]


def test_a_process_that_works_for_an_hour_without_a_batch_has(monkeypatch):
    _, ended_after, stops = watch(monkeypatch, Clock(40, waits=100, late={60: 3600}, busy=True))
    assert (len(ended_after), stops) == (1, [])


@pytest.mark.parametrize(("batches", "given_up"), [(1000, []), (400, [600.0])])
def test_batches_keep_a_job_alive(monkeypatch, batches, given_up):
    clock = Clock(batches, waits=1000)
    lines, ended_after, stops = watch(monkeypatch, clock)
    assert (ended_after, stops) == (given_up, [])
    assert lines[0] == "30 batches in 5.0 min, the last 0.0 min ago"
    assert given_up == [] or lines[-1].startswith("0 batches in 5.0 min")


def test_the_end_of_a_job_ends_the_watch(monkeypatch):
    calls, threads = [], threading.active_count()
    monkeypatch.setattr(heartbeat.faulthandler, "dump_traceback_later", lambda after, exit: calls.append(after))
    monkeypatch.setattr(heartbeat.faulthandler, "cancel_dump_traceback_later", lambda: calls.append("cancelled"))
    with Heartbeat(stall_minutes=60).watch(print, lambda: "", print):
        assert threading.active_count() == threads + 1
    assert threading.active_count() == threads
    assert calls == [3 * 3600, "cancelled"]


def hang_in_the_fourth_validation():
    """Time passes only then, an hour with every look at the clock, and the process works in it."""
    in_order, seen = Split.in_order, []

    def clock():
        hours = itertools.count(1, 3600)
        return lambda: next(hours) if len(seen) > 3 else 0

    def hang(split, batch_size):
        seen.append(split)
        if len(seen) > 3:
            time.sleep(10_000)
        return in_order(split, batch_size)

    Split.in_order = hang
    heartbeat.time = SimpleNamespace(monotonic=clock(), process_time=clock())
    Heartbeat._arm = lambda self: None


@pytest.fixture
def words(study_content, load_study, tmp_path):
    """Arguments of the command that trains one seed for five epochs."""
    study_content["training"].update({"epochs": 5, "batch_size": 64})
    experiment = load_study(study_content)
    places = ["--out", tmp_path / "m.parquet", "--checkpoints", tmp_path / "kept", "--cache", tmp_path]
    return [
        str(word)
        for word in ("--study", experiment.path, "--variant", "dense", "--seeds", "3-3", "--minutes", 0, *places)
    ]


def test_a_training_that_hangs_is_ended_and_goes_on(words, ended, tmp_path):
    def hanging():
        hang_in_the_fourth_validation()
        train.main([*words, "--stall-minutes", "0.01"])

    status, errors = ended(hanging)
    assert status == 1
    assert any(line.endswith("in _evaluate") for line in errors)
    assert errors[-1].endswith(
        "resumable: started again, the block goes on from epoch 4 of seed 3 (3 of 5 epochs kept)"
    )
    train.main(words)
    assert len(metrics_file.read(tmp_path / "m.parquet").description["sessions"]) == 2


@pytest.mark.parametrize("together", [1, 2])
def test_every_batch_counts(study_content, load_study, monkeypatch, together):
    beats = []
    for module in ("loop", "stacked"):
        monkeypatch.setattr(f"nist.training.{module}.beat", lambda: beats.append(1))
    images = packed.Images(*(array[::10] for array in packed.digits()))
    study_content["training"].update({"epochs": 5, "batch_size": 32})
    experiment = load_study(study_content)
    train_block(experiment, "dense", range(2), images, torch.device("cpu"), together=together)
    split = Split(images.train_images, images.train_labels, torch.device("cpu"))
    batches = -(-len(split) // 32) + 1  # and one of validation
    assert len(beats) == 5 * batches * (2 if together == 1 else 1)

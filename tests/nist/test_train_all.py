"""Whole studies trained one block after another, without Snakemake."""

import os
import shutil
import signal
import sys
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from nist import metrics_file as record
from nist import train, train_all
from nist.data import packed
from nist.errors import InputError, StoppedError
from nist.runtime import provenance
from nist.studies import study, trained
from nist.studies.plan import Plan
from nist.training import checkpoint, outlook
from nist.training.checkpoint import Checkpoint
from nist.training.session import digests
from tests.conftest import ROOT


@pytest.fixture
def short(study_content, load_study):
    """The embedded LeNet-5 study at three epochs, three seeds in blocks of two: dense, and pruned to 98 and 99.5 %."""
    study_content.update(seeds="0-2", block_size=2)
    study_content["training"]["epochs"] = 3
    del study_content["variants"]["nist-1-5-p99.5"]
    for variant in study_content["variants"].values():
        if variant["prune"]:
            variant["prune"]["epoch"] = 1
    return load_study(study_content)


@pytest.fixture
def command(short, tmp_path, monkeypatch):
    """Run the command in an empty folder, on the embedded data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lambda *options: train_all.main([str(short.path), "--cache", str(tmp_path), *options])


def jobs(*studies, **settings):
    return list(train_all.jobs(Plan({one.name: one for one in studies}, **settings)))


def metrics(folder):
    found = (folder / "results/metrics").rglob("seeds*[0-9].parquet")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_a_trunk_comes_once_and_before_the_variants_that_go_on_from_it(short):
    planned = [(Path(job.out).parts[1], Path(job.out).stem) for job in jobs(short)]
    block = [("metrics", "seeds{}"), ("trunks", "seeds{}"), ("metrics", "seeds{}"), ("metrics", "seeds{}")]
    assert planned == [(kind, name.format(seeds)) for seeds in ("0-1", "2-2") for kind, name in block]
    _, trunk, *pruned = jobs(short)[:4]
    assert "--until-prune" in trunk.options
    assert all(f"--trunk={trunk.out}" in job.options for job in pruned)


def test_seeds_can_be_others_than_the_studys(short):
    planned = jobs(short, seeds={short.name: range(4, 6)})
    assert [Path(job.out).stem for job in planned] == ["seeds4-5"] * 4


def test_runs_that_are_taken_from_another_study_are_not_trained():
    controls = study.load("lenet5-fmnist-controls")
    assert controls.taken_from("nist-1-10-p99.5") == "lenet5-fmnist"
    assert not any("/nist-1-10-p99.5/" in job.out for job in jobs(controls, seeds={"lenet5-fmnist-controls": range(1)}))


@pytest.fixture
def in_this_process(monkeypatch):
    """Children that are trained here, on a few images, when they are started; what they were told."""
    images, told = packed.Images(*(array[::20] for array in packed.digits())), []

    class Trained:
        returncode = 0

        def __init__(self, command):
            told.append(command)
            train.main(command[3:])

        def poll(self):
            return 0

    monkeypatch.setattr(train.sources, "load", lambda *arguments: (images, None))
    monkeypatch.setattr(train_all, "subprocess", SimpleNamespace(Popen=Trained))
    return told


@pytest.mark.filterwarnings("ignore:the prune left nothing of")
def test_a_whole_study_is_trained_once(command, in_this_process, tmp_path, capfd):
    for _ in range(2):
        command("--data-root", "somewhere", "--device", "cpu", "--download")
    assert metrics(tmp_path) == [
        f"results/metrics/lenet5-digits/{variant}/{seeds}.parquet"
        for variant in ("dense", "nist-1-10-p98", "nist-1-10-p99.5")
        for seeds in ("seeds0-1", "seeds2-2")
    ]
    table, description = record.read(tmp_path / metrics(tmp_path)[2])
    assert table["epoch"].to_pylist() == [1, 2, 3] * 2
    assert len(description["sessions"]) == 2  # the first trained its trunk
    assert capfd.readouterr().out.splitlines()[-2:] == ["8 jobs done", "nothing is missing"]
    assert len(in_this_process) == 8
    for told in in_this_process:
        assert told[:3] == [sys.executable, "-m", "nist.train"]
        options = {"--data-root=somewhere", f"--cache={tmp_path}", "--device=cpu", "--threads=1", "--download"}
        assert options <= {*told}


@pytest.mark.filterwarnings("ignore:the prune left nothing of")
def test_only_what_is_missing_is_trained_whatever_the_blocks(command, in_this_process, short, tmp_path):
    command("--seeds", "0-0")
    published = tmp_path / "results/published/metrics/lenet5-digits/dense"
    shutil.copytree(tmp_path / "results/metrics/lenet5-digits/dense", published)
    shutil.rmtree(tmp_path / "results/metrics/lenet5-digits")
    in_this_process.clear()
    command("--block-size", "3")
    told = [(word[10:], words[5][8:]) for words in in_this_process for word in words if word.startswith("--variant=")]
    # The seed's trunk is still there, and that of all three is another.
    variants = [variant for variant in short.trained if variant != "dense"]
    assert told == [(variants[0], "0-2"), *((variant, "0-2") for variant in variants), ("dense", "1-2")]


def test_runs_of_another_configuration_are_missing(metrics_file, short, tmp_path):
    path = tmp_path / "results/metrics/lenet5-digits/dense/seeds0-1.parquet"
    path.parent.mkdir(parents=True)
    for change, found in ([{}, {str(path): [0, 1]}], [{"prune": 1}, {}]):
        configuration = {**short.configuration("dense"), **change}
        metrics_file("m", [[0.5]] * 2, describe={"configuration": configuration}).rename(path)
        assert trained.find([short], tmp_path / "results/metrics")[short.name, "dense"] == found


def test_a_damaged_file_is_named_and_not_trained_over(command, tmp_path):
    path = tmp_path / "results/published/metrics/lenet5-digits/dense/seeds0-1.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="dense/seeds0-1.parquet: not a whole Parquet file"):
        command()


@pytest.mark.filterwarnings("ignore:the prune left nothing of")
def test_the_lowest_priority_is_the_jobs_own_and_recorded(command, monkeypatch, in_this_process, tmp_path):
    niceness = []
    monkeypatch.setattr(train_all.os, "nice", niceness.append)
    monkeypatch.setattr(provenance.os, "getpriority", lambda which, who: niceness[0])
    command("--seeds", "0-0", "--nice")
    assert niceness == [19]
    sessions = record.read(tmp_path / metrics(tmp_path)[0]).description["sessions"]
    assert [session["niceness"] for session in sessions] == [19]


def test_the_leader_of_a_session_lowers_that_too(monkeypatch, tmp_path):
    monkeypatch.setattr(train_all.os, "nice", lambda value: None)
    monkeypatch.setattr(train_all, "AUTOGROUP", tmp_path / "autogroup")
    monkeypatch.setattr(train_all.os, "getsid", lambda process: 0)
    train_all.take_lowest_priority()
    assert not (tmp_path / "autogroup").exists()  # of a session that others started
    monkeypatch.setattr(train_all.os, "getsid", lambda process: os.getpid())
    train_all.take_lowest_priority()
    assert (tmp_path / "autogroup").read_text() == "19"
    monkeypatch.setattr(train_all, "AUTOGROUP", tmp_path / "no" / "autogroup")  # where there are no such groups
    train_all.take_lowest_priority()


def test_what_is_left_is_told_in_runs_epochs_and_hours(short, metrics_file, trained_rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan({short.name: short})
    assert outlook.left(plan, 2) == "9 runs, 24 epochs left"  # both pruned heads share their first epoch
    rows = [{**row, "seconds": 400.0} for row in trained_rows([[0.5] * 2])]  # two of the six epochs of a block
    Checkpoint(checkpoint.path_of(checkpoint.FOLDER, short.name, "dense", range(2), ("a", "b"))).write(rows, [], {})
    assert outlook.left(plan, 2) == "9 runs, 24 epochs left"  # of another version of the code
    now = digests(short.configuration("dense"))
    Checkpoint(checkpoint.path_of(checkpoint.FOLDER, short.name, "dense", range(2), now)).write(rows, [], {})
    assert outlook.left(plan, 2) == "9 runs, 22 epochs left: about 1.2 h, 2 at once"
    there = {(short.name, "dense"): {"a": [0]}, (short.name, "nist-1-10-p98"): {"b": [0, 1, 2]}}
    assert outlook.left(Plan({short.name: short}, existing=there), 1) == "5 runs, 15 epochs left"
    path = tmp_path / "results/metrics" / short.name / "dense/seeds0-0.parquet"
    path.parent.mkdir(parents=True)
    metrics_file("m", [[0.5] * 3]).rename(path)
    assert (
        outlook.left(Plan({short.name: short}, existing=there), 1) == "5 runs, 15 epochs left: about 0.0 h, 1 at once"
    )


def test_what_is_left_counts_no_damaged_checkpoint(short, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = checkpoint.path_of(checkpoint.FOLDER, short.name, "dense", range(2), digests(short.configuration("dense")))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert outlook.left(Plan({short.name: short}), 2) == "9 runs, 24 epochs left"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--block-size", "--block-size 0: give at least 1"),
        ("--jobs", "--jobs 0: give at least 1"),
        ("--limit-minutes", r"--limit-minutes 0\.0: give the minutes that there are"),
    ],
)
def test_nothing_of_what_there_must_be_some_is_an_error(command, option, message):
    with pytest.raises(InputError, match=message):
        command(option, "0")


def test_where_time_is_up_at_once_nothing_is_trained(command, tmp_path):
    rest = "6 runs, 16 epochs left; started again, it goes on"  # the pruned heads share their first
    with pytest.raises(StoppedError, match=f"time is up after 0 of 4 jobs, {rest}"):
        command("--seeds", "0-1", "--limit-minutes", "1e-9")
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_what_time_cuts_short_is_gone_on_with(command, tmp_path, capfd):
    rest = "6 runs, 16 epochs left; started again, it goes on"  # the pruned heads share their first
    with pytest.raises(StoppedError, match=f"time is up after 0 of 4 jobs, {rest}"):
        command("--seeds", "0-1", "--limit-minutes", "0.001")  # over before torch is imported
    assert not (tmp_path / "results/metrics").exists()
    command("--seeds", "0-1", "--jobs", "2")
    assert capfd.readouterr().out.endswith("4 jobs done\n")
    assert metrics(tmp_path) == [
        f"results/metrics/lenet5-digits/{variant}/seeds0-1.parquet"
        for variant in ("dense", "nist-1-10-p98", "nist-1-10-p99.5")
    ]


def test_a_job_that_fails_ends_it(command, capfd):
    with pytest.raises(StoppedError, match=r"-m nist.train .*--variant=dense .* ended with status 1; started again"):
        command("--threads", "0")
    assert "error: --threads 0: give at least 1" in capfd.readouterr().err


class Asked:
    """A child that is asked to end while it is waited for, and ends well: it was in its last epoch."""

    returncode = 0
    signals: ClassVar[list[int]] = []

    def __init__(self, command):
        pass

    def poll(self):
        if not self.signals:
            os.kill(os.getpid(), signal.SIGUSR1)
            return None
        return 0

    def send_signal(self, number):
        self.signals.append(number)


def test_what_asks_it_to_end_asks_its_child_and_starts_no_other(command, monkeypatch):
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(train_all.subprocess, "Popen", Asked)
    with pytest.raises(StoppedError, match="SIGUSR1; started again, it goes on"):
        command()
    assert Asked.signals == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


class Late(Asked):
    """A child during whose start this process is asked to end."""

    signals: ClassVar[list[int]] = []

    def __init__(self, command):
        os.kill(os.getpid(), signal.SIGUSR1)

    def poll(self):
        return 0 if self.signals else None


def test_a_child_that_is_started_just_then_is_asked_too(command, monkeypatch):
    monkeypatch.setattr(train_all.subprocess, "Popen", Late)
    with pytest.raises(StoppedError, match="SIGUSR1; started again, it goes on"):
        command()
    assert Late.signals == [signal.SIGTERM]


class Recorded:
    """Children that end when they have been looked at so often, each in its turn; what began and ended, in order."""

    def __init__(self, *looks, status=0):
        self.looks, self.status, self.events, self.most, self.now = cycle(looks), status, [], 0, 0

    def __call__(self, command):
        return Child(self, command[-1].removeprefix("--out="))


class Child:
    def __init__(self, recorded, out):
        self.recorded, self.out, self.left, self.returncode = recorded, out, next(recorded.looks), None
        recorded.events.append(("begins", out))
        recorded.now += 1
        recorded.most = max(recorded.most, recorded.now)

    def poll(self):
        self.left -= 1
        if self.left < 0 and self.returncode is None:
            self.returncode = self.recorded.status
            self.recorded.now -= 1
            self.recorded.events.append(("ends", self.out))
        return self.returncode

    def send_signal(self, number):
        self.recorded.events.append((number, self.out))

    def wait(self):
        self.recorded.events.append(("is waited for", self.out))


@pytest.fixture
def recorded(monkeypatch):
    def make(*looks, **options):
        made = Recorded(*looks, **options)
        monkeypatch.setattr(train_all, "POLL", 0)
        monkeypatch.setattr(train_all.subprocess, "Popen", made)
        return made

    return make


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_so_many_jobs_run_at_once_and_none_before_its_trunk(short, recorded, at_once):
    children, waiting = recorded(3), jobs(short)
    assert train_all.train(waiting, [], float("inf"), at_once) == len(waiting) == 8
    assert children.most == min(at_once, 4)  # of two blocks the dense head and the trunk, then two pruned ones
    assert sorted(job.out for job in waiting) == sorted(out for event, out in children.events if event == "begins")
    for job in waiting:
        if job.trunk:
            assert children.events.index(("ends", job.trunk)) < children.events.index(("begins", job.out))


def test_when_one_of_several_fails_the_other_ends_its_epoch_and_no_other_begins(short, recorded):
    children = recorded(2, 9, status=1)
    with pytest.raises(StoppedError, match="--variant=dense .* ended with status 1; started again, it goes on"):
        train_all.train(jobs(short), [], float("inf"), 2)
    dense, trunk = (job.out for job in jobs(short)[:2])
    expected = [("begins", dense), ("begins", trunk), ("ends", dense), (signal.SIGTERM, trunk), ("ends", trunk)]
    assert children.events == expected


def test_when_time_is_up_every_job_is_asked_to_end_once(short, recorded, monkeypatch):
    children, clock = recorded(5, status=1), iter(range(100))
    monkeypatch.setattr(train_all.time, "monotonic", lambda: next(clock))
    assert train_all.train(jobs(short), [], 2, 2) == 0
    assert [event for event, out in children.events if event == signal.SIGTERM] == [signal.SIGTERM] * 2


def test_where_a_job_cannot_be_started_those_that_run_end_their_epoch(short, recorded, monkeypatch):
    children, first = recorded(1000), jobs(short)[0].out

    def start(command):
        if children.events:
            raise BlockingIOError("no more processes")
        return children(command)

    monkeypatch.setattr(train_all.subprocess, "Popen", start)
    with pytest.raises(BlockingIOError):
        train_all.train(jobs(short), [], float("inf"), 2)
    assert children.events == [("begins", first), (signal.SIGTERM, first), ("is waited for", first)]


def test_two_studies_of_one_name_are_refused(short, tmp_path):
    (tmp_path / "other").mkdir()
    other = shutil.copy(short.path, tmp_path / "other")
    with pytest.raises(InputError, match="its study has the name of another one, in .*; give it its own"):
        train_all.main([str(short.path), str(other)])


def test_a_study_that_is_named_twice_is_trained_once(short, recorded, tmp_path):
    children = recorded(3)
    train_all.main([str(short.path), str(short.path), "--cache", str(tmp_path), "--jobs", "8"])
    begun = [out for event, out in children.events if event == "begins"]
    assert sorted(begun) == sorted(job.out for job in jobs(short))

"""Whole studies trained one block after another, without Snakemake."""

import os
import re
import signal
from typing import ClassVar

import pytest

from nist import record, study, train_all
from nist.errors import InputError, StoppedError
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


def metrics(folder):
    return sorted(path.relative_to(folder).as_posix() for path in (folder / "results/metrics").rglob("*.parquet"))


def test_a_trunk_comes_once_and_before_the_variants_that_go_on_from_it(short):
    planned = [(job.out.relative_to("results").parts[0], job.out.stem) for job in train_all.jobs(short)]
    block = [("metrics", "seeds{}"), ("trunks", "seeds{}"), ("metrics", "seeds{}"), ("metrics", "seeds{}")]
    assert planned == [(kind, name.format(seeds)) for seeds in ("0-1", "2-2") for kind, name in block]
    _, trunk, *pruned = list(train_all.jobs(short))[:4]
    assert "--until-prune" in trunk.options
    assert all(f"--trunk={trunk.out}" in job.options for job in pruned)


def test_seeds_can_be_others_than_the_studys(short):
    assert [job.out.stem for job in train_all.jobs(short, seeds=range(4, 6))] == ["seeds4-5"] * 4


def test_runs_that_are_taken_from_another_study_are_not_trained():
    controls = study.load("lenet5-fmnist-controls")
    assert controls.taken_from("nist-1-10-p99.5") == "lenet5-fmnist"
    assert not any("nist-1-10-p99.5" in job.out.parts for job in train_all.jobs(controls))


@pytest.mark.slow
def test_what_time_cuts_short_is_gone_on_with(command, tmp_path, capfd):
    with pytest.raises(StoppedError, match="time is up after 0 of 4 jobs; started again, it goes on"):
        command("--seeds", "0-1", "--limit-minutes", "0.001")  # over before torch is imported
    assert not (tmp_path / "results/metrics").exists()
    command("--seeds", "0-1")
    assert capfd.readouterr().out.endswith("4 jobs done\n")
    assert metrics(tmp_path) == [
        f"results/metrics/lenet5-digits/{variant}/seeds0-1.parquet"
        for variant in ("dense", "nist-1-10-p98", "nist-1-10-p99.5")
    ]
    table, _ = record.read(tmp_path / metrics(tmp_path)[1])
    assert table["epoch"].to_pylist() == [1, 2, 3] * 2
    command("--seeds", "0-1")
    assert len(re.findall(": complete already; ", capfd.readouterr().out)) == 4


def test_a_job_that_fails_ends_it(command, capfd):
    with pytest.raises(StoppedError, match=r"-m nist.train .*--variant=dense .* ended with status 1; started again"):
        command("--threads", "0")
    assert "error: --threads 0: give at least 1" in capfd.readouterr().err


def test_no_time_is_an_error(command):
    with pytest.raises(InputError, match=r"--limit-minutes 0\.0: give the minutes that there are"):
        command("--limit-minutes", "0")


class Asked:
    """A child that is asked to end while it is waited for, and ends well: it was in its last epoch."""

    returncode = 0
    signals: ClassVar[list[int]] = []

    def __init__(self, command):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def wait(self, seconds):
        os.kill(os.getpid(), signal.SIGUSR1)

    def send_signal(self, number):
        self.signals.append(number)


def test_what_asks_it_to_end_asks_its_child_and_starts_no_other(command, monkeypatch):
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(train_all.subprocess, "Popen", Asked)
    with pytest.raises(StoppedError, match="SIGUSR1; started again, it goes on"):
        command()
    assert Asked.signals == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before

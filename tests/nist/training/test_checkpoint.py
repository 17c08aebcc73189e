import statistics
import subprocess
import sys

import pytest
import torch

from nist import metrics_file, train
from nist.data import packed
from nist.models import build
from nist.training import checkpoint
from nist.training.checkpoint import Checkpoint
from tests.nist.training.block import train_block, without_times

CPU = torch.device("cpu")


@pytest.fixture
def short(five_epochs):
    """With SGD from the fourth epoch."""
    return five_epochs(adam=0.6)


def stop_after(epochs, monkeypatch):
    """Make training stop, as if killed, when so many epochs of this session are measured and maybe written."""
    seen = []

    def is_due(self):
        seen.append(self)
        if len(seen) > epochs:
            raise KeyboardInterrupt
        return self.path is not None

    monkeypatch.setattr(Checkpoint, "is_due", is_due)


@pytest.fixture(scope="module")
def wholes():
    """Rows of runs that were not stopped, by variant, for the tests that come after the first."""
    return {}


@pytest.mark.parametrize(
    ("variant", "epochs"),  # before and after prune, switch of optimizer, and next seed
    [("dense", 3), *(("nist-1-10-p99.5", epochs) for epochs in (1, 2, 3, 5, 8))],
)
def test_a_stopped_block_goes_on_to_the_same_bits(short, images, wholes, tmp_path, monkeypatch, variant, epochs):
    if variant not in wholes:
        wholes[variant], _ = train_block(short, variant, range(3, 5), images, CPU)
    whole, path = wholes[variant], tmp_path / "block.safetensors"
    with monkeypatch.context() as patch:
        stop_after(epochs, patch)
        with pytest.raises(KeyboardInterrupt):
            train_block(short, variant, range(3, 5), images, CPU, checkpoint=Checkpoint(path))
    resumed = Checkpoint(path, minutes=0)
    kept = resumed.rows
    assert len(kept) == epochs
    rows, description = train_block(short, variant, range(3, 5), images, CPU, checkpoint=resumed)
    assert without_times(rows) == without_times(whole)
    assert rows[:epochs] == kept
    assert len(description["sessions"]) == 2
    metrics_file.write(tmp_path / "m.parquet", rows, description)


def test_dropout_goes_on_to_the_same_bits_too(short, images, tmp_path, monkeypatch):
    plain = build.head
    with_dropout = lambda model: torch.nn.Sequential(torch.nn.Dropout(0.5), *plain(model))  # noqa: E731
    monkeypatch.setattr(build, "head", with_dropout)
    whole, _ = train_block(short, "dense", range(1), images, CPU)
    path = tmp_path / "block.safetensors"
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(KeyboardInterrupt):
            train_block(short, "dense", range(1), images, CPU, checkpoint=Checkpoint(path))
    rows, _ = train_block(short, "dense", range(1), images, CPU, checkpoint=Checkpoint(path))
    assert without_times(rows) == without_times(whole)


def test_a_damaged_file_is_said_and_not_used(tmp_path, trained_rows):
    path, rows = tmp_path / "block.safetensors", trained_rows([[0.5]])
    Checkpoint(path).write(rows, [], {0: {"x": torch.arange(3)}})
    whole = path.read_bytes()
    assert Checkpoint(path).rows == rows
    for content, said in ((b"text", "header too small"), (whole[:-1], ""), (b"\xff" * len(whole), "header too large")):
        path.write_bytes(content)
        message = rf"damaged checkpoint \(.*{said}.*\), the block starts from the beginning"
        with pytest.warns(UserWarning, match=message):
            assert Checkpoint(path).rows == []


def test_what_was_read_does_not_change_with_the_file(tmp_path, trained_rows):
    path = tmp_path / "states.safetensors"
    checkpoint.save(path, trained_rows([[0.5]]), [], {0: {"weight": torch.ones(5000)}})
    _, states = checkpoint.read(path)
    with path.open("r+b") as file:  # in place, as no job writes, but as a disk or a copy may
        file.write(bytes(path.stat().st_size))
    assert states[0]["weight"].eq(1).all()


def test_nothing_is_kept_without_a_path():
    kept = Checkpoint(None, minutes=0)
    assert not kept.is_due()
    kept.remove()


@pytest.mark.filterwarnings("error")
def test_what_was_never_written_is_removed_without_a_word(tmp_path):
    Checkpoint(tmp_path / "kept" / "study" / "variant" / "key" / "block.safetensors").remove()


def test_the_least_time_between_writes(tmp_path, trained_rows, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    assert Checkpoint(tmp_path / "block.safetensors", minutes=0).is_due()
    kept = Checkpoint(tmp_path / "block.safetensors")
    for _ in range(2):
        now[0] += 299
        assert not kept.is_due()
        now[0] += 1
        assert kept.is_due()
        kept.write(trained_rows([[0.5]]), [], {})


def test_configuration_and_code_are_in_the_path(tmp_path):
    path = checkpoint.path_of(tmp_path, "study", "variant", range(20, 40), ("a" * 64, "b" * 64))
    key = f"{'a' * 16}-{'b' * 16}"
    assert path == tmp_path / "study" / "variant" / key / "seeds20-39.safetensors"


KILLER = """
import contextlib, os, pathlib, random, signal, sys, time
import pandas, torch._dynamo  # what the first table and the first optimizer step import, for seconds
from nist import digest, train
from nist.studies import study
draw, longest, arguments = random.Random(0), float(sys.argv[1]), sys.argv[2:]
digest.of_training_code("lenet5")  # read once, not by every child, and so the schema of studies
study.load(arguments[arguments.index("--study") + 1])
folder = pathlib.Path(arguments[arguments.index("--checkpoints") + 1])

def written():
    times = set()
    for path in folder.glob("**/seeds*"):
        with contextlib.suppress(FileNotFoundError):  # a write renamed it after the folder was listed
            times.add(path.stat().st_mtime_ns)
    return times

for attempt in range(21):
    before, child = written(), os.fork()
    if child == 0:
        try:
            train.main(arguments)
        finally:
            os._exit(0)
    if attempt < 20:  # at least one epoch each time, and then any moment: in a step, in a write, between the two
        while written() == before:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX systems")
def test_a_job_killed_twenty_times_ends_with_the_same_bits(short, images, tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "digits", lambda: images)  # the whole job caches them, and the others read that
    monkeypatch.setattr(packed, "check_content", lambda *_: None)

    def command(out):
        places = {"--study": short.path, "--out": out, "--checkpoints": tmp_path / "kept", "--cache": tmp_path}
        numbers = {"--seeds": "0-2", "--epochs": 80, "--minutes": 0, "--variant": "nist-1-10-p98"}
        return [str(word) for item in (places | numbers).items() for word in item]

    train.main(command(tmp_path / "whole.parquet"))
    whole = metrics_file.read(tmp_path / "whole.parquet")
    # With three epochs, twenty kills use up 50 of 240 or so: on a fast machine too, something is left to kill.
    longest = 3 * statistics.median(whole.table["seconds"].to_pylist())
    words = [sys.executable, "-c", KILLER, str(longest), *command(tmp_path / "killed.parquet")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    killed = metrics_file.read(tmp_path / "killed.parquet")
    assert without_times(killed.table.to_pylist()) == without_times(whole.table.to_pylist())
    assert len(killed.description["sessions"]) == 21
    assert not any((tmp_path / "kept").iterdir())

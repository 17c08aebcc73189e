"""Faults of a training job: each ends in one line that says whether the block is complete or how it goes on."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from nist import metrics_file, train
from nist.errors import InputError, StoppedError
from nist.runtime import devices, faults, files, locks, provenance
from nist.studies import study
from nist.training import checkpoint, seed_block, session
from nist.training.loop import Run
from tests.nist.training.block import train_block, without_times
from tests.processes import exit_code, fork

ROOT = Path(__file__).parents[3]
NOTHING = r"resumable: started again, the block goes on from epoch 1 of seed 0 \(0 of 8 epochs kept\)"
FOUR = r"resumable: started again, the block goes on from epoch 2 of seed 1 \(5 of 8 epochs kept\)"


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """The embedded LeNet-5 study at four epochs, pruned after the second."""
    content = study.load("lenet5-digits").content
    content["training"].update({"epochs": 4, "batch_size": 32})
    for variant in content["variants"].values():
        if variant["prune"]:
            variant["prune"]["epoch"] = 2
    path = tmp_path_factory.mktemp("study") / "lenet5-digits.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return study.load(path)


@pytest.fixture
def words(short, images, tmp_path, monkeypatch):
    """Arguments of the command that trains two seeds on a tenth of the digits, a checkpoint after every epoch."""
    monkeypatch.setattr(train.sources, "load", lambda *arguments: (images, None))

    def make(variant="nist-1-10-p98", **options):
        places = {
            "study": short.path,
            "out": tmp_path / "m.parquet",
            "checkpoints": tmp_path / "kept",
            "cache": tmp_path,
        }
        settings = {**places, "variant": variant, "seeds": "0-1", "minutes": 0, **options}
        return [word for name, value in settings.items() for word in (f"--{name}".replace("_", "-"), str(value))]

    return make


def rows(path):
    return without_times(metrics_file.read(path).table.to_pylist())


@pytest.fixture(scope="module")
def undisturbed(short, images, tmp_path_factory):
    """Rows of the block, trained without a fault."""
    path = tmp_path_factory.mktemp("undisturbed") / "m.parquet"
    metrics_file.write(path, *train_block(short, "nist-1-10-p98", range(2), images, torch.device("cpu")))
    return rows(path)


def failing_after(epochs, error, monkeypatch):
    """Let the training of this process fail in the step after so many epochs."""
    measured_epoch, seen = Run.measured_epoch, []

    def fail(run):
        seen.append(run)
        if len(seen) > epochs:
            error()
        return measured_epoch(run)

    monkeypatch.setattr(Run, "measured_epoch", fail)


def raising(error):
    def fail(*_):
        raise error

    return fail


ERRORS = [
    (lambda: torch.empty(2**46), "out of memory (.*DefaultCPUAllocator.*)"),
    (raising(MemoryError()), r"out of memory \(MemoryError\)"),
    (raising(torch.OutOfMemoryError("CUDA out of memory. Tried")), r"out of memory \(CUDA out of memory. Tried\)"),
    (raising(torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with", 719)), "the GPU failed"),
    (
        raising(RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel")),
        r"the GPU failed \(CUDA error: .*\)",
    ),
    (raising(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")), "worker .* killed by signal"),
    (raising(OSError(errno.EIO, "Input/output error")), "Input/output error"),
    (raising(KeyboardInterrupt()), "stopped at once"),
]


@pytest.mark.parametrize(("error", "message"), ERRORS)
def test_a_job_that_a_fault_ends_says_from_where_it_goes_on_and_does(
    words, undisturbed, tmp_path, monkeypatch, error, message
):
    with monkeypatch.context() as patch:
        failing_after(5, error, patch)
        with pytest.raises(StoppedError, match=f"{message}.*; {FOUR}") as stopped:
            train.main(words())
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "m.parquet").exists()
    train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed
    assert not any((tmp_path / "kept").iterdir())


def test_an_error_of_the_program_keeps_its_traceback(words, monkeypatch):
    failing_after(0, raising(RuntimeError("shapes cannot be multiplied")), monkeypatch)
    with pytest.raises(RuntimeError, match="shapes"):
        train.main(words())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_a_job_asked_to_stop_ends_its_epoch_and_keeps_it(words, undisturbed, tmp_path, monkeypatch, capfd, name):
    ask = lambda: os.kill(os.getpid(), signal.Signals[name])  # noqa: E731
    with monkeypatch.context() as patch:
        failing_after(4, ask, patch)
        with pytest.raises(StoppedError, match=f"{name}; {FOUR}"):
            train.main(words(minutes=60))
    assert capfd.readouterr().err == f"{name}: stopping at the end of this epoch (Ctrl-C now stops at once)\n"
    train.main(words(minutes=60))
    assert rows(tmp_path / "m.parquet") == undisturbed


def test_ctrl_c_twice_does_not_wait(words, monkeypatch):
    failing_after(5, lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)], monkeypatch)
    with pytest.raises(StoppedError, match=f"stopped at once; {FOUR}"):
        train.main(words())


def test_a_job_asked_to_stop_in_its_last_epoch_is_complete(words, undisturbed, tmp_path, monkeypatch):
    failing_after(7, lambda: os.kill(os.getpid(), signal.SIGTERM), monkeypatch)
    train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX systems")
def test_a_job_that_is_killed_goes_on_to_the_same_bits(words, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        failing_after(5, lambda: os.kill(os.getpid(), signal.SIGKILL), patch)
        assert exit_code(fork(lambda: train.main(words()))) == -signal.SIGKILL
    assert list(tmp_path.glob("kept/**/seeds0-1.safetensors"))
    assert not (tmp_path / "m.parquet").exists()
    train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed
    assert len(metrics_file.read(tmp_path / "m.parquet").description["sessions"]) == 2


UNTOUCHED = "nothing was changed; start it again"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_a_job_asked_to_stop_before_it_trains_stops_at_once(words, tmp_path, monkeypatch, name):
    ask = lambda *_: os.kill(os.getpid(), signal.Signals[name])  # noqa: E731
    monkeypatch.setattr(devices, "choose_device", ask)  # which may wait for hours for a GPU
    with pytest.raises(StoppedError, match=f"^{name}; {UNTOUCHED}$"):
        train.main(words())
    assert not (tmp_path / "m.parquet").exists()


def test_a_fault_before_it_trains_is_told_too(words, monkeypatch):
    monkeypatch.setattr(session.splits, "prepare", raising(torch.OutOfMemoryError("CUDA out of memory. Tried")))
    with pytest.raises(StoppedError, match=rf"out of memory \(CUDA out of memory. Tried\); {UNTOUCHED}"):
        train.main(words())


def test_what_a_gpu_began_goes_on_on_a_cpu_only_if_that_is_asked_for(words, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "device_name", lambda device: "NVIDIA H100")
        failing_after(5, raising(MemoryError()), patch)
        with pytest.raises(StoppedError):
            train.main(words())
    with pytest.raises(InputError, match=f"NVIDIA H100 trained this block so far, and no GPU .*; {UNTOUCHED} where"):
        train.main(words(device="auto"))
    train.main(words(device="cpu"))
    assert rows(tmp_path / "m.parquet") == undisturbed


def test_handlers_of_signals_are_put_back(words):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    train.main(words(epochs=3, variant="dense"))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)] == before


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_room_for_a_checkpoint_training_goes_on(words, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.warns(UserWarning, match="seeds0-1.safetensors: no checkpoint could be written .*No space left"):
        train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed
    assert not any((tmp_path / "kept").iterdir())


def test_without_room_for_a_checkpoint_a_stopped_job_says_what_there_is(words, monkeypatch):
    save, calls = checkpoint.save, []

    def some(*arguments):
        calls.append(arguments)
        return save(*arguments) if len(calls) <= 5 else full()

    monkeypatch.setattr(checkpoint, "save", some)
    failing_after(6, raising(MemoryError()), monkeypatch)
    with pytest.warns(UserWarning, match="no checkpoint could be written"), pytest.raises(StoppedError, match=FOUR):
        train.main(words())


@pytest.mark.parametrize("options", [[], ["--until-prune"]], ids=["metrics", "trunk"])
def test_without_room_for_the_result_nothing_is_lost(words, undisturbed, tmp_path, monkeypatch, options):
    with monkeypatch.context() as patch:
        patch.setattr(metrics_file.pq, "write_table", full)
        patch.setattr(train.artifacts, "save_trunk", full)
        with pytest.raises(StoppedError, match="No space left on device; nothing is lost: started again"):
            train.main([*words(minutes=60), *options])
    patched = []
    monkeypatch.setattr(Run, "measured_epoch", lambda run: patched.append(run))
    train.main([*words(), *options])
    assert not patched
    if options:
        assert len(checkpoint.read(tmp_path / "m.parquet")[1]) == 2
    else:
        assert rows(tmp_path / "m.parquet") == undisturbed


def test_a_checkpoint_that_cannot_be_removed_fails_no_job(words, undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "remove_partial", full)
    with pytest.warns(UserWarning, match="the block is complete, but its checkpoint is still there"):
        train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed


def test_leftovers_of_killed_writers_of_any_host_go_with_the_block(words, tmp_path):
    leftover, others = tmp_path / ".m.node7-12-ab.partial.parquet", tmp_path / ".m2.node7-12-ab.partial.parquet"
    for path in (leftover, others):
        path.write_bytes(b"half")
    train.main(words())
    assert not leftover.exists()
    assert others.exists()


def test_a_second_job_of_the_same_block_is_refused_and_changes_nothing(words, tmp_path):
    identity = session.digests(study.load(words()[1]).configuration("nist-1-10-p98"))
    place = checkpoint.path_of(tmp_path / "kept", "lenet5-digits", "nist-1-10-p98", range(2), identity)
    with checkpoint.locked(place):
        message = (
            f"seeds0-1.safetensors: process {os.getpid()} on .* trains this block; start again when it has finished"
        )
        with pytest.raises(InputError, match=message):
            train.main(words())
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == []
    train.main(words())
    assert not any((tmp_path / "kept").iterdir())


def no_locks(*arguments):
    raise OSError(errno.ENOLCK, "No locks available")


def test_where_there_are_no_locks_it_is_said_and_two_jobs_end_with_the_same_rows(
    words, undisturbed, tmp_path, monkeypatch
):
    monkeypatch.setattr(locks.fcntl, "flock", no_locks)

    def work():
        with pytest.warns(UserWarning, match="no locks on this file system .No locks available., so nothing keeps"):
            train.main(words())

    pids = [fork(work) for _ in range(2)]
    assert [exit_code(pid) for pid in pids] == [0, 0]
    assert rows(tmp_path / "m.parquet") == undisturbed


def test_where_there_are_no_locks_what_another_job_is_writing_is_left_to_it(words, tmp_path, monkeypatch):
    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    identity = session.digests(study.load(words()[1]).configuration("nist-1-10-p98"))
    place = checkpoint.path_of(tmp_path / "kept", "lenet5-digits", "nist-1-10-p98", range(2), identity)
    with files.replacing(tmp_path / "m.parquet") as metrics, files.replacing(place) as kept:
        metrics.write_bytes(b"half of the metrics")
        kept.write_bytes(b"half of a checkpoint")
        with pytest.warns(UserWarning, match="no locks on this file system"):
            train.main(words())
        assert metrics.exists()
        assert kept.exists()


def test_a_state_that_does_not_fit_is_named(words, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        failing_after(2, raising(MemoryError()), patch)
        with pytest.raises(StoppedError):
            train.main(words())
    (path,) = tmp_path.glob("kept/**/seeds0-1.safetensors")
    content, states = checkpoint.read(path)
    changes = [
        lambda state: state.pop("generator.order"),
        lambda state: state.update({"network.more": torch.zeros(1)}),
        lambda state: state.update({"generator.torch": torch.zeros(3)}),
        lambda state: state.update({"progress": torch.tensor([1, 0])}),
        lambda state: state.update({"optimizer.99.exp_avg": torch.zeros(1)}),
        lambda state: state.pop("progress"),
    ]
    for change in changes:
        altered = dict(states[0])
        change(altered)
        checkpoint.save(path, content["rows"], content["sessions"], {0: altered})
        with pytest.raises(InputError, match="seeds0-1.safetensors: the state of seed 0 does not fit; remove it and"):
            train.main(words())


def test_no_clock_that_goes_backwards_matters(words, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        failing_after(5, raising(MemoryError()), patch)
        with pytest.raises(StoppedError):
            train.main(words())
    for path in tmp_path.glob("kept/**/*"):
        os.utime(path, (4e9, 4e9))
    monkeypatch.setattr(provenance, "now", lambda: "1970-01-01T00:00:00+00:00")
    train.main(words())
    assert rows(tmp_path / "m.parquet") == undisturbed


def test_outlook_of_a_block_that_is_kept_whole(make_rows):
    kept = checkpoint.Checkpoint(None)
    kept.rows = make_rows([[0.5, 0.5]])
    assert seed_block.Block(None, range(1), 2, kept).outlook().startswith("nothing is lost")


def test_the_last_line_of_another_process_tells():
    error = OSError(
        "Caught OSError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\nOSError: gone"
    )
    assert faults.cause_of(error) == "OSError: gone"


def on_a_disk_of_its_own(script, folder):
    """How a shell script ends that has a disk of 256 KiB at ``disk`` to itself; skipped where none can be mounted."""
    (folder / "disk").mkdir()
    options = {"cwd": folder, "capture_output": True, "text": True, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size=256k none disk"
    if not shutil.which("unshare") or subprocess.run([*alone, mount], **options).returncode:
        pytest.skip("needs a user namespace, to mount a disk")
    return subprocess.run([*alone, f"{mount} && {script}"], **options)


@pytest.mark.slow
def test_a_disk_that_is_really_full_costs_nothing_but_the_file(words, tmp_path):
    arguments = " ".join(words(variant="dense", out="disk/m.parquet", epochs=3))
    train_it = f"{sys.executable} -m nist.train {arguments}"
    fill = "head -c 250000 /dev/zero > disk/filler"
    done = on_a_disk_of_its_own(f"{fill}; {train_it}; ls -A disk; rm disk/filler; {train_it}; ls -A disk", tmp_path)
    error, *rest = done.stderr.splitlines()
    assert error.startswith("error: [Errno 28]")
    assert error.endswith("; nothing is lost: started again, the job only writes what it has trained")
    assert rest == []
    assert "dense: going on after 6 of 6 epochs" in done.stdout
    assert [line for line in done.stdout.splitlines() if line in ("filler", "m.parquet")] == ["filler", "m.parquet"]


@pytest.mark.parametrize("option", ["out", "checkpoints"])
def test_a_folder_that_cannot_be_written_is_said_before_anything_is_trained(words, tmp_path, monkeypatch, option):
    place, temporary = tmp_path / "read-only", files.tempfile.TemporaryFile

    def refuse(dir):
        if dir.is_relative_to(place):
            raise OSError(errno.EROFS, "Read-only file system")
        return temporary(dir=dir)

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(train, "begin", lambda *arguments: pytest.fail("began"))
    with pytest.raises(InputError, match=r"read-only.*: nothing can be written there \(Read-only file system\), so no"):
        train.main(words(**{option: place / "m.parquet" if option == "out" else place}))


@pytest.mark.slow
@pytest.mark.parametrize("option", ["out", "checkpoints"])
def test_a_disk_that_is_really_read_only_is_said_before_anything_is_trained(words, tmp_path, option):
    place = "disk/m.parquet" if option == "out" else "disk/kept"
    arguments = " ".join(words(variant="dense", epochs=3, **{option: place}))
    done = on_a_disk_of_its_own(f"mount -o remount,ro disk; {sys.executable} -m nist.train {arguments}", tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: disk")
    assert line.endswith("(Read-only file system), so nothing is trained; what is there is kept")
    assert not (tmp_path / "m.parquet").exists()

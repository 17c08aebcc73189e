import errno
import subprocess
import sys
import types

import pytest
import torch

from nist.runtime import devices

CLAIM = """
import pathlib, sys, time
from nist.runtime import devices
devices.SECONDS = 0.05
print(devices.claim(sys.argv[2:], pathlib.Path(sys.argv[1])), flush=True)
time.sleep(600)
"""


WITHOUT_LOCKS = """
import errno, fcntl
def refuse(*arguments):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
"""


def start(folder, before="", names=("a", "b")):
    """A process that claims one of the GPUs ``names`` and keeps it."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", before + CLAIM, folder, *names], **options)


@pytest.mark.parametrize("before", ["", WITHOUT_LOCKS], ids=["locks", "no locks"])
def test_processes_never_share_a_gpu_and_a_killed_one_gives_its_own_back(tmp_path, before):
    holders = [start(tmp_path, before) for _ in range(2)]
    waiting = None
    try:
        claimed = [process.stdout.readline().strip() for process in holders]
        assert sorted(claimed) == ["0", "1"]
        waiting = start(tmp_path, before)
        assert waiting.stderr.readline().startswith("all 2 GPUs are taken by other jobs of yours; waiting for one")
        holders[0].kill()
        assert waiting.stdout.readline().strip() == claimed[0]
    finally:
        for process in filter(None, [*holders, waiting]):
            process.kill()
            process.communicate()


def test_processes_that_see_different_gpus_do_not_wait_for_each_other(tmp_path):
    holders = [start(tmp_path, names=names) for names in (["a", "b"], ["c", "d"])]
    try:
        claimed = [process.stdout.readline().strip() for process in holders]
        assert claimed == ["0", "0"]
    finally:
        for process in holders:
            process.kill()
            process.communicate()


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(devices.locks.fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match=f"{tmp_path}: no locks on this file system .No locks available."):
        assert devices.claim(["a"], tmp_path) == 0
    devices._claimed.pop().close()


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: types.SimpleNamespace(uuid=f"uuid-{index}"))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(devices, "claim", lambda names: names.index("uuid-1"))
    return chosen


@pytest.mark.parametrize("name", ["cuda", "auto"])
def test_a_job_takes_the_gpu_that_it_claimed(two_gpus, name):
    assert devices.choose_device(name) == torch.device("cuda", 1)
    assert two_gpus == [torch.device("cuda", 1)]


def test_the_one_gpu_that_a_scheduler_leaves_visible_is_taken(two_gpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert devices.choose_device("cuda") == torch.device("cuda")
    assert devices.choose_device("cpu") == torch.device("cpu")
    assert two_gpus == []

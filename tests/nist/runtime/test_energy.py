"""The energy of a training session, with an NVML that is simulated: there may be no GPU."""

import ctypes
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch

from nist.data import packed
from nist.runtime import energy
from nist.training import session
from nist.training.checkpoint import Checkpoint
from tests.nist.training.block import train_block

GPU, UUID = torch.device("cuda", 1), "31af1d0c-9e7c-4d3b-8f0e-5b1f6ad1c0de"

NVML = """
#include <string.h>
static int gpu;
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
    if (strcmp(uuid, "GPU-31af1d0c-9e7c-4d3b-8f0e-5b1f6ad1c0de")) return 6;
    *handle = &gpu;
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *handle, unsigned long long *energy) {
    static unsigned long long counter = 1ULL << 40;  /* more than 32 bits hold */
    if (handle != &gpu) return 2;
    *energy = counter;
    counter += 2500;
    return 0;
}
int nvmlDeviceGetComputeRunningProcesses(void *handle, unsigned int *count, void *infos) {
    if (handle != &gpu || infos) return 2;
    int room = *count;
    *count = 1;
    return room ? 0 : 7;
}
"""


class Library:
    """NVML with one GPU, whose counter says ``readings`` in turn, and which so many ``processes`` use in turn."""

    def __init__(self, *readings, processes=(1, 1, 1)):
        self.readings, self.processes = iter(readings), iter(processes)

    def nvmlInit_v2(self):
        return 0

    def nvmlDeviceGetHandleByUUID(self, name, handle):
        handle._obj.value = 7
        return 0 if name == f"GPU-{UUID}".encode() else 6

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, value):
        assert handle.value == 7
        value._obj.value = next(self.readings)
        return 0

    def nvmlDeviceGetComputeRunningProcesses(self, handle, count, infos):
        assert (handle.value, count._obj.value, infos) == (7, 0, None)
        count._obj.value = next(self.processes)
        return 7 if count._obj.value else 0


@pytest.fixture
def meter(monkeypatch):
    """A function that makes the meter of a GPU beside a simulated library."""
    properties = SimpleNamespace(uuid=UUID)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties if device == GPU else None)

    def make(library):
        monkeypatch.setattr(energy.ctypes, "CDLL", lambda name: library)
        return energy.Meter(GPU)

    return make


def test_energy_is_counted_in_joules_from_when_the_meter_was_made(meter):
    made = meter(Library(5_000_000, 5_000_000, 5_001_500))
    assert (made.joules(), made.joules()) == (0.0, 1.5)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_real_library_is_called_as_its_header_says(meter, tmp_path, monkeypatch):
    (tmp_path / "nvml.c").write_text(NVML)
    path = tmp_path / "libnvidia-ml.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, tmp_path / "nvml.c"], check=True)
    made = meter(ctypes.CDLL(str(path)))
    assert (made.joules(), made.joules()) == (2.5, 5.0)


def test_of_a_gpu_that_another_process_used_meanwhile_nothing_is_recorded(meter):
    made = meter(Library(0, 1_000, 2_000, 3_000, processes=(1, 2, 1)))
    assert (made.joules(), made.joules(), made.joules()) == (1.0, None, None)


def test_a_process_that_is_not_listed_is_alone(meter):
    assert meter(Library(0, 1_000, processes=(0,))).joules() == 1.0


def lacking(name):
    """A library that does not have one of its functions."""
    functions = {each: getattr(Library(0, 0), each) for each in dir(Library) if each.startswith("nvml")}
    return SimpleNamespace(**{each: function for each, function in functions.items() if each != name})


def failing(name):
    """A library one of whose functions returns an error."""
    library = Library(0, 0)
    setattr(library, name, lambda *arguments: 3)
    return library


FUNCTIONS = [name for name in dir(Library) if name.startswith("nvml")]


@pytest.mark.parametrize("broken", [lacking, failing])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_library_does_not_report_is_none(meter, broken, name):
    assert meter(broken(name)).joules() is None


def test_a_counter_that_began_anew_is_none(meter):
    assert meter(Library(5_000, 10)).joules() is None


def test_no_library_is_none(monkeypatch):
    monkeypatch.setattr(energy, "LIBRARY", "libno-such-library.so.1")
    assert energy.Meter(GPU).joules() is None


def test_of_a_cpu_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(energy.ctypes, "CDLL", lambda name: pytest.fail("asked for NVML"))
    assert energy.Meter(torch.device("cpu")).joules() is None


class TenJoulesAReading:
    """A meter that a test can foretell."""

    def __init__(self, device):
        self.readings = -1

    def joules(self):
        self.readings += 1
        return 10.0 * self.readings


@pytest.fixture
def short(study_content, load_study):
    """The dense head of the embedded LeNet-5 study, alone, for four epochs."""
    study_content["variants"] = {"dense": study_content["variants"]["dense"]}
    study_content["training"].update(epochs=4)
    return load_study(study_content)


def sessions(experiment, **options):
    """What training says of its sessions, two seeds on a tenth of the digits."""
    images = packed.Images(*(array[::10] for array in packed.digits()))
    return train_block(experiment, "dense", range(2), images, torch.device("cpu"), **options)[1]["sessions"]


def test_every_session_says_its_own_energy_up_to_the_rows_that_are_kept(short, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "Meter", TenJoulesAReading)
    assert [session["joules"] for session in sessions(short)] == [80.0]  # 2 seeds × 4 epochs
    path, kept = tmp_path / "block.safetensors", Checkpoint.write

    def stop(checkpoint, rows, *rest):
        kept(checkpoint, rows, *rest)
        if len(rows) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            sessions(short, checkpoint=Checkpoint(path, minutes=0))
    resumed = Checkpoint(path, minutes=0)
    assert [session["joules"] for session in resumed.sessions] == [30.0]
    assert [session["joules"] for session in sessions(short, checkpoint=resumed)] == [30.0, 50.0]


def test_a_device_that_reports_none_trains_all_the_same(short):
    assert [session["joules"] for session in sessions(short)] == [None]

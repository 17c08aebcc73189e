"""The energy that a training session takes, where its device reports it: the counter of an NVIDIA GPU, read by NVML.

The counter is the whole GPU's. Where another process is found on it at the end of an epoch, which would be counted
too, nothing is recorded, and nothing of a slice of a GPU (MIG), which has no counter of its own. The host's processors,
memory and cooling are in none of it. Of a CPU nothing is recorded either: its counters are those of whole packages, and
most systems let only root read them.
"""

import ctypes

import torch

LIBRARY = "libnvidia-ml.so.1"
SUCCESS, INSUFFICIENT_SIZE = 0, 7
MILLIJOULES = 1000  # a joule


class Meter:
    """Counts the energy of ``device`` from now on. It never fails: energy that is not reported is ``None``."""

    def __init__(self, device: torch.device):
        self._counter = Counter.of(device)
        self._start = self._counter.millijoules() if self._counter else None

    def joules(self) -> float | None:
        """Energy in joules since the meter was made; ``None`` where the device does not report it, or was shared."""
        if self._counter is None or self._start is None:
            return None
        if not self._counter.is_alone():
            self._start = None
            return None
        now = self._counter.millijoules()
        # A driver that was loaded anew counts from zero.
        return None if now is None or now < self._start else (now - self._start) / MILLIJOULES


class Counter:
    """The energy counter of one GPU: its ``library``, NVML, and the ``handle`` that this knows it by."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p):
        self._library, self._handle = library, handle

    @classmethod
    def of(cls, device: torch.device) -> "Counter | None":
        """The counter of ``device``; ``None`` where there is none, or no NVML that knows it."""
        if device.type != "cuda":
            return None
        try:
            library, handle = ctypes.CDLL(LIBRARY), ctypes.c_void_p()
            # CUDA and NVML number GPUs differently, so only a UUID names the same one in both.
            name = f"GPU-{torch.cuda.get_device_properties(device).uuid}".encode()
            if library.nvmlInit_v2() != SUCCESS:
                return None
            if library.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle)) != SUCCESS:
                return None
        except (OSError, AttributeError):  # no such library, or one or a torch without these functions
            return None
        return cls(library, handle)

    def millijoules(self) -> int | None:
        """What the counter says; ``None`` where the GPU has none, as before Volta."""
        value = ctypes.c_ulonglong()
        try:
            status = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle, ctypes.byref(value))
        except AttributeError:
            return None
        return value.value if status == SUCCESS else None

    def is_alone(self) -> bool:
        """Whether no process but this one computes on the GPU, and NVML says so."""
        count = ctypes.c_uint(0)
        try:
            # With room for none it says how many there are.
            status = self._library.nvmlDeviceGetComputeRunningProcesses(self._handle, ctypes.byref(count), None)
        except AttributeError:
            return False
        return status in (SUCCESS, INSUFFICIENT_SIZE) and count.value <= 1

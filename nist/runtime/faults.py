"""What can befall a training job from outside, told in one line with how the job goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from nist.errors import StoppedError
from nist.runtime.interruption import Interruption

# Parts of messages of errors that PyTorch gives no type of their own.
MEMORY = ("DefaultCPUAllocator", "Cannot allocate memory")
GPU = ("CUDA error", "cuDNN error", "CUBLAS_STATUS", "CUDNN_STATUS")
WORKER = ("DataLoader worker",)


@contextmanager
def told(outlook: Callable[[], str], interruption: Interruption) -> Iterator[None]:
    """Turn faults into ``StoppedError``, whose message ends with ``outlook``; errors of the program pass unchanged."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(f"stopped at once; {outlook()}") from None
    except (MemoryError, OSError, RuntimeError) as error:
        # After a signal to all of a job's processes, those that read images are gone first.
        cause = interruption.asked or cause_of(error)
        if cause is None:
            raise
        raise StoppedError(f"{cause}; {outlook()}") from error


def cause_of(error: Exception) -> str | None:
    """The fault behind an error, in words; ``None`` for an error of the program."""
    text, line = str(error), _telling_line(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _names(MEMORY, text):
        return f"out of memory ({line})"
    if isinstance(error, torch.AcceleratorError) or _names(GPU, text):
        return f"the GPU failed ({line})"
    if isinstance(error, OSError) or _names(WORKER, text):
        return line
    return None


def _names(marks: tuple[str, ...], text: str) -> bool:
    return any(mark in text for mark in marks)


def _telling_line(error: Exception) -> str:
    """The first line of a message; the last of one from another process, which holds that one's traceback."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1 if "Original Traceback" in str(error) else 0]

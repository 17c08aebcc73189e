"""Processes that tests fork: quicker than new ones, which import everything again."""

import os
import signal
import time
import traceback

HANG = 600  # seconds; a slow machine takes a while, and only what hangs takes so long


def fork(work):
    """Number of a process that does ``work`` and ends with 0, or with 2 and a traceback if that fails."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    return pid


def exit_code(pid):
    """How a forked process ends: its status, or a signal's number below 0. One that hangs is killed; the test fails."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"not ended within {HANG} s")

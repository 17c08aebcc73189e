"""Signals that ask a job to end: it does so at the end of an epoch, with a checkpoint."""

import os
import signal
from types import FrameType

from nist.errors import StoppedError

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)  # preemption, a limit that comes near, Ctrl-C


class Interruption:
    """While entered, it notes the first of ``SIGNALS`` in ``asked``, by name, for the training to look at.

    Ctrl-C after that raises ``KeyboardInterrupt``: an epoch can take an hour. As long as there is an ``outlook``, which
    tells how the job goes on, nothing is trained yet, and the first signal raises ``StoppedError`` with it.
    """

    asked: str | None = None

    def __init__(self, outlook: str = ""):
        self.outlook = outlook

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = self.asked or signal.Signals(number).name
        if self.outlook:
            raise StoppedError(f"{self.asked}; {self.outlook}")
        # Not print, which may be what was interrupted.
        os.write(2, f"{self.asked}: stopping at the end of this epoch (Ctrl-C now stops at once)\n".encode())


def leave_to_parent(worker: int) -> None:
    """Let a process that reads images outlive what only asks its parent to stop, and ends at a second SIGTERM.

    A scheduler sends the first one to all processes of a job; without its readers, training could not end its epoch.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))

"""A sign of life in the log of a job, and the end of one that hangs."""

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP = 30  # seconds without processor time that tell a stop from a busy machine
_batches = 0  # finished in this process


def beat() -> None:
    """Say that a batch has been trained or validated."""
    global _batches
    _batches += 1


class Heartbeat:
    """Prints a line every ``minutes`` and ends the process when not one batch has finished in ``stall_minutes``.

    0 for ``stall_minutes`` lets it hang. A process that was stopped and goes on (SIGSTOP, SIGCONT) has not hung in that
    time, unless it was stopped for longer than ``stop_minutes`` while no thread of Python got to run.
    """

    def __init__(self, stall_minutes: float, minutes: float = 5, stop_minutes: float = 60):
        self.stall, self.interval, self.longest_stop = 60 * stall_minutes, 60 * minutes, 60 * stop_minutes

    @contextmanager
    def watch(
        self, say: Callable[[str], None], outlook: Callable[[], str], stopped: Callable[[float], None]
    ) -> Iterator[None]:
        """Watch what the block does.

        ``say`` gets the lines, ``outlook`` tells how an ended job goes on, ``stopped`` gets the seconds of each stop.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended, say, outlook, stopped), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()

    def _watch(
        self,
        ended: threading.Event,
        say: Callable[[str], None],
        outlook: Callable[[], str],
        stopped: Callable[[float], None],
    ) -> None:
        tick = min(10, self.interval, self.stall / 4 or self.interval)
        progress = spoken = looked = time.monotonic()
        worked = time.process_time()
        seen = said = _batches
        self._arm()
        while not ended.wait(tick):
            now, work = time.monotonic(), time.process_time()
            idle = now - looked - tick - (work - worked)
            if idle > STOP:
                stopped(idle)
                progress, spoken = progress + idle, spoken + idle
            looked, worked = now, work
            if _batches != seen:
                seen, progress = _batches, now
                self._arm()
            elif self.stall and now - progress >= self.stall:
                _give_up(now - progress, outlook)
            if now - spoken >= self.interval:
                say(f"{seen - said} batches in {_minutes(now - spoken)}, the last {_minutes(now - progress)} ago")
                spoken, said = now, seen

    def _arm(self) -> None:
        """Should no thread of Python get to run, for a call that never returns and keeps the interpreter to itself."""
        if self.stall:
            faulthandler.dump_traceback_later(2 * self.stall + self.longest_stop, exit=True)


def _give_up(seconds: float, outlook: Callable[[], str]) -> None:
    """End the process from a thread: what hangs cannot be told to."""
    faulthandler.dump_traceback(all_threads=True)
    print(f"error: no batch has finished in {_minutes(seconds)}; {outlook()}", file=sys.stderr, flush=True)
    os._exit(1)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"

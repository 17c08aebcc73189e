"""What the console says of jobs that failed. Needs no Snakemake, whose log records it takes as they are."""

import atexit
import logging
import sys
from pathlib import Path

MOST_LINES = 30  # of a log, when its job fails


class Failures(logging.Handler):
    """Says why a job failed when it fails and, of those that did not succeed later, once more as the last thing of all.

    Snakemake 9 counts errors of jobs among what ``quiet: rules`` silences, and ends with where its own log is.
    """

    def __init__(self):
        super().__init__()
        self.reasons: dict[int, str] = {}  # by number of the job
        atexit.register(self.repeat)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of Snakemake's logger."""
        event = getattr(record, "event", None)
        if event == "job_error":
            logs: list[str] = getattr(record, "log", [])
            path, lines = _told(logs)
            name = f"{path}: " if path else f"{getattr(record, 'rule_name', 'a job')}: "
            print(f"{name}failed", *lines[-MOST_LINES:], sep="\n", file=sys.stderr, flush=True)
            nothing = f"nothing in its log: killed, or not started; see {', '.join(logs) or 'above'}"
            self.reasons[getattr(record, "jobid", -1)] = f"{name}{lines[-1] if lines else nothing}"
        elif event == "job_finished":
            self.reasons.pop(getattr(record, "job_id", -1), None)

    def repeat(self) -> None:
        """Print a line for each job that failed."""
        for reason in self.reasons.values():
            print(reason, file=sys.stderr)


def is_of_use(record: logging.LogRecord) -> bool:
    """Whether a record is to be shown: not that files were made without Snakemake, as images and runs may be."""
    return "missing provenance/metadata" not in str(record.msg)


def _told(logs: list[str]) -> tuple[str, list[str]]:
    """The first of the ``logs`` that says anything, and its lines that are not empty."""
    for path in logs:
        text = Path(path).read_text(encoding="utf-8", errors="replace") if Path(path).is_file() else ""
        if lines := [line for line in text.splitlines() if line.strip()]:
            return path, lines
    return "", []

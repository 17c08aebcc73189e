"""What a cluster lets a job have, beside what the jobs of a run ask for. Says nothing where there is no Slurm."""

import re
import subprocess
from collections.abc import Iterable, Mapping

SINFO = ["sinfo", "--noheader", "--format", "%R %l"]  # a partition and its time limit, a line each
LIMIT = re.compile(r"(?:(?P<days>\d+)-)?(?:(?P<hours>\d+):)?(?P<minutes>\d+):\d+")


def limits() -> dict[str, int]:
    """Minutes that a job of each partition may take; partitions without a limit are not in it."""
    try:
        said = subprocess.run(SINFO, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = [line.split() for line in said.splitlines() if len(line.split()) == 2]
    return {name: minutes for name, text in pairs if (minutes := _minutes(text)) is not None}


def _minutes(text: str) -> int | None:
    """Minutes of ``[days-]hours:minutes:seconds`` or ``minutes:seconds``; ``None`` for ``infinite`` and the like."""
    found = LIMIT.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return (24 * days + hours) * 60 + minutes if found else None


def remarks(jobs: Iterable[tuple[str, Mapping]]) -> list[str]:
    """A line for each rule whose jobs, by their resources, ask for more time than their partition gives.

    Slurm takes such a job, and never starts it.
    """
    asked = {
        (rule, resources["slurm_partition"], resources["runtime"])
        for rule, resources in jobs
        if resources.get("slurm_partition") and isinstance(resources.get("runtime"), int)
    }
    there = limits() if asked else {}
    return [
        f"{rule}: asks for {minutes} minutes, but jobs of partition {name} may take {there[name]}, so it would never "
        f"start; lower runtime of {rule} in the profile, or choose another slurm_partition"
        for rule, name, minutes in sorted(asked)
        if minutes > there.get(name, minutes)
    ]

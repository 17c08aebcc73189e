"""Train whole studies, one block after another, where there is no Snakemake: ``python -m nist.train_all STUDY …``."""

import argparse
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from nist import data, interruption, study
from nist.errors import InputError, StoppedError, run
from nist.study import Study

FOLDER = Path("results")


class Job(NamedTuple):
    """A call of ``nist.train``: the file it writes, and the rest of its options."""

    out: Path
    options: list[str]


def jobs(experiment: Study, results: Path = FOLDER, seeds: range | None = None) -> Iterator[Job]:
    """What trains a study, in an order that works, in the files in which the workflow's own rules write.

    Variants that are pruned go on from their trunk, which comes before the first of them. Runs that a study takes from
    another one are not trained; name that study too.
    """
    trunks = set()
    for first, last in study.blocks(seeds or experiment.seeds, experiment.content["block_size"]):
        block = f"seeds{first}-{last}"
        for variant in experiment.trained:
            options = [f"--study={experiment.path}", f"--variant={variant}", f"--seeds={first}-{last}"]
            shared = experiment.trunk(variant)
            if shared:
                trunk = results / "trunks" / experiment.name / shared.key / f"{block}.safetensors"
                if trunk not in trunks:
                    trunks.add(trunk)
                    yield Job(trunk, [*options, "--until-prune"])
                options.append(f"--trunk={trunk}")
            yield Job(results / "metrics" / experiment.name / variant / f"{block}.parquet", options)


def train(job: Job, options: list[str], end: float) -> bool:
    """Run one job to its end; ``False`` if it had to stop at ``end``, a ``time.monotonic()``, with its checkpoint.

    Raises ``StoppedError`` if the job fails; it has said why.
    """
    command = [sys.executable, "-m", "nist.train", *job.options, *options, f"--out={job.out}"]
    with subprocess.Popen(command) as child, passing_on(child) as asked:
        try:
            child.wait(max(0.0, end - time.monotonic()) if end < float("inf") else None)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGTERM)
            return child.wait() == 0
        except KeyboardInterrupt:  # which the child has had too, and ends its epoch
            child.wait()
            raise
    if asked:
        raise StoppedError(f"{asked[0]}; started again, it goes on")
    if child.returncode:
        raise StoppedError(f"{shlex.join(command[1:])} ended with status {child.returncode}; started again, it goes on")
    return True


@contextmanager
def passing_on(child: subprocess.Popen) -> Iterator[list[str]]:
    """While entered, let ``child`` have the signals that ask this process to end; yields those that came, by name.

    It ends its epoch, and then itself. Ctrl-C it has anyway.
    """
    asked: list[str] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number).name)
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in set(interruption.SIGNALS) - {signal.SIGINT}}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None) -> None:
    """Train all blocks of studies that are not there yet, one after another; started again, it goes on from where it
    stopped. Files and checkpoints are those of the workflow, so that either can go on from the other."""
    parser = argparse.ArgumentParser(prog="python -m nist.train_all", description=main.__doc__)
    parser.add_argument("studies", nargs="+", metavar="STUDY", type=study.load, help="names, or YAML files")
    parser.add_argument("--seeds", type=study.parse_seeds, help="first and last, instead of each study's own")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"), help="to stop after, at an epoch's end")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    data.add_arguments(parser)
    arguments = parser.parse_args(argv)
    if not arguments.limit_minutes > 0:
        raise InputError(f"--limit-minutes {arguments.limit_minutes}: give the minutes that there are")
    end = time.monotonic() + 60 * arguments.limit_minutes
    places = [f"--data-root={arguments.data_root}", f"--cache={arguments.cache}"]
    options = [*places, f"--device={arguments.device}", f"--threads={arguments.threads}"]
    options += ["--download"] if arguments.download else []
    waiting = [job for experiment in arguments.studies for job in jobs(experiment, seeds=arguments.seeds)]
    for done, job in enumerate(waiting):
        if time.monotonic() > end or not train(job, options, end):
            raise StoppedError(f"time is up after {done} of {len(waiting)} jobs; started again, it goes on")
    print(f"{len(waiting)} jobs done")


if __name__ == "__main__":
    run(main)

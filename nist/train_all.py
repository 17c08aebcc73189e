"""Train whole studies, block after block, where there is no Snakemake: ``python -m nist.train_all STUDY …``."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from nist.data import packed
from nist.errors import InputError, StoppedError, run
from nist.runtime import interruption
from nist.studies import study, trained
from nist.studies.plan import Plan
from nist.training import outlook

LOWEST_PRIORITY = 19
AUTOGROUP = Path("/proc/self/autogroup")
POLL = 0.1  # seconds between looks at the jobs that run


class Job(NamedTuple):
    """A call of ``nist.train``: the file it writes, the rest of its options, and the trunk that it goes on from."""

    out: str
    options: list[str]
    trunk: str | None = None


def jobs(plan: Plan) -> Iterator[Job]:
    """Commands that train the studies of a plan, in order, into the files that the workflow uses too.

    All variants of the first seeds come first, so that pairs grow. Variants that are pruned go on from their trunk,
    which comes before the first of them. Runs that a study takes from another one are not trained; name that study too.
    """
    trunks = set()
    for name, experiment in plan.studies.items():
        missing = {variant: plan.files(name, variant) for variant in experiment.trained}
        for block in sorted({block for blocks in missing.values() for block in blocks}):
            for variant in (variant for variant in missing if block in missing[variant]):
                options = [f"--study={experiment.path}", f"--variant={variant}", f"--seeds={block[0]}-{block[1]}"]
                trunk = plan.trunk_file(name, variant, block)
                if trunk and trunk not in trunks:
                    trunks.add(trunk)
                    yield Job(trunk, [*options, "--until-prune"])
                options += [f"--trunk={trunk}"] if trunk else []
                yield Job(plan.metrics_file(name, variant, block), options, trunk)


def train(waiting: Iterable[Job], options: list[str], end: float, at_once: int = 1) -> int:
    """Run jobs, so many ``at_once``, in their order, but each after its trunk; how many of them are done.

    Not all of them if they had to stop at ``end``, a ``time.monotonic()``, with their checkpoints. Raises
    ``StoppedError`` if a job fails, which has said why, or if this process is asked to end; the jobs that run then end
    their epoch first.
    """
    running: dict[subprocess.Popen, Job] = {}
    waiting, done, failed, stopping = list(waiting), 0, "", False
    with passing_on(running) as asked:
        while running or (waiting and not stopping):
            for child in [child for child in running if child.poll() is not None]:
                ended = running.pop(child)
                done += child.returncode == 0
                if child.returncode and not (failed or stopping or asked):
                    failed = f"{shlex.join(command(ended, options)[1:])} ended with status {child.returncode}"
            if not stopping and (failed or asked or time.monotonic() > end):
                stopping = True
                for child in running if not asked else ():  # processes that read images end at a second signal
                    child.send_signal(signal.SIGTERM)
            while not stopping and len(running) < at_once and (job := startable(waiting, running.values())):
                waiting.remove(job)
                child = subprocess.Popen(command(job, options))
                running[child] = job
                if asked:  # while it was started, so that it has not been told
                    child.send_signal(signal.SIGTERM)
            time.sleep(POLL if running else 0)
    if failed or asked:
        raise StoppedError(f"{failed or asked[0]}; started again, it goes on")
    return done


def command(job: Job, options: list[str]) -> list[str]:
    """The command that runs a job."""
    return [sys.executable, "-m", "nist.train", *job.options, *options, f"--out={job.out}"]


def startable(waiting: list[Job], running: Iterable[Job]) -> Job | None:
    """The first of ``waiting`` whose trunk is not still to come; ``None`` if there is none."""
    to_come = {job.out for job in (*waiting, *running)}
    return next((job for job in waiting if job.trunk not in to_come), None)


@contextmanager
def passing_on(children: Iterable[subprocess.Popen]) -> Iterator[list[str]]:
    """While entered, let ``children`` have the signals that ask this process to end; yields those that came, by name.

    They end their epoch, and then themselves. Ctrl-C they have anyway. What else ends this process ends them too.
    They are waited for.
    """
    asked: list[str] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(signal.Signals(number).name)
        for child in list(children):
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in set(interruption.SIGNALS) - {signal.SIGINT}}
    try:
        yield asked
    except BaseException as error:
        for child in children if not isinstance(error, KeyboardInterrupt) else ():
            child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None) -> None:
    """Train what is missing of studies; started again, it goes on from where it stopped.

    Runs in results/metrics and results/published count as trained, whatever code trained them. Files and checkpoints
    are those of the workflow, so that either can go on from the other, at the same block size. Nothing is published.
    """
    parser = argparse.ArgumentParser(prog="python -m nist.train_all", description=main.__doc__)
    parser.add_argument("studies", nargs="+", metavar="STUDY", type=study.load, help="names, or YAML files")
    parser.add_argument("--seeds", type=study.parse_seeds, help="first and last, instead of each study's own")
    parser.add_argument("--block-size", type=int, help="seeds a job, instead of each study's own")
    parser.add_argument("--nice", action="store_true", help="at the lowest priority; seconds then measure nothing")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"), help="to stop after, at an epoch's end")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="at once; on a machine with one GPU they share it")
    packed.add_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        raise InputError(f"--jobs {arguments.jobs}: give at least 1")
    if arguments.block_size is not None and arguments.block_size < 1:
        raise InputError(f"--block-size {arguments.block_size}: give at least 1")
    if not arguments.limit_minutes > 0:
        raise InputError(f"--limit-minutes {arguments.limit_minutes}: give the minutes that there are")
    end = time.monotonic() + 60 * arguments.limit_minutes
    if arguments.nice:
        take_lowest_priority()
    places = [f"--data-root={arguments.data_root}", f"--cache={arguments.cache}"]
    options = [*places, f"--device={arguments.device}", f"--threads={arguments.threads}"]
    options += ["--download"] if arguments.download else []
    studies = {experiment.name: experiment for experiment in arguments.studies}
    for experiment in arguments.studies:
        if experiment != studies[experiment.name]:
            other = studies[experiment.name].path
            raise InputError(f"{experiment.path}: its study has the name of another one, in {other}; give it its own")
    waiting = list(jobs(plan_of(studies, arguments)))
    done = train(waiting, options, end, arguments.jobs)
    if done < len(waiting):
        rest = outlook.left(plan_of(studies, arguments), arguments.jobs)
        raise StoppedError(f"time is up after {done} of {len(waiting)} jobs, {rest}; started again, it goes on")
    print(f"{len(waiting)} jobs done" if waiting else "nothing is missing")


def take_lowest_priority() -> None:
    """Give way to everything else, and let the jobs do so, which inherit it.

    Linux shares the processor between sessions first where it groups by them (sched(7), autogroup): the leader of one
    lowers that too.
    """
    os.nice(LOWEST_PRIORITY)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(f"{LOWEST_PRIORITY}")


def plan_of(studies: dict[str, study.Study], arguments: argparse.Namespace) -> Plan:
    """What is to be trained now."""
    seeds = dict.fromkeys(studies, arguments.seeds) if arguments.seeds else {}
    there = trained.find(studies.values(), trained.PUBLISHED, trained.OWN)
    return Plan(studies, seeds, arguments.block_size, there)


if __name__ == "__main__":
    run(main)

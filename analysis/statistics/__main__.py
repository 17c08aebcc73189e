"""``python -m analysis.statistics``: every statistic of a study, or of several, a CSV file each."""

import argparse
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from analysis.contracts import STATISTICS
from analysis.statistics.study_runs import StudyRuns
from nist import digest, metrics_file
from nist.errors import InputError, run
from nist.studies import study
from nist.studies.study import Study

ONE_THREAD_EACH = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # else they wait for each other


def check_current(study: Study, metrics: Iterable[Path]) -> None:
    """Raise ``InputError`` that names the first file of another configuration than any of the study's has now.

    Snakemake takes one for made anew that it has put back, when the job that was to replace it failed. What is no
    metrics file is left to the statistics.
    """
    current = {digest.of_configuration(study.configuration(variant)) for variant in study.variants}
    for path in metrics:
        found = metrics_file.stated_digest(path)
        if found and found not in current:
            raise InputError(
                f"{path}: of another configuration than {study.path} has now; remove it, to train it again"
            )


def by_study(studies: Sequence[Study], metrics: Sequence[Path]) -> list[StudyRuns]:
    """The runs of each study, the most first, so that processes end together. Several are told apart by folder.

    Raises ``InputError`` that names a file in no study's folder, or a study that has none.
    """
    if len(studies) == 1:
        return [StudyRuns(studies[0], [*metrics])]
    found: dict[str, list[Path]] = {one.name: [] for one in studies}
    for path in metrics:
        name = path.absolute().parent.parent.name
        if name not in found:
            raise InputError(f"{path}: in no study's folder; of several studies it is to be STUDY/VARIANT/{path.name}")
        found[name].append(path)
    if lacking := [name for name, paths in found.items() if not paths]:
        raise InputError(f"--study {lacking[0]}: no metrics files given, such as {lacking[0]}/VARIANT/seeds0-4.parquet")
    bytes_of = {name: sum(path.stat().st_size for path in paths) for name, paths in found.items()}
    return [StudyRuns(one, found[one.name]) for one in sorted(studies, key=lambda one: -bytes_of[one.name])]


def main(argv: list[str] | None = None) -> None:
    """Compute statistics of studies, all or one of them, in folders of the studies' names."""
    # @FILE stands for the arguments in a file: a command can be given only so many.
    command = "python -m analysis.statistics"
    parser = argparse.ArgumentParser(command, description=main.__doc__, fromfile_prefix_chars="@")
    parser.add_argument(
        "--study", action="append", required=True, type=study.load, help="name or YAML file of a study; repeatable"
    )
    parser.add_argument("inputs", nargs="+", type=Path, help="metrics files, or @FILE with their names, one a line")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder")
    parser.add_argument("--only", metavar="NAME", choices=STATISTICS, help=f"one of {', '.join(STATISTICS)}")
    parser.add_argument("--jobs", type=int, default=1, help="studies at once")
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        raise InputError(f"--jobs {arguments.jobs}: give at least 1")
    runs = by_study(arguments.study, arguments.inputs)
    for one in runs:
        check_current(one.study, one.paths)
    folders = [arguments.output / one.study.name for one in runs]
    names = repeat((arguments.only,) if arguments.only else STATISTICS)
    if arguments.jobs == 1:
        list(map(StudyRuns.write, runs, folders, names))
    else:
        os.environ |= dict.fromkeys(ONE_THREAD_EACH, "1")
        # Started afresh: a copy of a process that has read Parquet files can hang in their library's threads.
        with ProcessPoolExecutor(min(arguments.jobs, len(runs)), get_context("spawn")) as pool:
            list(pool.map(StudyRuns.write, runs, folders, names))


if __name__ == "__main__":
    run(main)

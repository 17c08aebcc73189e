"""``python -m analysis.statistics``: every statistic of a study, in one process, a CSV file each."""

import argparse
from pathlib import Path

from analysis.contracts import STATISTICS
from analysis.statistics.study_runs import StudyRuns
from nist import digest, metrics_file
from nist.errors import InputError, run
from nist.studies import study
from nist.studies.study import Study


def check_current(study: Study, metrics: list[Path]) -> None:
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


def main(argv: list[str] | None = None) -> None:
    """Compute statistics of a study: all of them, or those named."""
    # @FILE stands for the arguments in a file: a command can be given only so many.
    command = "python -m analysis.statistics"
    parser = argparse.ArgumentParser(command, description=main.__doc__, fromfile_prefix_chars="@")
    parser.add_argument("--study", required=True, type=study.load, help="name or YAML file of the study")
    parser.add_argument("inputs", nargs="+", type=Path, help="metrics files, or @FILE with their names, one a line")
    parser.add_argument("-o", "--output", required=True, type=Path)
    parser.add_argument("--only", metavar="NAME", choices=STATISTICS, help=f"one of {', '.join(STATISTICS)}")
    arguments = parser.parse_args(argv)
    check_current(arguments.study, arguments.inputs)
    names = (arguments.only,) if arguments.only else STATISTICS
    StudyRuns(arguments.study, arguments.inputs).write(arguments.output, names)


if __name__ == "__main__":
    run(main)

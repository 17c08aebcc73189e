"""What figures and tables are made from: studies, and the statistics of those that have been run."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis import cli
from nist.errors import InputError
from nist.studies import study


@dataclass(frozen=True)
class Source:
    """A study and its statistics by name, in the order given; none if it has not been run."""

    study: study.Study
    statistics: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def is_run(self) -> bool:
        return bool(self.statistics)

    def statistic(self, name: str) -> pd.DataFrame:
        """One of the statistics. Raises ``InputError`` if it was not given."""
        if name not in self.statistics:
            given = ", ".join(f"{one}.csv" for one in self.statistics)
            raise InputError(f"{self.study.name}: {name}.csv is needed; given are {given}")
        return self.statistics[name]

    def variants(self) -> list[str]:
        """Variants of the study that have runs, in the study's order."""
        there = {
            name
            for frame in self.statistics.values()
            for column in {"variant", "baseline"} & set(frame.columns)
            for name in frame[column]
        }
        return [name for name in self.study.variants if name in there]


def missing(given: list[Source], together: list[Source] | None = None) -> list[str]:
    """What has not been run, whole studies and variants of others, in words, and the command that runs it; or nothing.

    The command names all studies that are shown ``together``, by default those given: one left out would be missing.
    """
    absent = []
    for source in given:
        variants = [name for name in source.study.variants if name not in source.variants()]
        if variants:
            absent.append(
                f"variants {', '.join(variants)} of {source.study.name}" if source.is_run else source.study.name
            )
    names = ", ".join(source.study.name for source in together or given)
    command_line = f"snakemake --workflow-profile workflow/profiles/default --config 'studies=[{names}]'"
    return [f"Not run: {'; '.join(absent)}.", command_line] if absent else []


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """A parser for ``python -m module [--study NAME …] [results/statistics/NAME/statistic.csv …] -o output``."""
    result = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    result.add_argument("--study", action="append", default=[], type=study.load, help="name or YAML file; repeatable")
    result.add_argument("inputs", nargs="*", type=Path, help="statistics, in folders named for their studies")
    result.add_argument("-o", "--output", required=True, type=Path, help="first file; the other formats go beside it")
    return result


def read(studies: list[study.Study], paths: list[Path]) -> list[Source]:
    """A source for every study, with the statistics that lie in the folder of its name.

    Raises ``InputError`` for a file that belongs to none of the studies or cannot be read.
    """
    names = [one.name for one in studies]
    for path in paths:
        if path.parent.name not in names:
            raise InputError(f"{path}: its folder should be named for one of the studies: {', '.join(names)}")
    return [
        Source(one, {path.stem: cli.read_csv(path) for path in paths if path.parent.name == one.name})
        for one in studies
    ]


def parse(module: str, description: str, argv: list[str] | None) -> tuple[list[Source], Path]:
    """Sources and output of a figure's or table's command."""
    arguments = parser(module, description).parse_args(argv)
    return read(arguments.study, arguments.inputs), arguments.output

"""Sources of figures and tables: studies, and the statistics of those that have been run."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis import cli
from nist.errors import InputError
from nist.studies import plan, study


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

    def only(self, names: list[str]) -> "Source":
        """The same study with those of its statistics alone that are named."""
        return Source(self.study, {name: frame for name, frame in self.statistics.items() if name in names})

    def variants(self) -> list[str]:
        """Variants of the study that have runs, in the study's order."""
        there = {
            name
            for frame in self.statistics.values()
            for column in {"variant", "baseline"} & set(frame.columns)
            for name in frame[column]
        }
        return [name for name in self.study.variants if name in there]


class Item(NamedTuple):
    """A figure or table: its name, the module that makes it, and the studies that it is made from.

    ``owner`` is the name of the study that has it for itself, empty for an item of the paper.
    """

    name: str
    module: str
    given: list[Source]
    owner: str = ""

    @property
    def room(self) -> str:
        """``figures`` or ``tables``."""
        return self.module.split(".")[1]


def missing(given: list[Source], together: list[Source] | None = None) -> list[str]:
    """Studies and variants without runs, in words, and the command that runs them; nothing if there are none.

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
    command_line = f"snakemake --config 'studies=[{names}]'"
    return [f"Not run: {'; '.join(absent)}.", command_line] if absent else []


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


def parse(
    module: str, description: str | None, kinds: Iterable[str], argv: list[str] | None
) -> tuple[list[Item], Path]:
    """Items of some ``kinds`` that a command for figures or tables makes, and the folder that they go to.

    They are those that a study feeds or, with ``--paper``, those of the paper; ``--only`` chooses among them.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--study", action="append", default=[], type=study.load, help="name or YAML file; repeatable")
    parser.add_argument("--paper", action="store_true", help="the paper's own; give all of its studies")
    parser.add_argument("--only", action="append", metavar="NAME", help="one of them; repeatable")
    parser.add_argument("inputs", nargs="*", type=Path, help="statistics, in folders named for their studies")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder")
    arguments = parser.parse_args(argv)
    if not arguments.paper and len(arguments.study) != 1:
        parser.error("give one --study, or --paper with all of its studies")
    sources = {source.study.name: source for source in read(arguments.study, arguments.inputs)}
    manifest = plan.items({one.name: one for one in arguments.study})
    if arguments.paper:
        names = known = [name for kind in kinds for name in plan.of_the_paper(manifest, kind)]
    else:
        names, known = (
            [name for kind in kinds for name in found(arguments.study[0], manifest, kind)]
            for found in (plan.fed_by, plan.feeds)
        )
    for name in arguments.only or []:
        if name not in known:
            parser.error(f"--only {name}: there are {', '.join(known)}")
    items = [_item(name, manifest, sources, arguments.paper) for name in arguments.only or names]
    return items, arguments.output


def _item(name: str, manifest: dict[str, dict], sources: dict[str, Source], is_of_the_paper: bool) -> Item:
    studies = manifest[name]["studies"] if is_of_the_paper else [*sources]
    if absent := [one for one in studies if one not in sources]:
        raise InputError(f"{name} is made from {', '.join(studies)}; give --study {absent[0]} too")
    given = [sources[one].only(manifest[name]["statistics"]) for one in studies]
    return Item(name, plan.module_of(manifest, name), given, "" if is_of_the_paper else given[0].study.name)

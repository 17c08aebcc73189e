"""Sources of figures and tables: studies, and the statistics of those that have been run."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis import cli
from nist.errors import InputError
from nist.studies import plan, study

MISSING = "Not run:"  # how a line begins that names what has no runs


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


def missing(given: list[Source]) -> list[str]:
    """Studies and variants without runs, in words, and the command that runs them; nothing if there are none.

    The command names all that are given: one left out would be missing.
    """
    absent = []
    for source in given:
        variants = [name for name in source.study.variants if name not in source.variants()]
        if variants:
            labels = ", ".join(source.study.variants[name]["label"] for name in variants)
            absent.append(f"{labels} of {source.study.title}" if source.is_run else source.study.title)
    names = tuple(source.study.name for source in given)
    return [f"{MISSING} {'; '.join(absent)}.", f"To run it: {how_to_run(names)}"] if absent else []


@cache
def how_to_run(names: tuple[str, ...]) -> str:
    """The shortest command that runs these studies, with those that they take runs from.

    ``make evidence`` adds a study's pilot and controls itself; it is for the studies whose runs are kept.
    """
    studies = {one.name: one for one in map(study.load, names)}
    sources = {source for one in studies.values() for name in one.variants if (source := one.taken_from(name))}
    wanted = sorted({*studies, *sources})
    if not all(study.load(name).content["edition"] in study.EVIDENCE for name in wanted):
        return f"snakemake --config 'studies=[{', '.join(wanted)}]'"
    added = {name for name in wanted for one in wanted if name == f"{one}-pilot" or name.startswith(f"{one}-controls")}
    named = " ".join(name for name in wanted if name not in added)
    return f'make evidence STUDY="{named}"' if " " in named else f"make evidence STUDY={named}"


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

    They are those that a study feeds or, with ``--paper``, those of the paper that need no runs or have some.
    ``--only`` chooses among all.
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
        known = [name for kind in kinds for name in plan.of_the_paper(manifest, kind)]
        names = [name for name in known if not manifest[name]["statistics"] or _has_runs(manifest[name], sources)]
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


def _has_runs(entry: dict, sources: dict[str, Source]) -> bool:
    return any(sources[name].is_run for name in entry["studies"] if name in sources)


def _item(name: str, manifest: dict[str, dict], sources: dict[str, Source], is_of_the_paper: bool) -> Item:
    studies = manifest[name]["studies"] if is_of_the_paper else [*sources]
    if absent := [one for one in studies if one not in sources]:
        raise InputError(f"{name} is made from {', '.join(studies)}; give --study {absent[0]} too")
    given = [sources[one].only(manifest[name]["statistics"]) for one in studies]
    return Item(name, plan.module_of(manifest, name), given, "" if is_of_the_paper else given[0].study.name)

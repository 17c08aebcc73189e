"""Sources of figures and tables: studies, and the statistics of those that have been run."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from analysis import cli
from nist.errors import InputError
from nist.studies import study

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

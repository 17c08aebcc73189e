"""``python -m analysis.items``: figures and tables of studies, or the paper's own, in one process."""

import argparse
from importlib import import_module
from pathlib import Path

from analysis import manifest, study_results
from analysis.contracts import SUFFIXES
from analysis.study_results import Item, Source
from nist.errors import InputError, run
from nist.studies import study


def main(argv: list[str] | None = None) -> None:
    """Make figures and tables of studies, or of the paper, in folders ``figures`` and ``tables``.

    A study's own lie in folders of its name there.
    """
    parser = argparse.ArgumentParser(prog="python -m analysis.items", description=main.__doc__)
    parser.add_argument("--study", action="append", default=[], type=study.load, help="name or YAML file; repeatable")
    parser.add_argument("--paper", action="store_true", help="the paper's own; give all of its studies")
    parser.add_argument("--only", action="append", metavar="NAME", help="one of them; repeatable")
    parser.add_argument("inputs", nargs="*", type=Path, help="statistics, in folders named for their studies")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder")
    arguments = parser.parse_args(argv)
    for item in _chosen(arguments, parser):
        # What draws is imported where something is drawn: matplotlib takes longer than most tables.
        module = import_module(f"analysis.{item.room}.item")
        module.write(item, arguments.output / item.room / item.owner)


def _chosen(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Item]:
    """Those that the studies feed or, with ``--paper``, those of the paper that need no runs or have some."""
    if not arguments.study and not arguments.paper:
        parser.error("give a --study, or --paper with all of its studies")
    sources = {source.study.name: source for source in study_results.read(arguments.study, arguments.inputs)}
    items = manifest.read({one.name: one for one in arguments.study})
    if arguments.paper:
        known = [name for kind in SUFFIXES for name in manifest.of_the_paper(items, kind)]
        fed = [name for name in known if not items[name]["statistics"] or _has_runs(items[name], sources)]
        return [_item(name, items, sources, "") for name in _asked(arguments.only or fed, known, parser)]
    chosen = []
    for one in arguments.study:
        fed, known = (
            [name for kind in SUFFIXES for name in found(one, items, kind)]
            for found in (manifest.fed_by, manifest.feeds)
        )
        names = _asked(arguments.only or fed, known, parser)
        chosen += [_item(name, items, sources, one.name) for name in names]
    return chosen


def _asked(names: list[str], known: list[str], parser: argparse.ArgumentParser) -> list[str]:
    """The ``names``, each of which has to be ``known``."""
    for name in names:
        if name not in known:
            parser.error(f"--only {name}: there are {', '.join(known)}")
    return names


def _has_runs(entry: dict, sources: dict[str, Source]) -> bool:
    return any(sources[name].is_run for name in entry["studies"] if name in sources)


def _item(name: str, items: dict[str, dict], sources: dict[str, Source], owner: str) -> Item:
    """An item from the study that owns it or, of the paper, from those that it is made from."""
    studies = [owner] if owner else items[name]["studies"]
    if absent := [one for one in studies if one not in sources]:
        raise InputError(f"{name} is made from {', '.join(studies)}; give --study {absent[0]} too")
    given = [sources[one].only(items[name]["statistics"]) for one in studies]
    return Item(name, manifest.module_of(items, name), given, owner)


if __name__ == "__main__":
    run(main)

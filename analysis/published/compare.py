"""Comparing replays that lie in a folder with the published runs; see ``analysis.published.replays``."""

import argparse
from pathlib import Path

from analysis.published import add, replays, store, validate
from nist.errors import run


def main(argv: list[str] | None = None) -> None:
    """Say of each replay in a folder at which epoch it first differs from the published run."""
    parser = argparse.ArgumentParser(prog="python -m analysis.published.compare", description=main.__doc__)
    parser.add_argument("source", type=Path, help="folder laid out as results/replays")
    parser.add_argument("--study", help="compare the replays of this study alone")
    arguments = parser.parse_args(argv)
    found = validate.read(add.find(arguments.source, arguments.study))
    for one in replays.compare_all(found, store.read().values()):
        print(replays.sentence(one))


if __name__ == "__main__":
    run(main)

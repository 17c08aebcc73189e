"""Taking over the runs of another study's variant that is configured alike: the same rows, under this study's name."""

import argparse
from pathlib import Path

from analysis import runs
from nist import record, study
from nist.errors import InputError, run


def take(source: Path, experiment: study.Study, variant: str, target: Path) -> None:
    """Write the runs in the metrics file ``source`` to ``target``, as runs of ``variant`` of ``experiment``.

    The description stays as it is, and says under ``taken_from`` whose runs they are. Raises ``InputError`` if they are
    not runs of the study and variant that ``experiment`` takes them from.
    """
    block = record.read(source)
    wanted = experiment.taken_from(variant), variant
    if runs.name(block) != wanted:
        raise InputError(f"{source}: runs of {'/'.join(runs.name(block))}, where those of {wanted[0]}/{variant} belong")
    rows = [{**row, "study": experiment.name} for row in block.table.to_pylist()]
    record.write(target, rows, {**block.description, "taken_from": wanted[0]})


def main(argv: list[str] | None = None) -> None:
    """Take over runs of another study."""
    parser = argparse.ArgumentParser(prog="python -m analysis.take", description=main.__doc__)
    parser.add_argument("source", type=Path, help="metrics file of the other study")
    parser.add_argument(
        "--study", required=True, type=study.load, help="name or YAML file of the study that takes them"
    )
    parser.add_argument("--variant", required=True)
    parser.add_argument("-o", "--output", required=True, type=Path)
    arguments = parser.parse_args(argv)
    take(arguments.source, arguments.study, arguments.variant, arguments.output)


if __name__ == "__main__":
    run(main)

"""Taking over runs of another study's variant that is configured alike: the same rows, under this study's name."""

import argparse
from pathlib import Path

from analysis.metrics import runs
from nist import correctness, metrics_file
from nist.errors import InputError, run
from nist.studies import study


def take(source: Path, experiment: study.Study, variant: str, target: Path, seeds: range) -> None:
    """Write runs in the metrics file ``source`` to ``target``, as runs of ``variant`` of ``experiment``.

    They are those of ``seeds``, with what is known of the images they got right. The description stays as it is but
    for its seeds, and says under ``taken_from`` whose runs they are. Raises ``InputError`` if they
    are not runs of the study and variant that ``experiment`` takes them from, or if one of ``seeds`` is not among them.
    """
    block = metrics_file.read(source)
    wanted = experiment.taken_from(variant), variant
    if runs.name(block) != wanted:
        raise InputError(f"{source}: runs of {'/'.join(runs.name(block))}, where those of {wanted[0]}/{variant} belong")
    there = block.description["seeds"]
    if lacking := {*seeds} - {*there}:
        raise InputError(
            f"{source}: holds no run of seed {min(lacking)}; there are {', '.join(map(str, sorted(there)))}"
        )
    rows = [{**row, "study": experiment.name} for row in block.table.to_pylist() if row["seed"] in seeds]
    if hits := correctness.read(source, block):
        correctness.write_hits(target, rows, {key: each for key, each in hits.items() if key[0] in seeds})
    metrics_file.write(target, rows, {**block.description, "seeds": [*seeds], "taken_from": wanted[0]})


def main(argv: list[str] | None = None) -> None:
    """Take over runs of another study."""
    parser = argparse.ArgumentParser(prog="python -m analysis.metrics.reuse", description=main.__doc__)
    parser.add_argument("source", type=Path, help="metrics file of the other study")
    parser.add_argument(
        "--study", required=True, type=study.load, help="name or YAML file of the study that takes them"
    )
    parser.add_argument("--variant", required=True)
    parser.add_argument("--seeds", required=True, type=study.parse_seeds, help="first and last to take")
    parser.add_argument("-o", "--output", required=True, type=Path)
    arguments = parser.parse_args(argv)
    take(arguments.source, arguments.study, arguments.variant, arguments.output, arguments.seeds)


if __name__ == "__main__":
    run(main)

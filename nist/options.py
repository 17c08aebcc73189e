"""The options of ``python -m nist.train``."""

import argparse
from pathlib import Path

from nist.data import packed
from nist.errors import InputError
from nist.studies import study
from nist.training.checkpoint import FOLDER


def parse(argv: list[str] | None, description: str) -> argparse.Namespace:
    """The arguments, checked. Raises ``InputError`` for a number that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m nist.train", description=description)
    parser.add_argument("--study", required=True, help="name of a study in config/studies, or a path to its YAML file")
    parser.add_argument("--variant", required=True)
    parser.add_argument(
        "--seeds", required=True, action="append", type=study.parse_seeds, help="first and last seed, as in 0-19"
    )
    parser.add_argument("--out", required=True, type=Path, help="Parquet file to write, or trunk (.safetensors)")
    parser.add_argument("--epochs", type=int, help="train for fewer or more epochs than the study says")
    parser.add_argument("--until-prune", action="store_true", help="write the trunk that other variants share to --out")
    parser.add_argument("--trunk", type=Path, help="go on from a trunk that --until-prune wrote")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--workers", type=int, help="processes that read images from disk (default: as pays)")
    parser.add_argument("--together", type=int, default=0, help="runs advanced at once (default: as pays)")
    parser.add_argument("--checkpoints", type=Path, default=FOLDER, help="folder (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=5, help="between checkpoints (default: %(default)s)")
    parser.add_argument(
        "--stall-minutes",
        type=float,
        default=60,
        help="without a finished batch until the job ends, to be started again; 0: never (default: %(default)s)",
    )
    packed.add_arguments(parser)
    arguments = parser.parse_args(argv)
    if len(arguments.seeds) > 1:
        raise InputError(f"--seeds: given {len(arguments.seeds)} times; give one range, as in 0-19")
    (arguments.seeds,) = arguments.seeds
    if arguments.threads < 1:
        raise InputError(f"--threads {arguments.threads}: give at least 1")
    if arguments.together < 0:
        raise InputError(f"--together {arguments.together}: give the number of runs, or 0 to leave it to the program")
    if arguments.workers is not None and arguments.workers < 0:
        raise InputError(f"--workers {arguments.workers}: give the number of processes, 0 for none")
    if not arguments.minutes >= 0:
        raise InputError(f"--minutes {arguments.minutes}: give 0, for after every epoch, or more")
    if not arguments.stall_minutes >= 0:
        raise InputError(f"--stall-minutes {arguments.stall_minutes}: give minutes, or 0 to wait for ever")
    return arguments

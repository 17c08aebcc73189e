"""Train a block of seeds: ``python -m nist.train --study … --variant … --seeds 0-19 --out …``."""

import argparse
import os
import sys
from pathlib import Path

import torch

from nist import correctness, metrics_file
from nist.data import packed, sources
from nist.errors import InputError, run
from nist.models import pretrained
from nist.runtime import devices, faults, provenance
from nist.runtime.files import check_writable, remove_partial
from nist.runtime.heartbeat import Heartbeat
from nist.runtime.interruption import Interruption
from nist.studies import study
from nist.training import artifacts, checkpoint
from nist.training.checkpoint import Checkpoint, locked, path_of
from nist.training.seed_block import Block
from nist.training.session import Training, digests

UNTOUCHED = "nothing was changed; start it again"


def main(argv: list[str] | None = None) -> None:
    """Train a block of seeds of one variant of a study and write their per-epoch metrics to one Parquet file."""
    arguments = parse(argv)
    torch.set_num_threads(arguments.threads)
    devices.keep_freed_memory()
    check_writable(arguments.out.parent)  # now, not when all is trained
    experiment, seeds = study.load(arguments.study), arguments.seeds
    configuration = experiment.configuration(arguments.variant, arguments.epochs)
    shared = experiment.trunk(arguments.variant, arguments.epochs)
    if shared is None and (arguments.until_prune or arguments.trunk):
        raise InputError(f"{experiment.path}: variants.{arguments.variant} is not pruned, so it has no trunk")
    if shared and arguments.until_prune:
        configuration = shared.configuration
    place = path_of(arguments.checkpoints, experiment.name, arguments.variant, seeds, digests(configuration))
    interruption = Interruption(UNTOUCHED)
    with interruption, faults.told(lambda: UNTOUCHED, interruption), locked(place) as alone:
        checkpoint = Checkpoint(place, arguments.minutes)
        if is_finished(arguments, experiment.name, configuration):
            print(f"{arguments.out}: complete already; remove it to train these runs again")
            clear(checkpoint, arguments.out, alone)  # a job that was killed once its file was there has left it
            return
        if shared and arguments.trunk:
            names = {"study": experiment.name, "variant": arguments.variant}
            artifacts.graft(checkpoint, arguments.trunk, digests(shared.configuration), seeds, names)
        training, classes = begin(arguments, experiment, configuration, checkpoint, interruption)
        last = shared.epoch if shared and arguments.until_prune else configuration["training"]["epochs"]
        block = training.block(last, keep=arguments.until_prune)
        interruption.outlook = ""
        with faults.told(block.outlook, interruption):
            training.train(block)
            write(arguments, training, block, classes)
        clear(checkpoint, arguments.out, alone)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments, checked. Raises ``InputError`` for a number that makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m nist.train", description=main.__doc__)
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
    parser.add_argument("--checkpoints", type=Path, default=checkpoint.FOLDER, help="folder (default: %(default)s)")
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


def begin(
    arguments: argparse.Namespace,
    experiment: study.Study,
    configuration: dict,
    checkpoint: Checkpoint,
    interruption: Interruption,
) -> tuple[Training, list[str] | None]:
    """The training that a command line asks for, on a device of its own, with its data; and the names of classes."""
    device = devices.choose_device(arguments.device)
    check_device(arguments.device, device, checkpoint)
    bfloat16 = configuration["training"]["precision"] == "bfloat16"
    if bfloat16 and device.type == "cpu" and devices.emulates_bfloat16():
        print("training.precision: this processor emulates bfloat16; float32 is faster here", file=sys.stderr)
    weights = pretrained.load(configuration, arguments.data_root, arguments.download)
    images, classes = sources.load(configuration["data"], arguments.data_root, arguments.cache, arguments.download)
    training = Training(
        experiment,
        arguments.variant,
        configuration,
        arguments.seeds,
        images,
        device,
        checkpoint=checkpoint,
        together=arguments.together,
        workers=default_workers(device) if arguments.workers is None else arguments.workers,
        weights=weights,
        interruption=interruption,
        heartbeat=Heartbeat(arguments.stall_minutes),
    )
    return training, classes


def check_device(asked: str, device: torch.device, checkpoint: Checkpoint) -> None:
    """Raises ``InputError`` where what a GPU began would go on, for weeks perhaps, on a CPU that nobody asked for."""
    before = checkpoint.sessions[-1]["device"] if checkpoint.sessions else ""
    if asked == "auto" and device.type == "cpu" and before and not provenance.is_cpu(before):
        raise InputError(
            f"--device auto: {before} trained this block so far, and no GPU is visible here; {UNTOUCHED} where there "
            "is one, or with --device cpu"
        )


def clear(checkpoint: Checkpoint, out: Path, alone: bool) -> None:
    """Remove the checkpoint of a block that is written and, where no other process trains it, what killed ones left."""
    checkpoint.remove(alone)
    if alone:
        remove_partial(out)
        remove_partial(correctness.path_of(out))


def is_finished(arguments: argparse.Namespace, name: str, configuration: dict) -> bool:
    """Whether the trunk or the metrics are there already, of this configuration and code."""
    if arguments.until_prune:
        return artifacts.is_trunk(arguments.out, arguments.seeds, digests(configuration))
    return artifacts.is_block(arguments.out, name, arguments.variant, arguments.seeds, digests(configuration))


def write(arguments: argparse.Namespace, training: Training, block: Block, classes: list[str] | None) -> None:
    """Write the trunk or the metrics of a block that has been trained. If the disk refuses, its checkpoint has all."""
    try:
        if arguments.until_prune:
            artifacts.save_trunk(
                arguments.out, block.finished_rows(), training.sessions, block.states, training.digests
            )
        else:
            rows = block.finished_rows()
            # The metrics come last: where they are, what lies beside them is whole.
            correctness.write(arguments.out, rows, len(training.prepared.validation), training.keeps_every_epoch)
            metrics_file.write(arguments.out, rows, training.description(classes))
    except OSError:
        block.write_checkpoint(training.sessions)
        raise


def default_workers(device: torch.device) -> int:
    """Processes that read images: on a CPU, where they would take the cores from training, none."""
    # A scheduler may have given this job a few of the machine's cores.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, cores - 1) if device.type == "cuda" else 0


if __name__ == "__main__":
    run(main)

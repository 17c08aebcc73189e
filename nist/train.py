"""Train a block of seeds: ``python -m nist.train --study … --variant … --seeds 0-19 --out …``."""

import argparse
import os
import sys
from contextlib import ExitStack
from functools import partial

import torch

from nist import (
    correctness,
    data,
    digest,
    faults,
    finished,
    machine,
    options,
    pretrained,
    record,
    sources,
    splits,
    study,
    trunk,
)
from nist.auditing import unreached_outputs
from nist.block import Block
from nist.checkpoint import Checkpoint, locked, path_of
from nist.energy import Meter
from nist.errors import InputError, run
from nist.files import check_writable, remove_partial
from nist.heartbeat import Heartbeat
from nist.interruption import Interruption
from nist.layout import sparsified_part
from nist.linear import NISTLinear
from nist.loop import Run, sparsified_weights
from nist.progress import Progress

UNTOUCHED = "nothing was changed; start it again"


class Training:
    """The training of ``seeds`` of one ``variant`` on ``images``, on one device.

    ``configuration`` is the variant's, or that of the trunk it shares with others; ``together`` as in
    ``nist.block.Block``; ``workers`` as in ``nist.splits.prepare``; ``weights`` are what ``nist.pretrained`` loads.
    What ``checkpoint`` holds is not trained again, and it is kept up to date. ``interruption`` as in ``Block``;
    ``heartbeat``, if any, watches.
    """

    def __init__(
        self,
        experiment: study.Study,
        variant: str,
        configuration: dict,
        seeds: range,
        images: data.Images,
        device: torch.device,
        *,
        checkpoint: Checkpoint | None = None,
        together: int = 0,
        workers: int = 0,
        weights: dict[str, torch.Tensor] | None = None,
        interruption: Interruption | None = None,
        heartbeat: Heartbeat | None = None,
    ):
        self.experiment, self.variant, self.configuration, self.seeds = experiment, variant, configuration, seeds
        self.device, self.checkpoint, self.together = device, checkpoint or Checkpoint(None), together
        self.interruption, self.heartbeat = interruption, heartbeat
        self.weights, self.prepared = weights, splits.prepare(images, configuration["data"], device, workers)
        self._check_batches()
        tf32 = configuration["training"]["precision"] == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        self.meter = Meter(device)
        session = {**machine.session(device), "joules": self.meter.joules()}
        self.sessions = [*self.checkpoint.sessions, session]

    def _check_batches(self) -> None:
        settings, n = self.configuration["training"], len(self.prepared.training)
        if settings["drop_last"] and n < settings["batch_size"]:
            raise InputError(
                f"{self.experiment.path}: training.drop_last leaves none of {n} images, as batch_size is "
                f"{settings['batch_size']}; make that {n} or less"
            )

    @property
    def keeps_every_epoch(self) -> bool:
        """Whether the study asks which images are right at every epoch."""
        return self.experiment.content.get("correctness") == "every_epoch"

    @property
    def digests(self) -> tuple[str, str]:
        """Of the configuration and of the code that trains it."""
        return digests(self.configuration)

    def run(self, seed: int) -> Run:
        """The run of one seed, at its beginning."""
        return Run(self.configuration, seed, self.prepared, self.weights, partial(self._audit, seed))

    def block(self, last: int, keep: bool = False) -> Block:
        """The block of all runs up to epoch ``last``; with ``keep``, it keeps the states that they end in."""
        return Block(self.run, self.seeds, last, self.checkpoint, self.together, keep, self.interruption)

    def _audit(self, seed: int, network: torch.nn.Module) -> None:
        """Let the session say how many classes a prune has cut off; of a transformer, whose blocks are no chain, none.

        Where the prune is trained again after a kill, it is audited again.
        """
        if sparsified_part(self.configuration["model"]) == "head":
            found = self.sessions[-1].setdefault("unreached_outputs", {})
            found[str(seed)] = unreached_outputs(linear_modules(network.sparsified))

    def _note_stop(self, seconds: float) -> None:
        """Let the session say for how long it was stopped: its epochs took longer than they need."""
        self.sessions[-1]["stopped_seconds"] += seconds

    def train(self, block: Block) -> None:
        """Train every run of the block to its end."""
        identity = {
            "study": self.experiment.name,
            "variant": self.variant,
            "model": self.configuration["model"]["name"],
            "dataset": self.configuration["data"]["dataset"],
        }
        with Progress(self.experiment.name, self.variant, self.seeds, block.epochs) as progress, ExitStack() as watch:
            progress.skip(len(block.finished_rows()))
            if self.heartbeat:
                watch.enter_context(self.heartbeat.watch(progress.say, block.outlook, self._note_stop))
            for row in block.train(identity, self.sessions):
                self.sessions[-1]["joules"] = self.meter.joules()  # before the block keeps them with the row
                progress.update(row)

    def description(self, classes: list[str] | None = None) -> dict:
        """What ``nist.record.write`` wants to know of a finished block; ``classes`` are names by label."""
        settings, sessions = self.configuration["training"], self.sessions
        return {
            "configuration": self.configuration,
            "training_code_digest": self.digests[1],
            "seeds": list(self.seeds),
            "epochs": settings["epochs"],
            "training_images": len(self.prepared.training),
            "validation_images": len(self.prepared.validation),
            "classes": classes,
            "parameters": parameter_counts(self.run(self.seeds.start).network),
            "device": "; ".join(sorted({each["device"] for each in sessions})),
            "threads": torch.get_num_threads(),
            "precision": settings["precision"],
            "versions": sessions[-1]["versions"],
            "commit": sessions[-1]["commit"],
            "started": sessions[0]["started"],
            "ended": machine.now(),
            "sessions": sessions,
        }


def train_block(
    experiment: study.Study,
    variant: str,
    seeds: range,
    images: data.Images,
    device: torch.device,
    epochs: int | None = None,
    **options,
) -> tuple[list[dict], dict]:
    """Train ``seeds`` of one variant; return the rows and the description of ``nist.record.write``.

    ``epochs`` overrides the study's number, for a pilot; ``options`` are those of ``Training``. Raises ``InputError``
    where the study does not fit together.
    """
    configuration = experiment.configuration(variant, epochs)
    training = Training(experiment, variant, configuration, seeds, images, device, **options)
    block = training.block(configuration["training"]["epochs"])
    training.train(block)
    return block.finished_rows(), training.description()


def digests(configuration: dict) -> tuple[str, str]:
    """Of a configuration and of the code that trains it."""
    return digest.of_configuration(configuration), digest.of_training_code(configuration["model"]["name"])


def parameter_counts(network: torch.nn.Module) -> dict:
    """Parameters of the network as built, before any prune.

    ``dense_weights`` and ``initial_weights`` are those of the layers that NIST sparsifies, without masks and inside
    them; ``other`` are all other parameters, biases of these layers included, ``frozen`` of them not trained.
    """
    active, dense = sparsified_weights(network.sparsified)
    kept = {id(layer.weight) for layer in linear_modules(network.sparsified)}
    other = [parameter for parameter in network.parameters() if id(parameter) not in kept]
    return {
        "other": sum(parameter.numel() for parameter in other),
        "frozen": sum(parameter.numel() for parameter in other if not parameter.requires_grad),
        "dense_weights": dense,
        "initial_weights": active,
    }


def main(argv: list[str] | None = None) -> None:
    """Train a block of seeds of one variant of a study and write their per-epoch metrics to one Parquet file."""
    arguments = options.parse(argv, main.__doc__)
    torch.set_num_threads(arguments.threads)
    machine.keep_freed_memory()
    check_writable(arguments.out.parent)  # now, not when all is trained
    experiment, seeds = study.load(arguments.study), arguments.seeds
    configuration = experiment.configuration(arguments.variant, arguments.epochs)
    shared = experiment.trunk(arguments.variant, arguments.epochs)
    if shared is None and (arguments.until_prune or arguments.trunk):
        raise InputError(f"{experiment.path}: variants.{arguments.variant} is not pruned, so it has no trunk")
    if arguments.until_prune:
        configuration = shared.configuration
    place = path_of(arguments.checkpoints, experiment.name, arguments.variant, seeds, digests(configuration))
    interruption = Interruption(UNTOUCHED)
    with interruption, faults.told(lambda: UNTOUCHED, interruption), locked(place) as alone:
        if is_finished(arguments, experiment.name, configuration):
            print(f"{arguments.out}: complete already; remove it to train these runs again")
            arguments.out.touch()  # newer than what Snakemake takes it to be made from
            return
        checkpoint = Checkpoint(place, arguments.minutes)
        if arguments.trunk:
            trunk.graft(checkpoint, arguments.trunk, digests(shared.configuration), seeds, arguments.variant)
        training, classes = begin(arguments, experiment, configuration, checkpoint, interruption)
        last = shared.epoch if arguments.until_prune else configuration["training"]["epochs"]
        block = training.block(last, keep=arguments.until_prune)
        interruption.outlook = ""
        with faults.told(block.outlook, interruption):
            training.train(block)
            write(arguments, training, block, classes)
        checkpoint.remove(alone)
        if alone:
            remove_partial(arguments.out)
            remove_partial(correctness.path_of(arguments.out))


def begin(
    arguments: argparse.Namespace,
    experiment: study.Study,
    configuration: dict,
    checkpoint: Checkpoint,
    interruption: Interruption,
) -> tuple[Training, list[str] | None]:
    """The training that a command line asks for, on a device of its own, with its data; and the names of classes."""
    device = machine.choose_device(arguments.device)
    check_device(arguments.device, device, checkpoint)
    bfloat16 = configuration["training"]["precision"] == "bfloat16"
    if bfloat16 and device.type == "cpu" and machine.emulates_bfloat16():
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
    if asked == "auto" and device.type == "cpu" and before and not machine.is_cpu(before):
        raise InputError(
            f"--device auto: {before} trained this block so far, and no GPU is visible here; {UNTOUCHED} where there "
            "is one, or with --device cpu"
        )


def linear_modules(module: torch.nn.Module) -> list[torch.nn.Module]:
    """The linear layers in ``module``, NIST or dense, in order."""
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear | NISTLinear)]


def is_finished(arguments: argparse.Namespace, name: str, configuration: dict) -> bool:
    """Whether the trunk or the metrics are there already, of this configuration and code."""
    if arguments.until_prune:
        return finished.is_trunk(arguments.out, arguments.seeds, digests(configuration))
    return finished.is_block(arguments.out, name, arguments.variant, arguments.seeds, digests(configuration))


def write(arguments: argparse.Namespace, training: Training, block: Block, classes: list[str] | None) -> None:
    """Write the trunk or the metrics of a block that has been trained. If the disk refuses, its checkpoint has all."""
    try:
        if arguments.until_prune:
            trunk.save(arguments.out, block.finished_rows(), training.sessions, block.states, training.digests)
        else:
            rows = block.finished_rows()
            # The metrics come last: where they are, what lies beside them is whole.
            correctness.write(arguments.out, rows, len(training.prepared.validation), training.keeps_every_epoch)
            record.write(arguments.out, rows, training.description(classes))
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

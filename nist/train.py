"""Train a block of seeds: ``python -m nist.train --study … --variant … --seeds 0-19 --out …``."""

import argparse
import ctypes
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from nist import batches, data, digest, record, study
from nist.block import Block
from nist.checkpoint import FOLDER, Checkpoint, path_of
from nist.errors import InputError, run
from nist.loop import Run, head_weights


def train_block(
    experiment: study.Study,
    variant: str,
    seeds: range,
    images: data.Images,
    device: torch.device,
    epochs: int | None = None,
    checkpoint: Checkpoint | None = None,
    together: int = 0,
) -> tuple[list[dict], dict]:
    """Train ``seeds`` of one variant; return the rows and the description of ``nist.record.write``.

    ``epochs`` overrides the study's number, for a pilot. What ``checkpoint`` holds is not trained again, and it is kept
    up to date. ``together`` as in ``nist.block.Block``. Raises ``InputError`` where the study does not fit together.
    """
    configuration = experiment.configuration(variant, epochs)
    checkpoint = checkpoint or Checkpoint(None)
    settings = configuration["data"]
    training, validation = batches.splits(images, settings["image_size"], settings["resize"], device)
    normalise = batches.Normalise(training)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = (
        configuration["training"]["precision"] == "tf32"
    )
    identity = {
        "study": experiment.name,
        "variant": variant,
        "model": configuration["model"]["name"],
        "dataset": settings["dataset"],
    }
    sessions = [*checkpoint.sessions, session(device)]
    settings = configuration["training"]

    def make_run(seed: int) -> Run:
        return Run(configuration, seed, training, validation, normalise)

    block = Block(make_run, seeds, settings["epochs"], checkpoint, together)
    with Progress(experiment.name, variant, seeds, settings["epochs"]) as progress:
        progress.skip(len(block.finished_rows()))
        for row in block.train(identity, sessions):
            progress.update(row)
    return block.finished_rows(), {
        "configuration": configuration,
        "training_code_digest": digest.of_training_code(identity["model"]),
        "seeds": list(seeds),
        "epochs": settings["epochs"],
        "training_images": len(training),
        "validation_images": len(validation),
        "parameters": parameter_counts(make_run(seeds.start).network),
        "device": "; ".join(sorted({each["device"] for each in sessions})),
        "threads": torch.get_num_threads(),
        "precision": settings["precision"],
        "versions": sessions[-1]["versions"],
        "started": sessions[0]["started"],
        "ended": _now(),
        "sessions": sessions,
    }


def session(device: torch.device) -> dict:
    """Where and when a part of a block is trained; a block that was never interrupted has one."""
    return {"started": _now(), "device": device_name(device), "versions": versions()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Progress:
    """A bar on a terminal, a plain line for every finished run elsewhere."""

    def __init__(self, name: str, variant: str, seeds: range, epochs: int):
        self.title, self.epochs = f"{name} {variant}", epochs
        self.bar = tqdm(total=len(seeds) * epochs, desc=self.title, unit="epoch", disable=None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()

    def skip(self, epochs: int) -> None:
        """Count epochs that a checkpoint holds."""
        self.bar.update(epochs)
        if epochs and self.bar.disable:
            print(f"{self.title}: going on after {epochs} of {self.bar.total} epochs", flush=True)

    def update(self, row: dict) -> None:
        """Show the row of an epoch just finished."""
        self.bar.update()
        if self.bar.disable and row["epoch"] == self.epochs:
            state = "diverged" if row["diverged"] else "finished"
            result = f"validation accuracy {row['val_accuracy']:.4f}, {row['seconds']:.2f} s an epoch"
            print(f"{self.title} seed {row['seed']}: {state} epoch {row['epoch']}, {result}", flush=True)


def parameter_counts(network: torch.nn.Module) -> dict:
    """Parameters of the network as built, before any prune; masked weights are counted in ``dense`` only."""
    active, dense = head_weights(network.head)
    return {
        "backbone": sum(parameter.numel() for parameter in network.backbone.parameters()),
        "head_dense_weights": dense,
        "head_initial_weights": active,
        "head_biases": sum(p.numel() for name, p in network.head.named_parameters() if name.endswith("bias")),
    }


def versions() -> dict:
    """Versions of what computes the numbers."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}


def device_name(device: torch.device) -> str:
    """The processor in words, as its maker calls it where the system says so."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()} (CPU, {os.cpu_count()} cores)"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def choose_device(name: str) -> torch.device:
    """``auto`` takes the GPU if there is one. Raises ``InputError`` if CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: no CUDA device is visible here; use --device cpu, or auto")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next step instead of handing it back to the kernel and faulting it in anew.

    Activations are larger than its default thresholds: they would be returned after every step (mallopt(3)).
    """
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 1 << 30)


def main(argv: list[str] | None = None) -> None:
    """Train a block of seeds of one variant of a study and write their per-epoch metrics to one Parquet file."""
    parser = argparse.ArgumentParser(prog="python -m nist.train", description=main.__doc__)
    parser.add_argument("--study", required=True, help="name of a study in config/studies, or a path to its YAML file")
    parser.add_argument("--variant", required=True)
    parser.add_argument("--seeds", required=True, type=study.parse_seeds, help="first and last seed, as in 0-19")
    parser.add_argument("--out", required=True, type=Path, help="Parquet file to write")
    parser.add_argument("--epochs", type=int, help="train for fewer or more epochs than the study says")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--together", type=int, default=0, help="runs advanced at once (default: as pays)")
    parser.add_argument("--checkpoints", type=Path, default=FOLDER, help="folder (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=5, help="between checkpoints (default: %(default)s)")
    data.add_arguments(parser)
    arguments = parser.parse_args(argv)
    if arguments.threads < 1:
        raise InputError(f"--threads {arguments.threads}: give at least 1")
    if arguments.together < 0:
        raise InputError(f"--together {arguments.together}: give the number of runs, or 0 to leave it to the program")
    if not arguments.minutes >= 0:
        raise InputError(f"--minutes {arguments.minutes}: give 0, for after every epoch, or more")
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)  # a place that cannot be written to fails now, not later
    experiment = study.load(arguments.study)
    dataset = experiment.content["data"]["dataset"]
    images = data.load(dataset, arguments.data_root, arguments.cache, arguments.download)
    device = choose_device(arguments.device)
    checkpoint = _checkpoint(experiment, arguments)
    rows, description = train_block(
        experiment,
        arguments.variant,
        arguments.seeds,
        images,
        device,
        arguments.epochs,
        checkpoint,
        arguments.together,
    )
    record.write(arguments.out, rows, description)
    checkpoint.remove()


def _checkpoint(experiment: study.Study, arguments: argparse.Namespace) -> Checkpoint:
    configuration = experiment.configuration(arguments.variant, arguments.epochs)
    digests = digest.of_configuration(configuration), digest.of_training_code(configuration["model"]["name"])
    path = path_of(arguments.checkpoints, experiment.name, arguments.variant, arguments.seeds, digests)
    return Checkpoint(path, arguments.minutes)


if __name__ == "__main__":
    run(main)

"""The training of a block of seeds of one variant: its runs, its sessions, and what its metrics say of it."""

from contextlib import ExitStack
from functools import partial
from typing import Any

import torch

from nist import digest
from nist.data import packed, splits
from nist.errors import InputError
from nist.models.build import Classifier, Transformer
from nist.runtime import provenance
from nist.runtime.energy import Meter
from nist.runtime.heartbeat import Heartbeat
from nist.runtime.interruption import Interruption
from nist.sparse.linear import NISTLinear
from nist.studies import study
from nist.training.checkpoint import Checkpoint
from nist.training.loop import Run, linear_modules, sparsified_weights
from nist.training.progress import Progress
from nist.training.seed_block import Block


class Training:
    """The training of ``seeds`` of one ``variant`` on ``images``, on one device.

    ``configuration`` is the variant's, or that of the trunk it shares with others; ``together`` as in
    ``nist.training.seed_block.Block``; ``workers`` as in ``nist.data.splits.prepare``; ``weights`` are what
    ``nist.models.pretrained`` loads. What ``checkpoint`` holds is not trained again, and it is kept up to date.
    ``interruption`` as in ``Block``; ``heartbeat``, if any, watches.
    """

    def __init__(
        self,
        experiment: study.Study,
        variant: str,
        configuration: dict,
        seeds: range,
        images: packed.Images,
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
        session = {**provenance.session(device), "joules": self.meter.joules()}
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
        return Run(self.configuration, seed, self.prepared, self.weights, partial(self._note, seed))

    def block(self, last: int, keep: bool = False) -> Block:
        """The block of all runs up to epoch ``last``; with ``keep``, it keeps the states that they end in."""
        return Block(self.run, self.seeds, last, self.checkpoint, self.together, keep, self.interruption)

    def _note(self, seed: int, name: str, value: Any) -> None:
        """Let the session say what a run has told. Where an epoch is trained again after a kill, it tells it again."""
        self.sessions[-1].setdefault(name, {})[str(seed)] = value

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
        """What ``nist.metrics_file.write`` wants to know of a finished block; ``classes`` are names by label."""
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
            "ended": provenance.now(),
            "sessions": sessions,
        }


def digests(configuration: dict) -> tuple[str, str]:
    """Of a configuration and of the code that trains it."""
    return digest.of_configuration(configuration), digest.of_training_code(configuration["model"]["name"])


def parameter_counts(network: Classifier | Transformer) -> dict:
    """Parameters of the network as built, before any prune.

    ``dense_weights`` and ``initial_weights`` are those of the layers that NIST sparsifies, without masks and inside
    them; ``other`` are all other parameters, biases of these layers included, ``frozen`` of them not trained.
    """
    active, dense = sparsified_weights(network.sparsified)
    layers = linear_modules(network.sparsified)
    kept = {id(layer.stored if isinstance(layer, NISTLinear) else layer.weight) for layer in layers}
    other = [parameter for parameter in network.parameters() if id(parameter) not in kept]
    return {
        "other": sum(parameter.numel() for parameter in other),
        "frozen": sum(parameter.numel() for parameter in other if not parameter.requires_grad),
        "dense_weights": dense,
        "initial_weights": active,
    }

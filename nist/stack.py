"""Runs of one configuration advanced together: their parameters stacked, one vectorised step for all of them."""

import math
import time
from collections.abc import Iterator

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from nist import optimizers
from nist.loop import EVALUATION_BATCH, Run, head_weights, precision
from nist.pruning import nist_layers, prune


def can_stack(network: nn.Module) -> bool:
    """Whether a stack computes what runs on their own do: no dropout, whose draws would depend on who is in the stack,
    and every NIST layer masked, so that shapes stay the same through a prune.
    """
    dropout = any(isinstance(layer, nn.Dropout) and layer.p > 0 for layer in network.modules())
    return not dropout and all(layer.form == "masked" for layer in nist_layers(network))


class Stack:
    """Runs that are at the same epoch, with ``(runs, ...)`` parameters and one optimizer over them.

    An optimizer that works entry by entry, as Adam and SGD do, is every run's own. Each run keeps its own order of
    images, augmentation and batch-norm statistics; numbers agree with those of runs on their own to rounding.
    """

    def __init__(self, runs: list[Run]):
        self.runs, first = runs, runs[0]
        self.configuration, self.epoch = first.configuration, first.epoch
        self.optimizer = None
        self._stack()

    def epochs(self) -> Iterator[list[dict]]:
        """Train to the end and yield one epoch's measurements at a time, a dictionary a run as ``Run.epochs`` does."""
        settings = self.configuration["training"]
        starts = optimizers.starts(settings)
        pruning = self.configuration["prune"] or {"epoch": None}
        while self.epoch < settings["epochs"]:
            self.epoch += 1
            if self.epoch in starts:
                for run in self.runs:
                    run.optimizer = optimizers.create(starts[self.epoch], run.network.parameters())
                self._stack_optimizer()
            measured = self._measured_epoch()
            if self.epoch == pruning["epoch"]:
                self._unstack()
                for run in self.runs:
                    prune(run.network.head, pruning["sparsity"], run.optimizer)
                self._stack()
            yield measured

    def states(self) -> list[dict[str, torch.Tensor]]:
        """``Run.state`` of every run."""
        self._unstack()
        return [run.state() for run in self.runs]

    def _stack(self) -> None:
        """Take over what the runs hold."""
        self.parameters, self.buffers = stack_module_state([run.network.train() for run in self.runs])
        self.network = self.runs[0].network
        self._stack_optimizer()

    def _stack_optimizer(self) -> None:
        theirs = [run.optimizer for run in self.runs]
        if theirs[0] is None:
            return
        self.optimizer = type(theirs[0])(self.parameters.values(), **theirs[0].defaults)
        for position, stacked in enumerate(self.parameters.values()):
            states = [optimizer.state.get(optimizer.param_groups[0]["params"][position], {}) for optimizer in theirs]
            for name, value in states[0].items():  # of no dimension: the number of steps, which is all runs' own
                together = value.clone() if value.dim() == 0 else torch.stack([state[name] for state in states])
                self.optimizer.state[stacked][name] = together

    @torch.no_grad()
    def _unstack(self) -> None:
        """Hand the runs what the stack has made of their parameters, statistics and optimizers."""
        for place, run in enumerate(self.runs):
            run.epoch = self.epoch
            for name, tensor in (*run.network.named_parameters(), *run.network.named_buffers()):
                tensor.copy_((self.parameters if name in self.parameters else self.buffers)[name][place])
            for stacked, parameter in zip(self.parameters.values(), run.network.parameters(), strict=True):
                for name, value in self.optimizer.state.get(stacked, {}).items():
                    own = value.clone() if value.dim() == 0 else torch.empty_like(parameter).copy_(value[place])
                    run.optimizer.state[parameter][name] = own

    def _measured_epoch(self) -> list[dict]:
        started = time.perf_counter()
        trained, validated = self._train(), self._validate()
        seconds = (time.perf_counter() - started) / len(self.runs)
        active, dense = self._active_weights(), head_weights(self.runs[0].network.head)[1]
        rows = []
        for place, run in enumerate(self.runs):
            losses = trained[0][place], validated[0][place]
            run.diverged = run.diverged or not all(map(math.isfinite, losses))
            rows.append(
                {
                    "epoch": self.epoch,
                    "train_loss": losses[0],
                    "train_accuracy": trained[1][place],
                    "val_loss": losses[1],
                    "val_accuracy": validated[1][place],
                    "learning_rate": self.optimizer.param_groups[0]["lr"],
                    "active_weights": active,
                    "sparsity": 1 - active / dense,
                    "seconds": seconds,
                    "diverged": run.diverged,
                }
            )
        return rows

    def _active_weights(self) -> int:
        """Of each run's head: masks differ between runs after a prune, their counts do not."""
        return head_weights(self.runs[0].network.head)[0]

    def _train(self) -> tuple[list[float], list[float]]:
        settings = self.configuration["training"]
        self.network.train()
        batches = [
            run.training.shuffled(settings["batch_size"], settings["drop_last"], run.order, run.augmentation)
            for run in self.runs
        ]
        sums = Sums(self.runs)
        for batch in zip(*batches, strict=True):
            images, labels = (torch.stack(parts) for parts in zip(*batch, strict=True))
            logits = self._logits(images, 0)
            losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels).mean(1)
            self.optimizer.zero_grad()
            losses.sum().backward()  # no run's loss depends on another's parameters
            self.optimizer.step()
            sums.add(losses.detach(), logits.detach(), labels)
        return sums.means()

    @torch.no_grad()
    def _validate(self) -> tuple[list[float], list[float]]:
        self.network.eval()
        sums = Sums(self.runs)
        for images, labels in self.runs[0].validation.in_order(EVALUATION_BATCH // 4):
            logits = self._logits(images, None)
            labels = labels.expand(len(self.runs), -1)
            losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels).mean(1)
            sums.add(losses, logits, labels)
        return sums.means()

    def _logits(self, images: torch.Tensor, dimension: int | None) -> torch.Tensor:
        """``(runs, batch, classes)``, float32; ``dimension`` says where the images have one of runs, if they have."""
        first = self.runs[0]
        shape = images.shape
        inputs = first.normalise(images.flatten(0, -4)).view(shape)

        def one(parameters: dict, buffers: dict, images: torch.Tensor) -> torch.Tensor:
            return functional_call(self.network, (parameters, buffers), (images,))

        with precision(self.configuration["training"]["precision"], images.device):
            return vmap(one, in_dims=(0, 0, dimension))(self.parameters, self.buffers, inputs).float()


class Sums:
    """Losses and hits of every run, summed on the device until the epoch ends."""

    def __init__(self, runs: list[Run]):
        device = runs[0].training.images.device
        self.loss = torch.zeros(len(runs), dtype=torch.float64, device=device)
        self.correct = torch.zeros(len(runs), dtype=torch.int64, device=device)
        self.images_seen = 0

    def add(self, losses: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Mean losses ``(runs,)``, logits ``(runs, batch, classes)`` and labels ``(runs, batch)`` of one batch."""
        self.loss += losses * labels.shape[1]
        self.correct += (logits.argmax(-1) == labels).sum(1)
        self.images_seen += labels.shape[1]

    def means(self) -> tuple[list[float], list[float]]:
        """Loss and accuracy of every run."""
        return (self.loss / self.images_seen).tolist(), (self.correct / self.images_seen).tolist()

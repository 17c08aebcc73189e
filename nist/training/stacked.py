"""Runs of one configuration advanced together: their parameters stacked, one vectorised step for all of them.

On a GPU that step is recorded as a CUDA graph, and replayed for every batch.
"""

import time

import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

from nist.data.on_device import Split
from nist.runtime.heartbeat import beat
from nist.sparse.layers import sparsified_part
from nist.sparse.prune import nist_layers
from nist.training.cuda_graph import Graphed
from nist.training.epoch_loop import Scheduled
from nist.training.loop import Run, evaluation_batch, precision, sparsified_weights
from nist.training.operations import Operations
from nist.training.stacked_ops import INSTEAD


def can_stack(run: Run) -> bool:
    """Whether a stack computes what runs on their own do.

    There must be no dropout, whose draws would depend on who is in the stack, every NIST layer must be masked, and
    stay so through a prune, for shapes to stay the same, all parameters must share one optimizer's settings, images
    must lie on the device, the test images validate, and no other method than NIST may act. Transformers are left out:
    what their blocks drop at random is not told by type.
    """
    network = run.network
    dropout = any(isinstance(layer, _DropoutNd) and layer.p > 0 for layer in network.modules())
    layers, pruned = nist_layers(network), run.configuration["prune"] is not None
    masked = all(layer.form == "masked" and not (pruned and layer.is_automatic) for layer in layers)
    trained = all(parameter.requires_grad for parameter in network.parameters())
    alike = all(phase["name"] in ("adam", "sgd") for phase in run.configuration["training"]["optimizers"])
    plain = sparsified_part(run.configuration["model"]) == "head" and isinstance(run.training, Split)
    usual = run.method is None and not run.mask_stays and run.prepared.test is None
    return masked and trained and alike and plain and not dropout and usual


class Stack(Scheduled):
    """Runs that are at the same epoch, with ``(runs, ...)`` parameters and one optimizer over them.

    An optimizer that works entry by entry, as Adam and SGD do, is every run's own. Each run keeps its own order of
    images, augmentation and batch-norm statistics; numbers agree with those of runs on their own to rounding.
    """

    def __init__(self, runs: list[Run]):
        self.runs, first = runs, runs[0]
        self.configuration, self.epoch = first.configuration, first.epoch
        self.optimizer = None
        self._stack()

    def start_optimizer(self, settings: dict) -> None:
        """Begin a phase with a fresh optimizer for every run."""
        for run in self.runs:
            run.start_optimizer(settings)
        self._stack_optimizer()

    def prune(self, sparsity: float) -> None:
        """Prune every run by its own weights."""
        self._unstack()
        for run in self.runs:
            run.prune(sparsity)
        self._stack()

    def states(self) -> list[dict[str, torch.Tensor]]:
        """``Run.state`` of every run."""
        self._unstack()
        return [run.state() for run in self.runs]

    def _stack(self) -> None:
        """Take over what the runs hold."""
        self.parameters, self.buffers = stack_module_state([run.network.train() for run in self.runs])
        self.network, self.sums = self.runs[0].network, Sums(self.runs)
        images = len(self.runs[0].validation)
        self.hits = torch.zeros(len(self.runs), images, dtype=torch.bool, device=self.runs[0].device)
        self._mask_where_any_run_does()
        self._stack_optimizer()
        self._measure = Graphed()

    def _mask_where_any_run_does(self) -> None:
        """The first run's network computes for all, and may have kept a layer whole in which others lost weights."""
        for layers in zip(*(nist_layers(run.network) for run in self.runs), strict=True):
            layers[0].is_masking = any(layer.is_masking for layer in layers)

    def _stack_optimizer(self) -> None:
        theirs = [run.optimizer for run in self.runs]
        if theirs[0] is None:
            return
        settings = dict(theirs[0].defaults)
        if "capturable" in settings:  # Adam's, as part of a CUDA graph
            settings["capturable"] = self.runs[0].device.type == "cuda"
        self.optimizer = type(theirs[0])(self.parameters.values(), **settings)
        self._step, self._rate = Graphed(), settings["lr"]
        for position, stacked in enumerate(self.parameters.values()):
            states = [optimizer.state.get(optimizer.param_groups[0]["params"][position], {}) for optimizer in theirs]
            for name, value in states[0].items():  # the number of steps is all runs' own
                together = value.clone() if name == "step" else torch.stack([state[name] for state in states])
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
                    own = value.clone() if name == "step" else torch.empty_like(parameter).copy_(value[place])
                    run.optimizer.state[parameter][name] = own

    def measured_epoch(self) -> list[dict]:
        """The measurements of ``Run.measured_epoch`` of every run."""
        started = time.perf_counter()
        train, val_losses = zip(*self._train(), strict=True), self._validate()
        seconds = (time.perf_counter() - started) / len(self.runs)
        rate, weights = self.optimizer.param_groups[0]["lr"], sparsified_weights(self.runs[0].network.sparsified)
        rows = []
        for run, *measured in zip(self.runs, train, val_losses, self.hits.cpu(), strict=True):
            run.epoch = self.epoch
            # Masks differ between runs after a prune, their counts do not.
            rows.append(run.row(*measured, rate, weights, seconds))
        return rows

    def _train(self) -> tuple[list[float], list[float]]:
        settings, training = self.configuration["training"], self.runs[0].training
        rate = self.optimizer.param_groups[0]["lr"]
        if rate != self._rate:  # which is a number in the graph
            self._step, self._rate = Graphed(), rate
        self.network.train()
        self.sums.clear()
        orders, draws = zip(*(training.order(run.order, run.augmentation) for run in self.runs), strict=True)
        drawn = [torch.stack(orders)] + ([torch.stack(draws)] if self.runs[0].augmentation else [])
        for batch in training.batches(settings["batch_size"], settings["drop_last"]):
            self._step(self._training_batch, *(each[:, batch] for each in drawn))
            beat()
        return self.sums.means(batch.stop)

    def _training_batch(self, places: torch.Tensor, draws: torch.Tensor | None = None) -> None:
        """One step of every run on the images at ``places``, ``(runs, batch)``, changed as ``draws`` say."""
        images, labels = self.runs[0].training.take(places)
        if draws is not None:
            changed = self.runs[0].augmentation.apply(images.flatten(0, 1), draws.flatten(0, 1))
            images = changed.view_as(images)
        logits = self._logits(images, 0)
        losses = mean_losses(logits, labels, self.configuration["training"]["label_smoothing"])
        self.optimizer.zero_grad()
        losses.sum().backward()  # no run's loss depends on another's parameters
        self.optimizer.step()
        self.sums.add(losses.detach(), logits.detach(), labels)

    @torch.no_grad()
    def _validate(self) -> list[float]:
        self.network.eval()
        self.sums.clear()
        validation = self.runs[0].validation
        places = torch.arange(len(validation), device=validation.device)
        for batch in validation.batches(max(1, evaluation_batch(validation.image_shape) // 4), drop_last=False):
            self._measure(self._validation_batch, places[batch])
            beat()
        return self.sums.means(len(places))[0]

    def _validation_batch(self, places: torch.Tensor) -> None:
        images, labels = self.runs[0].validation.take(places)
        logits, labels = self._logits(images, None), labels.expand(len(self.runs), -1)
        self.sums.add(mean_losses(logits, labels), logits, labels)
        self.hits.index_copy_(1, places, logits.argmax(-1) == labels)

    def _logits(self, images: torch.Tensor, dimension: int | None) -> torch.Tensor:
        """``(runs, batch, classes)``, float32; ``dimension`` says where the images have one of runs, if they have."""
        inputs = self.runs[0].prepared.normalise(images.flatten(0, -4)).view(images.shape)

        def one(parameters: dict, buffers: dict, images: torch.Tensor) -> torch.Tensor:
            return functional_call(self.network, (parameters, buffers), (images,))

        with precision(self.configuration["training"]["precision"], images.device), Operations(INSTEAD):
            return vmap(one, in_dims=(0, 0, dimension))(self.parameters, self.buffers, inputs).float()


def mean_losses(logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy of every run, shape (runs,), from logits (runs, batch, classes) and labels (runs, batch)."""
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none", label_smoothing=label_smoothing)
    return losses.view_as(labels).mean(1)


class Sums:
    """Losses and hits of every run, summed on the device until the epoch ends."""

    def __init__(self, runs: list[Run]):
        device = runs[0].device
        self.loss = torch.zeros(len(runs), dtype=torch.float64, device=device)
        self.correct = torch.zeros(len(runs), dtype=torch.int64, device=device)

    def clear(self) -> None:
        """Begin anew."""
        self.loss.zero_()
        self.correct.zero_()

    def add(self, losses: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Mean losses ``(runs,)``, logits ``(runs, batch, classes)`` and labels ``(runs, batch)`` of one batch."""
        self.loss += losses * labels.shape[1]
        self.correct += (logits.argmax(-1) == labels).sum(1)

    def means(self, n: int) -> tuple[list[float], list[float]]:
        """Loss and accuracy of every run over its ``n`` images.

        Divided here: a GPU multiplies by a reciprocal, and the same count would be another fraction there.
        """
        return [loss / n for loss in self.loss.tolist()], [count / n for count in self.correct.tolist()]

"""Methods other than NIST in the course of a run: masks before the first epoch, and connections that move."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, floor
from typing import Any

import torch

from nist.data.on_device import Split
from nist.errors import InputError
from nist.sparse.budgets import shrinking
from nist.sparse.convert import densify
from nist.sparse.dynamic import SET, DynamicTraining, RigL
from nist.sparse.initial_masks import initial_masks, shuffled
from nist.sparse.linear import NISTLinear
from nist.sparse.mask import kept_weights
from nist.sparse.prune import largest_weights, nist_layers
from nist.sparse.sparsify import sparsify
from nist.training import optimizers, seeds

AFTER_TRAINING = "magnitude_after_training"


class Comparison:
    """The ``method`` of a configuration, in one run.

    ``run`` is a ``nist.training.loop.Run``, whose head is dense; here its layers become NIST layers, masked, with all
    connections until ``begin``. What the method draws comes from ``stream``. ``cost`` is what the method has taken
    beside the epochs that are recorded: ``images`` forward and backward, and ``seconds``.
    """

    def __init__(self, run: Any, stream: int) -> None:
        self.run, self.settings = run, run.configuration["method"]
        self.generator = seeds.generator(stream)
        self.dynamic: DynamicTraining | None = None
        self.cost = {"images": 0, "seconds": 0.0}
        head = run.network.head
        sparsify(head, density=1, form="masked")
        self.layers = nist_layers(head)
        self.n_keep = kept_weights(sum(layer.dense_weights for layer in self.layers), self.settings["sparsity"])

    def begin(self) -> None:
        """Before the first epoch: the masks, and for magnitudes after training all of that training."""
        started = time.perf_counter()
        if self.settings["name"] == AFTER_TRAINING:
            with self._own_randomness():
                self._train_and_prune()
        else:
            self._rewire(self._initial_masks())
        self._start_moving()
        self.cost["seconds"] += time.perf_counter() - started

    def moves(self) -> bool:
        """Call once a step, after ``backward``: whether connections have moved, and the optimizer takes no step."""
        return self.dynamic is not None and self.dynamic.step()

    def state(self) -> dict[str, torch.Tensor]:
        """All that the rest of the run depends on, beside the network."""
        cost = torch.tensor([*self.cost.values()], dtype=torch.float64)
        return {"cost": cost, **(self.dynamic.state_dict() if self.dynamic else {})}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what ``state`` gave, once the network has its own."""
        images, seconds = state["cost"].tolist()
        self.cost = {"images": int(images), "seconds": seconds}
        self._start_moving()
        if self.dynamic:
            self.dynamic.load_state_dict(state)

    def _start_moving(self) -> None:
        """For SET and RigL: for ``until``, a share of the run's steps."""
        if self.settings["name"] not in ("set", "rigl"):
            return
        training = self.run.configuration["training"]
        batches = len(self.run.training) / training["batch_size"]
        steps = training["epochs"] * (floor(batches) if training["drop_last"] else ceil(batches))
        until = max(1, round(self.settings["until"] * steps))
        head, every, drop = self.run.network.head, self.settings["every"], self.settings["drop"]
        if self.settings["name"] == "set":
            self.dynamic = SET(head, until=until, every=every, drop=drop, generator=self.generator)
        else:
            self.dynamic = RigL(head, until=until, every=every, drop=drop)

    def _initial_masks(self) -> dict[str, torch.Tensor]:
        dense = densify(self.run.network).train()
        names = [f"head.{name}" for name, layer in self.run.network.head.named_modules() if layer in self.layers]
        masks = initial_masks(
            dense,
            self.settings.get("distribution", self.settings["name"]),
            sparsity=self.settings["sparsity"],
            batch=self._batch(),
            include=names,
            generator=self.generator,
        )
        return shuffled(masks, self.generator) if self.settings.get("check") == "shuffled" else masks

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The ``images`` of the settings, drawn at random, and their labels."""
        if "images" not in self.settings:
            return None
        n, training = self.settings["images"], self.run.training
        if not isinstance(training, Split) or n > len(training):
            raise InputError(f"method.images: {n} of the {len(training)} training images have to fit on the device")
        images, labels = training.take(torch.randperm(len(training), generator=self.generator)[:n].to(training.device))
        self.cost["images"] += n
        return self.run.prepared.normalise(images), labels

    def _rewire(self, masks: dict[str, torch.Tensor]) -> None:
        for layer, mask in zip(self.layers, masks.values(), strict=True):
            if self.settings.get("check") == "redrawn":
                _draw_anew(layer, self.generator)
            layer.rewire(mask.to(layer.stored.device))

    def _train_and_prune(self) -> None:
        """Rounds of training and pruning, with what is left taken back to where it was at an early epoch, or not."""
        rounds, rewind = self.settings["rounds"], self.settings["rewind"]
        dense = sum(layer.dense_weights for layer in self.layers)
        early = copy.deepcopy(self.run.network.state_dict()) if rewind == 0 else None
        for number in range(1, rounds + 1):
            for epoch in self._trained_epochs():
                if number == 1 and epoch == rewind:
                    early = copy.deepcopy(self.run.network.state_dict())
            masks = largest_weights(self.layers, shrinking(dense, self.n_keep, number / rounds))
            if early is not None:
                self.run.network.load_state_dict(early)
            for layer, mask in zip(self.layers, masks, strict=True):
                layer.rewire(mask)

    def _trained_epochs(self) -> Iterator[int]:
        training = self.run.configuration["training"]
        starts = optimizers.starts(training)
        for epoch in range(1, training["epochs"] + 1):
            if epoch in starts:
                self.run.start_optimizer(starts[epoch])
            optimizers.set_learning_rate(self.run.optimizer, training, epoch)
            self.run.train_epoch()
            self.cost["images"] += len(self.run.training)
            yield epoch

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Let the run see the same order of images afterwards as every other variant with its seed."""
        run, numbers = self.run, torch.get_rng_state()
        own = [each for each in (run.order, getattr(run.augmentation, "generator", None)) if each is not None]
        states = [each.get_state() for each in own]
        yield
        torch.set_rng_state(numbers)
        for each, state in zip(own, states, strict=True):
            each.set_state(state)


@torch.no_grad()
def _draw_anew(layer: NISTLinear, generator: torch.Generator) -> None:
    """Weights as ``nn.Linear`` draws them, from ``generator``."""
    bound = layer.in_features**-0.5
    drawn = torch.rand(layer.stored.shape, generator=generator) * 2 * bound - bound
    layer.stored.copy_(drawn)

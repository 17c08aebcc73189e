"""The training of one run: initialise, train and validate epoch by epoch, prune once."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional as F

from nist import models, optimizer_state, optimizers, seeds
from nist.augmentation import Augmentation
from nist.batches import Normalise, Split
from nist.pruning import nist_layers, prune

EVALUATION_BATCH = 1024


class Run:
    """One seed of one configuration: its network and random streams, on the device that holds the images."""

    def __init__(self, configuration: dict, seed: int, training: Split, validation: Split, normalise: Normalise):
        self.configuration = configuration
        self.training = training
        self.validation = validation
        self.normalise = normalise
        streams = seeds.streams(seed)
        self.order = seeds.generator(streams.data_order)
        settings, draws = configuration["data"]["augmentation"], seeds.generator(streams.augmentation)
        self.augmentation = None if settings == "none" else Augmentation(settings, draws)
        torch.manual_seed(streams.initialisation)
        device = training.images.device
        network = models.build(configuration["model"], tuple(training.images.shape[1:]))
        # channels_last is where CPU and tensor-core convolutions are fastest; it changes values by rounding only.
        self.network = network.to(device, memory_format=torch.channels_last)
        torch.manual_seed(streams.dropout)
        self.epoch, self.optimizer, self.diverged = 0, None, False

    def epochs(self) -> Iterator[dict]:
        """Train to the end and yield one epoch's measurements at a time; see ``nist.record.SCHEMA`` for their units.

        After each, ``state`` holds all that the rest of the run depends on.

        A run whose loss turns NaN or infinite is trained and recorded to its last epoch like any other, flagged.
        """
        settings = self.configuration["training"]
        starts = optimizers.starts(settings)
        pruning = self.configuration["prune"] or {"epoch": None}
        while self.epoch < settings["epochs"]:
            self.epoch += 1
            if self.epoch in starts:
                self.optimizer = optimizers.create(starts[self.epoch], self.network.parameters())
            measured = self._measured_epoch()
            if self.epoch == pruning["epoch"]:
                prune(self.network.head, pruning["sparsity"], self.optimizer)
            yield measured

    def _measured_epoch(self) -> dict:
        """Train and validate once."""
        started = time.perf_counter()
        train_loss, train_accuracy = self._train(self.optimizer)
        val_loss, val_accuracy = self._validate()
        self.diverged = self.diverged or not (math.isfinite(train_loss) and math.isfinite(val_loss))
        active, dense = head_weights(self.network.head)
        return {
            "epoch": self.epoch,
            "train_loss": train_loss,
            "train_accuracy": train_accuracy,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "active_weights": active,
            "sparsity": 1 - active / dense,
            "seconds": time.perf_counter() - started,
            "diverged": self.diverged,
        }

    def state(self) -> dict[str, torch.Tensor]:
        """All that the rest of the run depends on: weights, masks, optimizer, random streams, epoch."""
        generators = {"order": self.order.get_state(), "torch": torch.get_rng_state()}
        if self.augmentation:
            generators["augmentation"] = self.augmentation.generator.get_state()
        if self.training.images.is_cuda:
            generators["cuda"] = torch.cuda.get_rng_state(self.training.images.device)
        return {
            "progress": torch.tensor([self.epoch, self.diverged]),
            **{f"generator.{name}": value for name, value in generators.items()},
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in optimizer_state.tensors(self.optimizer).items()},
        }

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from what ``state`` gave, to the bit on the same device and versions."""
        parts: dict[str, dict[str, torch.Tensor]] = {}
        for key, value in state.items():
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = value
        epoch, diverged = parts["progress"][""].tolist()
        self.epoch, self.diverged = epoch, bool(diverged)
        self.network.load_state_dict(parts["network"])
        starts = optimizers.starts(self.configuration["training"])
        self.optimizer = optimizers.create(starts[max(e for e in starts if e <= epoch)], self.network.parameters())
        optimizer_state.restore(self.optimizer, parts.get("optimizer", {}))
        self.order.set_state(parts["generator"]["order"])
        if self.augmentation:
            self.augmentation.generator.set_state(parts["generator"]["augmentation"])
        torch.set_rng_state(parts["generator"]["torch"])
        if "cuda" in parts["generator"] and self.training.images.is_cuda:
            torch.cuda.set_rng_state(parts["generator"]["cuda"], self.training.images.device)

    def _train(self, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
        settings = self.configuration["training"]
        self.network.train()

        def step(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        batches = self.training.shuffled(settings["batch_size"], settings["drop_last"], self.order, self.augmentation)
        return self._mean(batches, step)

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        self.network.eval()
        return self._mean(self.validation.in_order(EVALUATION_BATCH), F.cross_entropy)

    def _mean(self, batches: Iterator, loss_of: Callable) -> tuple[float, float]:
        """Mean loss and accuracy over the images of ``batches``; sums stay on the device until the end."""
        device = self.training.images.device
        loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        images_seen = 0
        for images, labels in batches:
            with precision(self.configuration["training"]["precision"], device):
                logits = self.network(self.normalise(images)).float()
            loss_sum += loss_of(logits, labels) * len(labels)
            correct += (logits.detach().argmax(1) == labels).sum()
            images_seen += len(labels)
        return loss_sum.item() / images_seen, correct.item() / images_seen


def precision(name: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Arithmetic of the forward pass: bfloat16 autocast, or nothing, as TF32 is a switch of the whole process."""
    if name == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def head_weights(head: nn.Module) -> tuple[int, int]:
    """Active and dense weights of a head, biases not counted (N2)."""
    sparse = nist_layers(head)
    plain = sum(layer.weight.numel() for layer in head.modules() if isinstance(layer, nn.Linear))
    return (
        plain + sum(layer.active_weights for layer in sparse),
        plain + sum(layer.dense_weights for layer in sparse),
    )

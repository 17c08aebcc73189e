"""The training of one run: initialise, train and validate epoch by epoch, prune once."""

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from nist import correctness
from nist.data.augmentation import Augmentation
from nist.data.deit_augmentation import Recipe
from nist.data.on_device import Split
from nist.data.on_host import LoadedSplit
from nist.data.splits import Prepared, is_recipe
from nist.errors import InputError
from nist.models.build import Classifier, build, initialise
from nist.runtime.heartbeat import beat
from nist.sparse import optimizer_state
from nist.sparse.audit import unreached_outputs
from nist.sparse.effective import paths
from nist.sparse.layers import class_count
from nist.sparse.linear import NISTLinear
from nist.sparse.prune import nist_layers, prune
from nist.training import cpu_ops, optimizers, seeds
from nist.training.comparison import Comparison
from nist.training.epoch_loop import Scheduled
from nist.training.operations import Operations

EVALUATION_BATCH = 1024
MOST_AUDITED = 2**24  # active weights of a head whose paths are counted: it takes 16 bytes each
EVALUATION_PIXELS = 2**23  # of a batch: large images would fill the device's memory


class Run(Scheduled):
    """One seed of one configuration: its network and random streams, on the device that ``prepared`` names.

    ``weights`` are what ``nist.models.pretrained`` loads, ``None`` for a network that starts at random. ``tell`` is
    called with a name and a value for what is to be known of the run beside its rows.
    """

    def __init__(
        self,
        configuration: dict,
        seed: int,
        prepared: Prepared,
        weights: dict | None = None,
        tell: Callable[[str, Any], None] | None = None,
    ):
        self.configuration, self.prepared, self.tell = configuration, prepared, tell or (lambda _name, _value: None)
        self.training, self.validation = prepared.training, prepared.validation
        self.device = self.training.device
        streams = seeds.streams(seed)
        self.order, self.ranking = seeds.generator(streams.data_order), streams.method
        self.augmentation = self._augmentation(seeds.generator(streams.augmentation))
        torch.manual_seed(streams.initialisation)
        network = build(configuration["model"], self.training.image_shape, weights)
        initialise(network.sparsified, configuration["training"]["initialisation"])
        # channels_last is where CPU and tensor-core convolutions are fastest; it changes values by rounding only.
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.operations = Operations(cpu_ops.INSTEAD if self.device.type == "cpu" else {})
        self._check_last_batch()
        self.method = Comparison(self, streams.method) if "method" in configuration else None
        torch.manual_seed(streams.dropout)
        self.epoch, self.optimizer, self.diverged = 0, None, False
        self.tested: dict[int, float] = {}

    def _check_last_batch(self) -> None:
        """Raise ``InputError`` if an epoch ends with a single image that batch normalisation makes nothing of."""
        settings, n = self.configuration["training"], len(self.training)
        if settings["drop_last"] or n % settings["batch_size"] != 1 % settings["batch_size"]:
            return
        image = torch.zeros(1, *self.training.image_shape, device=self.device)
        try:
            with torch.no_grad():
                copy.deepcopy(self.network).train()(image)
        except ValueError as error:
            raise InputError(
                f"training.batch_size: {settings['batch_size']} leaves one of {n} images for the last batch, and "
                f"batch normalisation needs more ({error}); choose another, or drop_last: true"
            ) from None

    def _augmentation(self, generator: torch.Generator) -> Augmentation | Recipe | None:
        settings = self.configuration["data"]["augmentation"]
        if settings == "none":
            return None
        if not is_recipe(settings):
            return Augmentation(settings, generator)
        return Recipe(
            settings,
            generator,
            size=self.training.image_shape[-1],
            mean=self.prepared.affine.pixel_mean,
            n_classes=class_count(self.configuration["model"]),
            label_smoothing=self.configuration["training"]["label_smoothing"],
            device=self.device,
        )

    def begin(self) -> None:
        """Make ready for the first epoch, where another method than NIST has to."""
        if self.method:
            self.method.begin()

    def start_optimizer(self, settings: dict) -> None:
        """Begin a phase with a fresh optimizer."""
        self.optimizer = optimizers.create(settings, self.network)

    def prune(self, sparsity: float) -> None:
        """Prune the layers that NIST sparsifies, once. Raises ``InputError`` for a setting that these cannot meet."""
        settings, module = self.configuration["training"]["pruning"], self.network.sparsified
        is_random = settings["magnitude"] == "random"
        ranking = {
            "scope": settings["scope"],
            "generator": seeds.generator(self.ranking) if is_random else None,
            "reachable": settings.get("reachable", False),
            "magnitude": "raw" if is_random else settings["magnitude"],
        }
        try:
            self._prune(module, sparsity, ranking)
        except ValueError as error:
            raise InputError(f"training.pruning: {error}") from None
        if isinstance(self.network, Classifier):  # a transformer's blocks are no chain
            self.tell("unreached_outputs", unreached_outputs(linear_modules(self.network.head)))

    def _prune(self, module: nn.Module, sparsity: float, ranking: dict) -> None:
        if not self.mask_stays:
            prune(module, sparsity, self.optimizer, **ranking)
            return
        pruned = copy.deepcopy(module)
        prune(pruned, sparsity, **ranking)
        for layer, other in zip(nist_layers(module), nist_layers(pruned), strict=True):
            remembered = optimizer_state.entrywise(layer.stored, self.optimizer.state.get(layer.stored, {}))
            for values in (layer.stored.data, *remembered.values()):
                values.mul_(other.mask)

    @property
    def mask_stays(self) -> bool:
        """Whether pruned weights are zeroed once, and train again: rows then count the weights that are not zero."""
        return self.configuration["training"]["pruning"].get("mask") == "stays"

    def measured_epoch(self) -> dict:
        """Train and validate once; see ``nist.metrics_file.SCHEMA`` for the measurements and their units.

        Beside them stands which validation images are right, as ``nist.correctness.packed`` has it.

        After it, ``state`` holds all that the rest of the run depends on. A run whose loss turns NaN or infinite is
        trained and recorded to its last epoch like any other, flagged.
        """
        started = time.perf_counter()
        train_loss, train_hits = self.train_epoch()
        val_loss, val_hits = self._evaluate(self.validation)
        self._test()
        rate, weights = self.optimizer.param_groups[0]["lr"], sparsified_weights(self.network.sparsified)
        if self.mask_stays:
            active = sum(int(layer.stored.count_nonzero()) for layer in nist_layers(self.network.sparsified))
            weights = active, weights[1]
        train = train_loss, train_hits.sum().item() / len(train_hits)
        return self.row(train, val_loss, val_hits, rate, weights, time.perf_counter() - started)

    def row(
        self,
        train: tuple[float, float],
        val_loss: float,
        val_hits: torch.Tensor,
        learning_rate: float,
        weights: tuple[int, int],
        seconds: float,
    ) -> dict:
        """Measurements of the epoch just trained.

        ``train`` is loss and accuracy, ``val_hits`` which validation images are right, ``weights`` active and dense.
        """
        if self.epoch == self.configuration["training"]["epochs"]:
            self._tell_at_the_end()
        self.diverged = self.diverged or not (math.isfinite(train[0]) and math.isfinite(val_loss))
        return {
            "epoch": self.epoch,
            "train_loss": train[0],
            "train_accuracy": train[1],
            "val_loss": val_loss,
            "val_accuracy": val_hits.sum().item() / len(val_hits),
            correctness.COLUMN: correctness.packed(val_hits.numpy(force=True)),
            "learning_rate": learning_rate,
            "active_weights": weights[0],
            "sparsity": 1 - weights[0] / weights[1],
            "seconds": seconds,
            "diverged": self.diverged,
        }

    def _tell_at_the_end(self) -> None:
        if self.method:
            self.tell("method", self.method.cost)
        if isinstance(self.network, Classifier) and sparsified_weights(self.network.head)[0] <= MOST_AUDITED:
            self.tell("paths", paths(linear_modules(self.network.head))._asdict())

    def state(self) -> dict[str, torch.Tensor]:
        """All that the rest of the run depends on: weights, masks, optimizer, random streams, epoch."""
        generators = {"order": self.order.get_state(), "torch": torch.get_rng_state()}
        if self.augmentation:
            generators["augmentation"] = self.augmentation.generator.get_state()
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "progress": torch.tensor([self.epoch, self.diverged]),
            **{f"generator.{name}": value for name, value in generators.items()},
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in optimizer_state.tensors(self.optimizer).items()},
            **{f"method.{name}": value for name, value in (self.method.state() if self.method else {}).items()},
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
        self.start_optimizer(starts[max(first for first in starts if first <= epoch)])
        optimizer_state.restore(self.optimizer, parts.get("optimizer", {}))
        if self.method:
            self.method.restore(parts["method"])
        self.order.set_state(parts["generator"]["order"])
        if self.augmentation:
            self.augmentation.generator.set_state(parts["generator"]["augmentation"])
        torch.set_rng_state(parts["generator"]["torch"])
        if "cuda" in parts["generator"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(parts["generator"]["cuda"], self.device)

    def train_epoch(self) -> tuple[float, torch.Tensor]:
        """Train once on all images; the mean loss, and which images were right."""
        settings, optimizer = self.configuration["training"], self.optimizer
        self.network.train()

        def step(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = training_loss(logits, targets, settings["label_smoothing"])
            optimizer.zero_grad()
            loss.backward()
            if not (self.method and self.method.moves()):
                optimizer.step()
            return loss.detach()

        batches = self.training.shuffled(settings["batch_size"], settings["drop_last"], self.order, self.augmentation)
        return self._mean(self._normalised(batches, isinstance(self.augmentation, Recipe)), step)

    @torch.no_grad()
    def _evaluate(self, images: Split | LoadedSplit) -> tuple[float, torch.Tensor]:
        self.network.eval()
        batches = images.in_order(evaluation_batch(images.image_shape))
        return self._mean(self._normalised(batches), F.cross_entropy)

    def _test(self) -> None:
        """Tell the accuracy on test images after each epoch, where others validate."""
        if self.prepared.test is not None:
            hits = self._evaluate(self.prepared.test)[1]
            self.tested[self.epoch] = hits.sum().item() / len(hits)
            self.tell("test_accuracy", dict(self.tested))

    def _normalised(self, batches: Iterator, finish: bool = False) -> Iterator:
        for images, labels in batches:
            images = self.prepared.normalise(images)
            yield self.augmentation.finish(images, labels) if finish else (images, labels)

    def _mean(self, batches: Iterator, loss_of: Callable) -> tuple[float, torch.Tensor]:
        """Mean loss over the images of ``batches``, and which are right; sums stay on the device until the end."""
        loss_sum, hits = torch.zeros((), dtype=torch.float64, device=self.device), []
        for images, targets in batches:
            with precision(self.configuration["training"]["precision"], self.device), self.operations:
                logits = self.network(images).float()
            loss_sum += loss_of(logits, targets) * len(targets)
            # Of a mixed image, the class that it shows most of.
            labels = targets.argmax(1) if targets.dim() == 2 else targets
            hits.append(logits.detach().argmax(1) == labels)
            beat()
        hits = torch.cat(hits)
        return loss_sum.item() / len(hits), hits


def training_loss(logits: torch.Tensor, targets: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Cross-entropy (U17) with labels (n,), smoothed, or with shares of classes (n, classes), smoothed when mixed."""
    return F.cross_entropy(logits, targets, label_smoothing=label_smoothing if targets.dim() == 1 else 0.0)


def evaluation_batch(image_shape: tuple[int, int, int]) -> int:
    """Images in a batch that is only evaluated."""
    return max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // (image_shape[1] * image_shape[2])))


def precision(name: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Arithmetic of the forward pass: bfloat16 autocast, or nothing, as TF32 is a switch of the whole process."""
    if name == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def linear_modules(module: nn.Module) -> list[nn.Linear | NISTLinear]:
    """The linear layers in ``module``, NIST or dense, in order."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | NISTLinear)]


def sparsified_weights(module: nn.Module) -> tuple[int, int]:
    """Active and dense weights of the linear layers in ``module``, biases not counted (N2)."""
    sparse = nist_layers(module)
    plain = sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, nn.Linear))
    return (
        plain + sum(layer.active_weights for layer in sparse),
        plain + sum(layer.dense_weights for layer in sparse),
    )

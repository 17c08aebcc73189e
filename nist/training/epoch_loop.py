"""The course of training: which epoch starts an optimizer, prunes, and at which learning rate it trains."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch

from nist.training import optimizers


class Scheduled(ABC):
    """Something trained by a configuration, epoch by epoch; ``epoch`` is the last one that it has trained."""

    configuration: dict
    epoch: int
    optimizer: torch.optim.Optimizer

    def begin(self) -> None:  # noqa: B027 (most need nothing)
        """Make ready for the first epoch."""

    @abstractmethod
    def start_optimizer(self, settings: dict) -> None:
        """Begin a phase with a fresh ``optimizer``."""

    @abstractmethod
    def prune(self, sparsity: float) -> None:
        """Prune once, and let the optimizer follow."""

    @abstractmethod
    def measured_epoch(self):
        """Train and validate once; the measurements."""

    def epochs(self, last: int) -> Iterator:
        """Train up to epoch ``last`` and yield the measurements of each.

        The prune at the end of an epoch (U29) is made when the next one begins, so that up to it the state is that of
        every configuration with the same trunk.
        """
        settings, pruning = self.configuration["training"], self.configuration["prune"]
        starts = optimizers.starts(settings)
        if self.epoch == 0:
            self.begin()
        while self.epoch < last:
            if pruning and self.epoch == pruning["epoch"]:
                self.prune(pruning["sparsity"])
            self.epoch += 1
            if self.epoch in starts:
                self.start_optimizer(starts[self.epoch])
            optimizers.set_learning_rate(self.optimizer, settings, self.epoch)
            yield self.measured_epoch()

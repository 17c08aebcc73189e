"""What the callbacks of training frameworks share."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from nist.sparse.optimizer_state import trains
from nist.sparse.prune import PruneOnce, nist_layers


class Pruning:
    """Prunes a model once in the course of training, as ``PruneOnce`` would, with the optimizer that trains it.

    ``settings`` are ``sparsity`` and ``epoch``, or ``plateau`` and ``share``, and ``scope``.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        PruneOnce(nn.Identity(), **settings)  # for its errors, before any training

    def check(self, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Raise ``ValueError``, when training starts, where a prune could not be followed."""
        layers = nist_layers(model)
        spread = torch.distributed.is_available() and torch.distributed.is_initialized()
        if spread and any(layer.form != "masked" or layer.is_automatic for layer in layers):
            raise ValueError(
                "a prune would change the shape of parameters that several processes share: "
                "nist.reform(model, 'masked') before training"
            )
        if sum(trains(each, [layer.stored for layer in layers]) for each in optimizers) > 1:
            raise ValueError(
                "several optimizers train NIST layers: prune what each trains by itself, with nist.PruneOnce in place "
                "of a callback"
            )

    def at(
        self, model: nn.Module, epoch: int, accuracy: float | None, optimizers: Sequence[torch.optim.Optimizer]
    ) -> int | None:
        """The weights kept, if this is the time to prune."""
        if "plateau" not in self.settings:
            accuracy = None  # which may be anything
        elif accuracy is None:
            return None  # no validation this time
        weights = [layer.stored for layer in nist_layers(model)]
        optimizer = next((each for each in optimizers if trains(each, weights)), None)
        return PruneOnce(model, **self.settings)(epoch, accuracy, optimizer)

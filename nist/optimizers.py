"""Which optimizer trains which epoch: Adam, and where the study says so, SGD with momentum for the rest."""

from math import floor
from typing import NamedTuple

import torch


class Phase(NamedTuple):
    """An optimizer's settings and the first epoch, counted from 1, that it trains."""

    first_epoch: int
    settings: dict


def phases(optimizers: list[dict], epochs: int) -> list[Phase]:
    """Split ``epochs`` by the optimizers' shares, each boundary rounded down (U32).

    Of 120 epochs, Adam with a share of 0.8 trains 1 to 96 and SGD 97 to 120.
    """
    result, share = [], 0.0
    for settings in optimizers:
        # The shares' sum can fall a rounding error short of a whole epoch.
        result.append(Phase(floor(share * epochs + 1e-9) + 1, settings))
        share += settings["share"]
    return result


def starts(training: dict) -> dict[int, dict]:
    """Settings of the optimizers of a study's ``training``, by the first epoch that each trains."""
    return {phase.first_epoch: phase.settings for phase in phases(training["optimizers"], training["epochs"])}


def create(settings: dict, parameters) -> torch.optim.Optimizer:
    """A fresh optimizer for ``parameters``, an iterable of tensors."""
    common = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"], "fused": True}
    if settings["name"] == "adam":
        return torch.optim.Adam(parameters, betas=tuple(settings["betas"]), eps=settings["epsilon"], **common)
    return torch.optim.SGD(parameters, momentum=settings["momentum"], **common)

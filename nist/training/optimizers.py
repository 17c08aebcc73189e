"""Which optimizer trains which epoch, at which learning rate: settings of a study's ``training``."""

from fnmatch import fnmatchcase
from math import floor
from typing import Any

import torch
from torch import nn

from nist.errors import InputError


def starts(training: dict) -> dict[int, dict]:
    """Settings of the optimizers of a study's ``training``, by the first epoch, counted from 1, that each trains.

    The epochs are split by the optimizers' shares, each boundary rounded down (U32): of 120, Adam with a share of 0.8
    trains 1 to 96 and SGD 97 to 120.
    """
    result, share = {}, 0.0
    for settings in training["optimizers"]:
        # The shares' sum can fall a rounding error short of a whole epoch.
        result[floor(share * training["epochs"] + 1e-9) + 1] = settings
        share += settings["share"]
    return result


def create(settings: dict, network: nn.Module) -> torch.optim.Optimizer:
    """A fresh optimizer for the parameters of ``network`` that are not frozen.

    AdamW leaves parameters whose names match a pattern of ``undecayed`` without weight decay (U44). Raises
    ``InputError`` for a pattern that no parameter matches, a frozen one either.
    """
    parameters = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    common = {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"], "fused": True}
    if settings["name"] == "sgd":
        return torch.optim.SGD(parameters.values(), momentum=settings["momentum"], **common)
    averages = {"betas": tuple(settings["betas"]), "eps": settings["epsilon"]}
    if settings["name"] == "adam":
        return torch.optim.Adam(parameters.values(), **averages, **common)
    for pattern in settings["undecayed"]:
        if not any(fnmatchcase(name, pattern) for name, _ in network.named_parameters()):
            raise InputError(f"training.optimizers: undecayed: pattern {pattern!r} matches no parameter of the model")
    undecayed = {name for name in parameters if any(fnmatchcase(name, each) for each in settings["undecayed"])}
    groups: list[dict[str, Any]] = [
        {"params": [parameters[name] for name in parameters if name not in undecayed]},
        {"params": [parameters[name] for name in parameters if name in undecayed], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, **averages, **common)


def set_learning_rate(optimizer: torch.optim.Optimizer, training: dict, epoch: int) -> None:
    """Give ``optimizer`` its learning rate for ``epoch``, counted from 1, by the schedule of a study's ``training``.

    It depends on the epoch alone, so a run that goes on from a checkpoint needs no state of a scheduler.
    """
    schedule = training["schedule"]
    if schedule == "constant":
        return
    from timm.scheduler import CosineLRScheduler  # takes seconds to import, and most studies do without

    arguments = {name: value for name, value in schedule.items() if name != "name"}
    CosineLRScheduler(optimizer, **arguments).step(epoch - 1)  # timm counts from 0

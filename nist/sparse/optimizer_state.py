"""What an optimizer remembers of a parameter's entries (momentum, averages), when a layer lays them out anew."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from nist.errors import InputError
from nist.sparse.linear import Entries, NISTLinear
from nist.sparse.optimizer_guard import works_by_entry, wrapped


def states(parameter: torch.Tensor, optimizer: torch.optim.Optimizer | None) -> list[dict[str, Any]]:
    """What the optimizer remembers of ``parameter``, and the optimizers that it wraps, as ``Lookahead`` does."""
    if optimizer is None:
        return []
    found = [each.state[parameter] for each in (optimizer, *wrapped(optimizer)) if parameter in each.state]
    return [*{id(state): state for state in found}.values()]


def entrywise(parameter: torch.Tensor, state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of ``state`` that have one number for each entry of ``parameter``, by name."""
    return {name: value for name, value in state.items() if torch.is_tensor(value) and value.shape == parameter.shape}


def tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Everything that the optimizer remembers, by the position of the parameter and the name of the quantity."""
    return {
        f"{position}.{name}": value
        for position, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state.get(parameter, {}).items()
        if torch.is_tensor(value)
    }


def restore(optimizer: torch.optim.Optimizer, remembered: dict[str, torch.Tensor]) -> None:
    """Put back what ``tensors`` gave, in the memory layout of the parameters: fused optimizers go by layout."""
    parameters = _parameters(optimizer)
    for key, value in remembered.items():
        position, _, name = key.partition(".")
        parameter = parameters[int(position)]
        if value.dim() and value.shape != parameter.shape:
            raise InputError(
                f"optimizer state of shape {tuple(value.shape)} for {tuple(parameter.shape)} weights; "
                "a layer has another form here than where training began: go on there, or start afresh"
            )
        like = torch.empty_like(parameter) if value.dim() else torch.empty_like(value, device=parameter.device)
        optimizer.state[parameter][name] = like.copy_(value)


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def check_trains(optimizer: torch.optim.Optimizer | None, weights: Sequence[torch.Tensor]) -> None:
    """Raise ``ValueError`` for something that is no optimizer, or one that holds none of ``weights``."""
    if optimizer is None:
        return
    if not (hasattr(optimizer, "param_groups") and hasattr(optimizer, "state")):
        raise ValueError(f"optimizer must be a torch optimizer, got {optimizer!r}")
    if not trains(optimizer, weights):
        raise ValueError("the optimizer trains none of the module's layers: is it another model's?")


def trains(optimizer: torch.optim.Optimizer, weights: Sequence[torch.Tensor]) -> bool:
    """Whether ``optimizer`` holds one of ``weights``."""
    held = {id(parameter) for parameter in _parameters(optimizer)}
    return any(id(weight) in held for weight in weights)


def check_follows(
    optimizer: torch.optim.Optimizer | None, layers: Sequence[NISTLinear], change: str, keeping: Sequence[str]
) -> None:
    """Raise ``ValueError`` if what ``optimizer`` remembers of ``layers`` cannot follow a ``change`` of their shapes.

    Layers of a form in ``keeping`` keep theirs.
    """
    if optimizer is None or works_by_entry(optimizer):
        return
    for layer in layers:
        remembered = [value for state in states(layer.stored, optimizer) for value in state.values()]
        if layer.form not in keeping and any(map(torch.is_tensor, remembered)):
            raise ValueError(
                f"{type(optimizer).__name__} treats a weight as a whole, and what it remembers cannot follow the "
                f"{change} of a {layer.form} layer: {change} without optimizer=, and make it anew afterwards"
            )


def carry(layer: NISTLinear, optimizer: torch.optim.Optimizer | None, change: Callable[[Entries], Entries]) -> None:
    """``change`` the layer, and with it the optimizer's entries for it."""
    remembered = states(layer.stored, optimizer)
    entries = {
        (place, name): value
        for place, state in enumerate(remembered)
        for name, value in entrywise(layer.stored, state).items()
    }
    for (place, name), value in change(entries).items():
        remembered[place][name] = value

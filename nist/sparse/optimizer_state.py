"""What an optimizer remembers of a parameter's entries (momentum, averages), when a layer lays them out anew."""

from collections.abc import Callable

import torch

from nist.errors import InputError
from nist.sparse.linear import NISTLinear


def entrywise(parameter: torch.Tensor, optimizer: torch.optim.Optimizer | None) -> dict[str, torch.Tensor]:
    """The optimizer's tensors that have one number for each entry of ``parameter``, by name."""
    state = {} if optimizer is None else optimizer.state.get(parameter, {})
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


def carry(
    layer: NISTLinear,
    optimizer: torch.optim.Optimizer | None,
    change: Callable[[], None],
    kept: torch.Tensor | slice = slice(None),
) -> None:
    """``change`` the layer, which keeps the connections ``kept``, and let the optimizer's entries follow them."""
    entries = {name: layer.values(value) for name, value in entrywise(layer.weight, optimizer).items()}
    inputs, outputs = layer.connections()
    change()
    if optimizer is not None:
        for name, values in entries.items():
            optimizer.state[layer.weight][name] = layer.arranged(inputs[kept], outputs[kept], values[kept])

"""What an optimizer remembers of a parameter's entries (momentum, averages), when a layer lays them out anew."""

from collections.abc import Callable

import torch

from nist.linear import NISTLinear


def entrywise(parameter: torch.Tensor, optimizer: torch.optim.Optimizer | None) -> dict[str, torch.Tensor]:
    """The optimizer's tensors that have one number for each entry of ``parameter``, by name."""
    state = {} if optimizer is None else optimizer.state.get(parameter, {})
    return {name: value for name, value in state.items() if torch.is_tensor(value) and value.shape == parameter.shape}


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
    for name, values in entries.items():
        optimizer.state[layer.weight][name] = layer.arranged(inputs[kept], outputs[kept], values[kept])

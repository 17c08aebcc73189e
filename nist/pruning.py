"""The one-shot magnitude prune of section 3.1."""

import warnings

import torch
from torch import nn

from nist.linear import NISTLinear
from nist.mask import kept_weights


def nist_layers(module: nn.Module) -> list[NISTLinear]:
    """The NIST layers of ``module``, in the order of ``module.modules()``."""
    return [layer for layer in module.modules() if isinstance(layer, NISTLinear)]


def largest(magnitudes: torch.Tensor, rank: torch.Tensor, n: int) -> torch.Tensor:
    """Boolean mask, shaped like the 1-D ``magnitudes``, of the ``n`` largest; of equals, those of lower ``rank``."""
    by_rank = torch.argsort(rank)
    order = by_rank[torch.sort(magnitudes[by_rank], descending=True, stable=True).indices]
    keep = torch.zeros_like(magnitudes, dtype=torch.bool)
    keep[order[:n]] = True
    return keep


@torch.no_grad()
def prune(
    module: nn.Module, sparsity: float, optimizer: torch.optim.Optimizer | None = None, scope: str = "global"
) -> int:
    """Prune the NIST layers of ``module`` once to ``sparsity`` and return the number of weights kept.

    Of all active weights the floor((1 - sparsity) · n_dense) largest by absolute value stay, where n_dense counts the
    dense size of every NIST layer (one global budget: assumptions U26, B8); with ``scope="layer"`` the same is done in
    each layer by itself. Ties go to the lower index, by layer, then input, then output, whatever the layers' forms.
    Biases are neither pruned nor counted (U19). A banded layer that loses a weight becomes a compressed one.

    ``optimizer`` is the one that trains the module, if there is one: its running averages lose the pruned weights too,
    and follow where a parameter changes its shape.

    One ranking over layers of different scales can take every weight of one of them; a warning then names it.

    Raises ``ValueError``, and changes nothing, if there is no NIST layer, if one has been pruned before, if fewer
    weights are active than the target keeps, or for another scope.
    """
    layers = nist_layers(module)
    if not layers:
        raise ValueError("nothing to prune: the module has no NIST layer (a dense layer is one with k = n_out)")
    if any(layer.is_pruned for layer in layers):
        raise ValueError("already pruned: the method prunes once")
    if scope not in ("global", "layer"):
        raise ValueError(f"unknown scope {scope!r}; there are global and layer")
    groups = [layers] if scope == "global" else [[layer] for layer in layers]
    budgets = [_budget(group, sparsity) for group in groups]
    for group, n_keep in zip(groups, budgets, strict=True):
        values = [layer.values() for layer in group]
        keep = largest(torch.cat(values).abs(), _ranks(group), n_keep)
        for layer, kept in zip(group, keep.split([len(value) for value in values]), strict=True):
            _keep(layer, kept, optimizer)
    for layer in layers:
        if layer.active_weights == 0:
            warnings.warn(f"the prune left nothing of {layer}", stacklevel=2)
    return sum(budgets)


def _budget(layers: list[NISTLinear], sparsity: float) -> int:
    """Number of weights that a prune of ``layers`` together keeps."""
    n_keep = kept_weights(sum(layer.dense_weights for layer in layers), sparsity)
    n_active = sum(layer.active_weights for layer in layers)
    if n_keep > n_active:
        raise ValueError(f"sparsity {sparsity} would keep {n_keep} weights, but only {n_active} are active")
    return n_keep


def _ranks(layers: list[NISTLinear]) -> torch.Tensor:
    """Position of every active weight when all are sorted by layer, then input, then output."""
    ranks, start = [], 0
    for layer in layers:
        inputs, outputs = layer.connections()
        ranks.append(start + inputs * layer.out_features + outputs)
        start += layer.dense_weights
    return torch.cat(ranks)


def _keep(layer: NISTLinear, kept: torch.Tensor, optimizer: torch.optim.Optimizer | None) -> None:
    """Drop connections of a layer, and let the optimizer's per-weight state (momentum, averages) follow them."""
    state = optimizer.state.get(layer.weight, {}) if optimizer is not None else {}
    shape = layer.weight.shape
    followers = {
        name: layer.values(value) for name, value in state.items() if torch.is_tensor(value) and value.shape == shape
    }
    connections = layer.connections()
    layer.keep(kept)
    for name, values in followers.items():
        state[name] = layer.arranged(*(index[kept] for index in connections), values[kept])

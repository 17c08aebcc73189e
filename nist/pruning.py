"""The one-shot magnitude prune of section 3.1."""

import torch
from torch import nn

from nist.linear import NISTLinear
from nist.mask import kept_weights


def nist_layers(module: nn.Module) -> list[NISTLinear]:
    """The NIST layers of ``module``, in the order of ``module.modules()``."""
    return [layer for layer in module.modules() if isinstance(layer, NISTLinear)]


def largest(magnitudes: torch.Tensor, n: int) -> torch.Tensor:
    """Boolean mask, shaped like the 1-D ``magnitudes``, of its ``n`` largest entries; of equals, the first ones."""
    order = torch.sort(magnitudes, descending=True, stable=True).indices
    keep = torch.zeros_like(magnitudes, dtype=torch.bool)
    keep[order[:n]] = True
    return keep


@torch.no_grad()
def prune(module: nn.Module, sparsity: float, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Prune the NIST layers of ``module`` together to ``sparsity`` and return the number of weights kept.

    Of all active weights the floor((1 - sparsity) · n_dense) largest by absolute value stay, where n_dense counts the
    dense size of every NIST layer (one global budget: assumptions U26, B8). Ties go to the lower index, by layer, then
    input, then output. Biases are neither pruned nor counted (U19). With ``optimizer``, its running averages of
    pruned weights are zeroed too, so that momentum cannot move a weight off zero.

    Raises ``ValueError`` if there is no NIST layer, or if fewer weights are active than the target keeps.
    """
    layers = nist_layers(module)
    if not layers:
        raise ValueError("nothing to prune: the module has no NIST layer (a dense layer is one with k = n_out)")
    n_keep = kept_weights(sum(layer.weight.numel() for layer in layers), sparsity)
    n_active = sum(layer.active_weights for layer in layers)
    if n_keep > n_active:
        raise ValueError(f"sparsity {sparsity} would keep {n_keep} weights, but only {n_active} are active")

    # Transposed, so that row-major order is (input, output); an inactive weight ranks below every active one.
    magnitudes = [layer.weight.abs().masked_fill(~layer.mask, -1.0).T.flatten() for layer in layers]
    keep = largest(torch.cat(magnitudes), n_keep).split([m.numel() for m in magnitudes])
    for layer, kept in zip(layers, keep, strict=True):
        layer.restrict(kept.view(layer.in_features, layer.out_features).T)
        if optimizer is not None:
            _clear_state(optimizer, layer)
    return n_keep


def _clear_state(optimizer: torch.optim.Optimizer, layer: NISTLinear) -> None:
    """Zero the optimizer's per-weight state (momentum, Adam's averages) outside the layer's mask."""
    for value in optimizer.state.get(layer.weight, {}).values():
        if torch.is_tensor(value) and value.shape == layer.weight.shape:
            value.mul_(layer.mask)

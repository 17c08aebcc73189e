"""What a model's NIST layers really are: counts, densities and fan-ins, layer by layer, and paths through them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from nist.sparse.effective import effective_weights, reached_outputs
from nist.sparse.linear import NISTLinear


class LayerAudit(NamedTuple):
    """One NIST layer; ``unconnected`` outputs have no input left, ``unused`` inputs lead nowhere.

    ``effective`` weights are on a path through the layers that follow each other; see ``nist.summary``.
    """

    name: str
    form: str
    n_in: int
    n_out: int
    k: int
    active_weights: int
    sparsity: float
    unconnected: int
    unused: int
    fan_in_min: int
    fan_in_median: float
    fan_in_max: int
    effective: int


def audit(module: nn.Module) -> list[LayerAudit]:
    """Audit every NIST layer of ``module``, in the order of ``module.named_modules()``.

    Eq. 1 leaves outputs without input where n_out > n_in + k - 1 (assumption D8), and a prune can cut off more: what
    such a unit puts out is its bias, and the weights behind it are wasted.
    """
    effective = effective_weights(module)
    return [
        _audit(name, layer, effective[layer]) for name, layer in module.named_modules() if isinstance(layer, NISTLinear)
    ]


def unreached_outputs(layers: Sequence[nn.Linear | NISTLinear]) -> int:
    """Outputs of a chain of linear layers that no path of active weights joins to an input of the first.

    Such an output is the same whatever the input, and a class of a classifier that no image speaks for. ``layers`` are
    ``nn.Linear`` or NIST layers in order, each fed by the one before it, feature by feature.
    """
    return int((~reached_outputs(layers)[-1]).sum())


def _audit(name: str, layer: NISTLinear, effective: int) -> LayerAudit:
    inputs, outputs = layer.connections()
    fan_in = torch.bincount(outputs, minlength=layer.out_features)
    fan_out = torch.bincount(inputs, minlength=layer.in_features)
    return LayerAudit(
        name=name,
        form=layer.form,
        n_in=layer.in_features,
        n_out=layer.out_features,
        k=layer.k,
        active_weights=layer.active_weights,
        sparsity=1 - layer.active_weights / layer.dense_weights,
        unconnected=int((fan_in == 0).sum()),
        unused=int((fan_out == 0).sum()),
        fan_in_min=int(fan_in.min()),
        fan_in_median=float(fan_in.double().quantile(0.5)),
        fan_in_max=int(fan_in.max()),
        effective=effective,
    )

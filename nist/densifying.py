"""Taking NIST out of a model again, so that anything that knows ``nn.Linear`` can export it."""

import copy

import torch
from torch import nn

from nist.linear import NISTLinear


def densify(module: nn.Module) -> nn.Module:
    """A copy of ``module`` with a plain ``nn.Linear`` in place of every NIST layer, computing the same.

    Masked and pruned weights are explicit zeros in it. Training mode, devices and data types are kept, and ``module``
    itself is left as it is.
    """
    if isinstance(module, NISTLinear):
        return _linear(module)
    dense = copy.deepcopy(module)
    for parent in list(dense.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NISTLinear):
                setattr(parent, name, _linear(child))
    return dense


def _linear(layer: NISTLinear) -> nn.Linear:
    weight = layer.dense_weight()
    linear = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, weight.device, weight.dtype)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if layer.bias is not None:
            linear.bias.copy_(layer.bias)
    return linear.train(layer.training)

"""Taking NIST out of a model again, so that anything that knows ``nn.Linear`` can export it."""

import copy

from torch import nn

from nist.sparse.prune import nist_layers
from nist.sparse.sparsify import replaced


def densify(module: nn.Module) -> nn.Module:
    """A copy of ``module`` that computes the same, with an ``nn.Linear`` (or the convolution it was) for a NIST layer.

    Masked and pruned weights are explicit zeros in it. Training mode, devices, data types and ``requires_grad`` are
    kept, hooks of NIST layers are not, and ``module`` itself is left as it is.
    """
    dense = copy.deepcopy(module)
    return replaced(dense, {layer: layer.dense() for layer in nist_layers(dense)})

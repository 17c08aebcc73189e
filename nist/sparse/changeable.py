"""What a model must not be in the middle of when its layers change."""

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from nist.sparse.linear import NISTLinear


def check_changeable(module: nn.Module, change: str) -> None:
    """Raise ``ValueError`` if a ``DistributedDataParallel`` wrapper is in ``module``: it holds parameters as they were.

    So too in inference mode, whose tensors no later step can train, and for a NIST layer whose weight is parametrized,
    made anew in every step of what the layer cannot change. ``change`` is what was asked for, a verb.
    """
    if any(isinstance(each, nn.parallel.DistributedDataParallel) for each in module.modules()):
        raise ValueError(
            f"keep the module inside DistributedDataParallel, delete the wrapper, {change}, and wrap it again"
        )
    if torch.is_inference_mode_enabled():
        raise ValueError(f"{change} outside torch.inference_mode: weights made in it cannot be trained")
    for name, layer in module.named_modules():
        if isinstance(layer, NISTLinear) and is_parametrized(layer):
            raise ValueError(
                f"the weight of {name or 'the layer'} is parametrized: remove that, {change}, and put it back"
            )

"""Changing the form of a model's NIST layers, and taking NIST out of a model again."""

from functools import partial

import torch
from torch import nn

from nist.sparse.checks import check_changeable
from nist.sparse.effective import lay_out
from nist.sparse.hugging_face import restore
from nist.sparse.linear import check_form
from nist.sparse.optimizer_state import carry, check_follows, check_trains
from nist.sparse.prune import nist_layers
from nist.sparse.sharded import plain_copy
from nist.sparse.sparsify import replaced


def reform(
    module: nn.Module, form: str = "auto", rows: int | None = None, optimizer: torch.optim.Optimizer | None = None
) -> nn.Module:
    """Give every NIST layer of ``module`` another form, in place, and return the module; nothing it computes changes.

    With ``auto`` the cheapest for ``rows`` rows a batch (as before, if not given) on the device that the module is on
    now. A pruned layer cannot be banded or blocked: it becomes compressed. ``optimizer`` as in ``nist.prune``.
    Raises ``ValueError``, and changes nothing, for an unknown form, rows below 1, a wrapped replica, in inference mode.
    """
    check_form(form, rows)
    check_changeable(module, "reform")
    layers = nist_layers(module)
    check_trains(optimizer, [layer.stored for layer in layers])
    check_follows(optimizer, layers, "reform", keeping=[form])
    for layer in layers:
        carry(layer, optimizer, partial(layer.change_form, form, rows))
    lay_out(module)
    return module


def densify(module: nn.Module) -> nn.Module:
    """A copy of ``module`` that computes the same without NIST, for anything that knows ``nn.Linear`` to export.

    An ``nn.Linear``, or the convolution that it was, takes the place of each NIST layer, with explicit zeros for masked
    and pruned weights. Training mode, devices, data types and ``requires_grad`` are kept, hooks of NIST layers are not,
    and ``module`` itself is left as it is.
    """
    dense = plain_copy(module)
    for each in list(dense.modules()):
        restore(each)
    return replaced(dense, {layer: layer.dense() for layer in nist_layers(dense)})

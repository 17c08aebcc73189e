"""NIST layers inside ``DistributedDataParallel``, which sums gradients of the shapes that it found when it was made."""

from weakref import WeakKeyDictionary, ref

import torch
from torch.nn.parallel import DistributedDataParallel

from nist.sparse.storage import Stored

_last: WeakKeyDictionary[Stored, tuple[ref[DistributedDataParallel], torch.Size]] = WeakKeyDictionary()


def check_replica(layer: Stored) -> None:
    """Raise ``ValueError`` in the forward pass of a wrapper that knew ``layer``'s parameter in another shape."""
    wrapper = DistributedDataParallel._active_ddp_module
    if wrapper is None or torch.compiler.is_compiling():
        return
    shape = layer.stored.shape
    known, before = _last.get(layer, (None, shape))
    if known is not None and known() is wrapper and before != shape:
        raise ValueError(
            "this DistributedDataParallel wrapper was made before a change of its module's parameters: delete it, and "
            "wrap the module again"
        )
    _last[layer] = ref(wrapper), shape

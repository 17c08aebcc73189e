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
    if known is None or known() is not wrapper:
        changed = _size_when_made(wrapper) not in (None, _size(wrapper))
    else:
        changed = before != shape
    if changed:
        raise ValueError(
            "this DistributedDataParallel wrapper was made before a change of its module's parameters: delete it, and "
            "wrap the module again"
        )
    _last[layer] = ref(wrapper), shape


def _size_when_made(wrapper: DistributedDataParallel) -> int | None:
    """Bytes of the parameters that the wrapper found, as its log has them."""
    return wrapper._get_ddp_logging_data().get("total_parameter_size_bytes")


def _size(wrapper: DistributedDataParallel) -> int:
    return sum(each.nbytes for each in wrapper.module.parameters() if each.requires_grad)

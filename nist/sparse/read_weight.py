"""``layer.weight`` of a NIST layer, for modules that read the weight themselves instead of calling the layer.

Attention with biases of its own reads it (timm's BEiT, torchvision's Swin), and so does whoever ties, plots or measures
weights. They get what ``nn.Linear`` would have: the dense weight, masked, with its gradient.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

_TENSOR: Any = torch.Tensor  # whose attributes type checkers know as values, and are descriptors
# What is answered without the values.
FACTS = {
    *(getattr(torch.Tensor, name).__get__ for name in ("shape", "dtype", "device", "layout", "ndim", "is_meta")),
    *(_TENSOR.is_cuda.__get__, torch.Tensor.size, torch.Tensor.dim, torch.Tensor.ndimension, torch.Tensor.numel),
    *(torch.Tensor.__len__, torch.Tensor.is_floating_point, torch.Tensor.is_complex),
}
REQUIRES_GRAD = _TENSOR.requires_grad.__get__, _TENSOR.requires_grad.__set__
HOOKS = ("register_hook", "register_post_accumulate_grad_hook", "retain_grad")
GRAD = _TENSOR.grad.__get__
DETACHED = _TENSOR.detach, _TENSOR.data.__get__
COMPUTED = (
    "the weight of a NIST layer is computed when it is read. To change it, write to the parameter, layer.stored, or "
    "load a state dict. It takes no parametrization, spectral or weight norm or torch.nn.utils.prune, is shared with "
    "no other module, and FullyShardedDataParallel cannot flatten it: fully_shard can shard it"
)


class ReadWeight(torch.Tensor):
    """The dense weight of a NIST layer, shape ``(n_out, n_in)``, computed from the layer's parameter where it is used.

    Its shape, type and device cost nothing; all else is an operation on the computed tensor. Writing into that would
    be lost, and raises ``ValueError``.
    """

    _parameter: torch.Tensor
    _compute: Callable[[torch.Tensor], torch.Tensor]
    one: Callable[[int | torch.Tensor], torch.Tensor] | None = None  # an entry of the first dimension, computed alone

    @staticmethod
    def of(
        parameter: torch.Tensor, shape: Iterable[int], compute: Callable[[torch.Tensor], torch.Tensor]
    ) -> "ReadWeight":
        """What ``compute`` makes of ``parameter``, or of its gradient; ``shape`` is the result's."""
        made = torch.Tensor._make_wrapper_subclass(
            ReadWeight, tuple(shape), dtype=parameter.dtype, device=parameter.device
        )
        made._parameter, made._compute = parameter, compute
        return made

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: Iterable[type], args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if function in FACTS:
                return function(*args, **kwargs)
            weight: Any = args[0] if args else None
            if function in (torch.Tensor.requires_grad_, *REQUIRES_GRAD):
                return function(weight._parameter, *args[1:], **kwargs)
            if function == GRAD:
                gradient = weight._parameter.grad
                return None if gradient is None else cls.of(gradient, weight.shape, weight._compute)
            if function in DETACHED:
                return cls.of(weight._parameter.detach(), weight.shape, weight._compute)
            if function == torch.Tensor.__getitem__ and _is_number(args[1]) and getattr(weight, "one", None):
                return weight.one(args[1])
            _check_reading(function, args, kwargs)
            args, kwargs = tree_map_only(ReadWeight, _computed, (args, kwargs))
            return function(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(cls, operator: Any, *_: object) -> Any:
        """What went past ``__torch_function__``, where a gradient would be lost."""
        raise ValueError(f"{operator}: {COMPUTED}")


def _is_number(index: object) -> bool:
    return isinstance(index, int) or (isinstance(index, torch.Tensor) and index.dim() == 0)


def _computed(weight: ReadWeight) -> torch.Tensor:
    return weight._compute(weight._parameter)


def _check_reading(function: Callable, args: tuple, kwargs: Mapping[str, Any]) -> None:
    """By torch's own convention: what changes its first argument ends in one underscore."""
    name = function.__name__
    changes = name in HOOKS or (name.endswith("_") and not name.endswith("__"))
    changes |= name in ("__setitem__", "__set__") or (name.startswith("__i") and hasattr(torch.Tensor, f"__{name[3:]}"))
    written = [*args, *kwargs.values()][:1] if changes else []
    if any(isinstance(each, ReadWeight) for each in tree_leaves([written, kwargs.get("out")])):
        raise ValueError(f"{name}: {COMPUTED}")

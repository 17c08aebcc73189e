"""``layer.weight`` of a NIST layer, for modules that read the weight themselves instead of calling the layer.

Attention with biases of its own reads it (timm's BEiT, torchvision's Swin), and so does whoever ties, plots or measures
weights. They get what ``nn.Linear`` would have: the dense weight, masked, with its gradient.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from functools import partial
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
# What nn.Linear's weight would share its memory with. A view of the computed weight is computed when it is used, too.
VIEWS = {
    *(_TENSOR.T.__get__, _TENSOR.mT.__get__, _TENSOR.t, _TENSOR.transpose, _TENSOR.permute, _TENSOR.view),
    *(_TENSOR.__getitem__, _TENSOR.select, _TENSOR.narrow, _TENSOR.unsqueeze, _TENSOR.squeeze, _TENSOR.flatten),
    *(_TENSOR.reshape, _TENSOR.unflatten, _TENSOR.view_as, torch.t, torch.transpose, torch.permute),
}
SCALINGS = {_TENSOR.mul_, _TENSOR.div_}
HOOKS = ("register_hook", "register_post_accumulate_grad_hook", "retain_grad")
DIFFERENTIATED = {torch.autograd.grad, torch.autograd.backward, _TENSOR.backward}
GRAD = _TENSOR.grad.__get__
DETACHED = _TENSOR.detach, _TENSOR.data.__get__
COMPUTED = (
    "the weight of a NIST layer is computed when it is read. To change it, write to the parameter, layer.stored, or "
    "load a state dict. It takes no parametrization, spectral or weight norm or torch.nn.utils.prune, is shared with "
    "no other module, and FullyShardedDataParallel cannot flatten it: fully_shard can shard it"
)


class ReadWeight(torch.Tensor):
    """The dense weight of a NIST layer, shape ``(n_out, n_in)``, computed from the layer's parameter where it is used.

    Its shape, type and device cost nothing; all else is an operation on the computed tensor. Multiplying it by a number
    in place multiplies the parameter. Other writing into it, or into a view of it, would be lost, and raises
    ``ValueError``.
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
                if function != REQUIRES_GRAD[0] and not isinstance(weight._parameter, torch.nn.Parameter):
                    raise ValueError(f"requires_grad: {COMPUTED}")
                return function(weight._parameter, *args[1:], **kwargs)
            if function == GRAD:
                gradient = weight._parameter.grad
                return None if gradient is None else cls.of(gradient, weight.shape, weight._compute)
            if function in DETACHED:
                return cls.of(weight._parameter.detach(), weight.shape, weight._compute)
            if function == torch.Tensor.__getitem__ and _is_number(args[1]) and getattr(weight, "one", None):
                return weight.one(args[1])
            if function in VIEWS and (shape := _shape_of_view(function, weight, args[1:], kwargs)) is not None:
                return cls.of(weight._parameter, shape, partial(_viewed, weight._compute, function, args[1:], kwargs))
            if function in SCALINGS and isinstance(args[1], int | float) and not _is_view(weight):
                return function(weight._parameter, *args[1:], **kwargs)  # for weight *= 2 to assign
            _check_reading(function, args, kwargs)
            args, kwargs = tree_map_only(ReadWeight, _computed, (args, kwargs))
            result = function(*args, **kwargs)
            if function == torch.Tensor.numpy:
                result.flags.writeable = False
            return result

    def __deepcopy__(self, memo: dict[int, Any]) -> "ReadWeight":
        """Of the copied layer, where the layer is copied with it."""
        parameter, compute = copy.deepcopy((self._parameter, self._compute), memo)
        return ReadWeight.of(parameter, self.shape, compute)

    @classmethod
    def __torch_dispatch__(cls, operator: Any, *_: object) -> Any:
        """What went past ``__torch_function__``, where a gradient would be lost."""
        raise ValueError(f"{operator}: {COMPUTED}")


def _shape_of_view(function: Callable, weight: object, given: tuple, kwargs: Mapping[str, Any]) -> torch.Size | None:
    """The shape of what ``function`` makes of ``weight``, if that is a view."""
    if not isinstance(weight, ReadWeight) or any(map(torch.is_tensor, tree_leaves((given, kwargs)))):
        return None
    view = function(torch.empty(weight.shape, device="meta"), *given, **kwargs)
    return view.shape if view._is_view() else None


def _is_view(weight: object) -> bool:
    return not isinstance(weight, ReadWeight) or isinstance(weight._compute, partial)


def _viewed(
    compute: Callable[[torch.Tensor], torch.Tensor],
    function: Callable,
    given: tuple,
    kwargs: Mapping[str, Any],
    stored: torch.Tensor,
) -> torch.Tensor:
    return function(compute(stored), *given, **kwargs)


def _is_number(index: object) -> bool:
    return isinstance(index, int) or (isinstance(index, torch.Tensor) and index.dim() == 0)


def _computed(weight: ReadWeight) -> torch.Tensor:
    return weight._compute(weight._parameter)


def _check_reading(function: Callable, args: tuple, kwargs: Mapping[str, Any]) -> None:
    """By torch's own convention: what changes its first argument ends in one underscore."""
    name = function.__name__
    if function in DIFFERENTIATED and any(isinstance(each, ReadWeight) for each in tree_leaves((args[1:], kwargs))):
        raise ValueError(f"{name}: the weight of a NIST layer is computed: differentiate by layer.stored")
    changes = name in HOOKS or (name.endswith("_") and not name.endswith("__"))
    changes |= name in ("__setitem__", "__set__") or (name.startswith("__i") and hasattr(torch.Tensor, f"__{name[3:]}"))
    written = [*args, *kwargs.values()][:1] if changes else []
    if any(isinstance(each, ReadWeight) for each in tree_leaves([written, kwargs.get("out")])):
        raise ValueError(f"{name}: {COMPUTED}")

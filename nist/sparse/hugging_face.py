"""Linear layers that the transformers library writes in its own way: ``Conv1D``, and experts fused into one tensor."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

from nist.sparse.linear import NISTLinear
from nist.sparse.read_weight import ReadWeight

CONV1D = "transformers.pytorch_utils.Conv1D"


def is_conv1d(module: nn.Module) -> bool:
    """Whether ``module`` is GPT-2's ``Conv1D``, a linear layer whose weight is transposed."""
    return f"{type(module).__module__}.{type(module).__name__}" == CONV1D


class NISTConv1D(NISTLinear):
    """A NIST layer in place of a ``Conv1D``; made by ``from_dense``."""

    def flat(self, dense: torch.Tensor) -> torch.Tensor:
        return dense.T

    def unflat(self, dense: torch.Tensor) -> torch.Tensor:
        return dense.T

    def dense(self) -> nn.Module:
        """A plain ``Conv1D`` that computes the same; masked and pruned weights are explicit zeros in it."""
        from transformers.pytorch_utils import Conv1D

        weight = self.dense_weight().detach()
        plain = Conv1D(self.out_features, self.in_features).to(weight.device, weight.dtype)
        return self._fill(plain, weight)


class NISTExperts(NISTLinear):
    """The weights of experts fused into one tensor, ``(experts, n_out, n_in)`` or transposed, with a band each.

    Their module reads the masked weight under its own name and multiplies with it, so they stay ``masked``. Made by
    ``from_dense``.
    """

    is_transposed: bool

    def _look_at(self, dense: nn.Module) -> None:
        self.is_transposed = dense.is_transposed  # type: ignore[assignment]

    def _possible(self, form: str, n: int) -> str:
        return "masked"

    def read(self) -> torch.Tensor:
        """The masked weight of all experts, in the layout that their module knows, or of one of them by its index."""
        weight = self.weight
        if isinstance(weight, ReadWeight):
            weight.one = self._one
        return weight

    def _one(self, expert: int | torch.Tensor) -> torch.Tensor:
        stored, mask = (each.unflatten(0, (self.dense_shape[0], -1))[expert] for each in (self.stored, self.mask))
        weight = stored * mask
        return weight.T if self.is_transposed else weight

    def flat(self, dense: torch.Tensor) -> torch.Tensor:
        return (dense.transpose(1, 2) if self.is_transposed else dense).flatten(0, 1)

    def unflat(self, dense: torch.Tensor) -> torch.Tensor:
        experts = dense.unflatten(0, (self.dense_shape[0], -1))
        return experts.transpose(1, 2) if self.is_transposed else experts

    def parameter(self) -> nn.Parameter:
        """The dense parameter that computes the same."""
        return nn.Parameter(self.unflat(self.dense_weight().detach()).contiguous(), self.stored.requires_grad)


def experts_of(module: nn.Module) -> list[str]:
    """The names of the parameters of ``module`` that hold fused experts.

    By what transformers gives such a module: whether its weights are transposed, and their number.
    """
    number = getattr(module, "num_experts", None)
    if not hasattr(module, "is_transposed") or number is None:
        return []
    return [name for name, value in module.named_parameters(recurse=False) if value.dim() == 3 and len(value) == number]


def install(owner: nn.Module, attribute: str, layer: NISTExperts) -> None:
    """Let ``owner.<attribute>`` read the masked weight of ``layer``, which becomes a module of ``owner``."""
    kind, names = _installed(owner)
    del owner._parameters[attribute]
    owner.add_module(_place(attribute), layer)
    owner.__class__ = _reading(kind, (*names, attribute))
    owner.register_load_state_dict_pre_hook(_Renamed(attribute))


def restore(owner: nn.Module) -> None:
    """Give ``owner`` plain parameters again, if it has NIST experts."""
    kind, names = _installed(owner)
    owner.__class__ = kind
    for name in names:
        layer = owner._modules.pop(_place(name))
        owner.register_parameter(name, layer.parameter())  # type: ignore[union-attr,operator]
    for key, hook in list(owner._load_state_dict_pre_hooks.items()):
        if isinstance(getattr(hook, "hook", None), _Renamed):
            del owner._load_state_dict_pre_hooks[key]


def _place(attribute: str) -> str:
    return f"nist_{attribute}"


def _installed(owner: nn.Module) -> tuple[type, tuple[str, ...]]:
    return getattr(owner, "_without_nist", (type(owner), ()))


@cache
def _reading(kind: type, names: tuple[str, ...]) -> type:
    """A subclass of ``kind`` that reads weights from the layers installed for ``names``, to be copied and pickled."""
    body: dict[str, Any] = {name: property(_reader(name)) for name in names}
    body |= {"_without_nist": (kind, names), "__reduce_ex__": _reduced}
    return type(f"NIST{kind.__name__}", (kind,), body)


def _reader(name: str) -> Callable[[nn.Module], torch.Tensor]:
    return lambda owner: owner._modules[_place(name)].read()  # type: ignore[union-attr,operator]


def _reduced(owner: Any, protocol: int) -> tuple:
    return _empty, owner._without_nist, vars(owner)


def _empty(kind: type, names: tuple[str, ...]) -> Any:
    made: Any = _reading(kind, names)
    return made.__new__(made)


class _Renamed:
    """Before a state is loaded: a dense tensor goes to the layer that has its place."""

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute

    def __call__(self, _module: nn.Module, state: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
        if prefix + self.attribute in state:
            state[f"{prefix}{_place(self.attribute)}.weight"] = state.pop(prefix + self.attribute)

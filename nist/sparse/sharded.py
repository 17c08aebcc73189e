"""NIST layers whose parameters ``torch.distributed.fsdp.fully_shard`` has spread over processes (FSDP2)."""

import copy
from typing import Any

import torch
from torch import nn

OF_FSDP = ("__composable_api_state_key", "_is_fsdp", "_fsdp")  # attributes


def is_sharded(tensor: torch.Tensor) -> bool:
    """Whether ``tensor`` is a DTensor, of which every process holds a part."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor``, gathered if it is sharded; all processes call this together."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]


@torch.no_grad()
def zero_outside(tensor: torch.Tensor, mask: torch.Tensor) -> None:
    """Zero the entries of ``tensor`` where the ``mask`` of its shape is false, on a sharded one in its own part."""
    if is_sharded(tensor):
        from torch.distributed.tensor import distribute_tensor

        part: Any = tensor
        mask = distribute_tensor(mask, part.device_mesh, part.placements).to_local()
        tensor = part.to_local()
    tensor.masked_fill_(~mask, 0)


def reshard(module: nn.Module) -> None:
    """Free what an evaluation has gathered: between it and the next step, parameters are copies that no one keeps."""
    for each in module.modules():
        if _is_fsdp(each):
            each.reshard()  # type: ignore[operator]


def _is_fsdp(module: nn.Module) -> bool:
    return any(kind.__name__ == "FSDPModule" for kind in type(module).__mro__)


def plain_copy(module: nn.Module) -> nn.Module:
    """A deep copy of ``module``, gathered and without ``fully_shard``, where it has been applied."""
    memo: dict[int, Any] = {}
    for each in reversed(list(module.modules())):
        for parameter in each.parameters(recurse=False):
            if is_sharded(parameter):
                memo[id(parameter)] = nn.Parameter(whole(parameter.detach()).clone(), parameter.requires_grad)
        if _is_fsdp(each):
            memo[id(each)] = _without_class(each, memo)
    return copy.deepcopy(module, memo)


def _without_class(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A copy of the class that ``fully_shard`` found, without the hooks that it registered."""
    kind: Any = type(module).__mro__[2]  # after FSDP<name> and FSDPModule
    plain = kind.__new__(kind)
    nn.Module.__init__(plain)
    kept = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training"}
    own = {name: value for name, value in vars(module).items() if name in kept or name not in vars(plain)}
    own = {name: value for name, value in own.items() if not name.startswith(OF_FSDP)}
    vars(plain).update(copy.deepcopy(own, memo))
    return plain

"""What a model must not be in the middle of when its layers change, and what stands in the way of a NIST layer."""

from collections.abc import Mapping

import torch
from torch import nn

from nist.sparse.candidates import Candidate
from nist.sparse.linear import NISTLinear, check_device
from nist.sparse.sharded import is_sharded, reshard

HOOKS = ["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks"]
HOOKS += ["_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"]
WRAPPERS = ("DistributedDataParallel", "FullyShardedDataParallel")


def check_changeable(module: nn.Module, change: str) -> None:
    """Raise ``ValueError`` where ``module`` cannot be changed; ``change`` is what was asked for, a verb.

    That is with a ``DistributedDataParallel`` wrapper in it, which holds parameters as they were; with parameters that
    FSDP has flattened, or sharded, unless a prune leaves the shapes; in inference mode, whose tensors no later step can
    train; and for something that is no module. What an evaluation under ``fully_shard`` has gathered is freed first.
    """
    if not isinstance(module, nn.Module):
        raise ValueError(f"{change} takes a torch module, got {type(module).__name__}")
    kinds = {kind.__name__ for each in module.modules() for kind in type(each).__mro__}
    if WRAPPERS[1] in kinds:
        raise ValueError(f"{WRAPPERS[1]} flattens parameters: {change} before it, or use fully_shard")
    if WRAPPERS[0] in kinds:
        raise ValueError(f"keep the module inside {WRAPPERS[0]}, delete the wrapper, {change}, and wrap it again")
    if torch.is_inference_mode_enabled():
        raise ValueError(f"{change} outside torch.inference_mode: weights made in it cannot be trained")
    reshard(module)
    for name, parameter in module.named_parameters():
        if is_sharded(parameter):
            _check_sharded(module.get_submodule(name.rpartition(".")[0]), name, change)


def _check_sharded(owner: nn.Module, name: str, change: str) -> None:
    if change != "prune":
        raise ValueError(f"{name} is sharded: {change} before fully_shard")
    if isinstance(owner, NISTLinear) and owner.form != "masked":
        raise ValueError(
            f"{name} is sharded and {owner.form}, and a prune would change its shape: "
            "reform(model, 'masked') before fully_shard"
        )


def check_sharing(model: nn.Module, chosen: Mapping[str, Candidate]) -> None:
    """A weight that another module uses too, or that is no parameter of its own, cannot become a NIST layer's."""
    users: dict[int, dict[nn.Module, str]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            if parameter.numel() and not parameter.is_meta:
                users.setdefault(parameter.data_ptr(), {})[module] = name
    for name, candidate in chosen.items():
        weight = candidate.weight
        if not isinstance(weight, nn.Parameter):
            raise ValueError(
                f"the weight of {name} is made anew in every step, as torch.nn.utils.prune does: remove that"
            )
        check_device(weight)
        others = [other for module, other in users[weight.data_ptr()].items() if module is not candidate.owner]
        if others:
            raise ValueError(f"the weight of {name} is shared with {', '.join(others)}: exclude it")


def has_hooks(module: nn.Module) -> bool:
    """Whether a module has a hook of any kind."""
    return any(getattr(module, kind) for kind in HOOKS)


def check_hooks(chosen: Mapping[str, Candidate]) -> None:
    """A NIST layer would not call them."""
    for name, candidate in chosen.items():
        if candidate.attribute == "weight" and has_hooks(candidate.owner):
            raise ValueError(f"{name or 'the layer'} has hooks: register them after sparsify, or exclude it")

"""What a model must not be in the middle of when its layers change, and what stands in the way of a NIST layer."""

import contextlib
import inspect
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from nist.sparse.linear import NISTLinear, check_device

HOOKS = ["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks"]
HOOKS += ["_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"]


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


def check_sharing(model: nn.Module, chosen: Mapping[str, nn.Module]) -> None:
    """A weight that another module uses too, or that is no parameter of its own, cannot become a NIST layer's."""
    users: dict[nn.Parameter, list[str]] = {}
    for name, module in model.named_modules():
        for parameter in module.parameters(recurse=False):
            users.setdefault(parameter, []).append(name)
    for name, dense in chosen.items():
        if not isinstance(dense.weight, nn.Parameter):
            raise ValueError(
                f"the weight of {name} is made anew in every step, as torch.nn.utils.prune does: remove that"
            )
        check_device(dense.weight)
        others = [other for other in users[dense.weight] if other != name]
        if others:
            raise ValueError(f"the weight of {name} is shared with {', '.join(others)}: exclude it")


def check_readers(model: nn.Module, chosen: Mapping[str, nn.Module]) -> None:
    """A mask is in the layer's ``forward``, which a module that reads the weight itself passes by."""
    names = {dense: name for name, dense in chosen.items()}
    for parent, reader in model.named_modules():
        for inner, dense in reader.named_modules():
            if dense not in names or dense is reader:
                continue
            name = names[dense]
            remedy = f"exclude {name}"
            # timm's attention with biases of its own beside a fused projection without one: BEiT, Swin v2, EVA.
            if inner == "qkv" and hasattr(reader, "qkv_bias_separate"):
                reads = getattr(reader, "q_bias", None) is not None and not reader.qkv_bias_separate
                remedy = f"set qkv_bias_separate = True of that {type(reader).__name__}, or {remedy}"
            else:
                reads = _reads_weight(type(reader), inner)
            if reads:
                where = parent or f"the {type(reader).__name__}"
                raise ValueError(f"{where} reads the weight of {name} itself, past its mask: {remedy}")


def _reads_weight(kind: type, inner: str) -> bool:
    """Whether ``forward`` of ``kind`` takes more of ``self.<inner>.weight`` than its type and size."""
    harmless = "dtype|device|shape|ndim|requires_grad|is_[a-z]+|size|dim|numel"
    reading = rf"(?<!isinstance\()\bself\.{re.escape(inner)}\.weight\b(?!\.({harmless})\b)"
    return re.search(reading, _source_of_forward(kind)) is not None


@cache
def _source_of_forward(kind: type) -> str:
    """The source of ``forward`` and of the methods and properties that it uses, as far as there is any."""
    pending, sources = ["forward"], {}
    while pending:
        name = pending.pop()
        if name not in sources:
            sources[name] = _source(kind, name)
            pending += re.findall(r"\bself\.(\w+)", sources[name])
    return "\n".join(sources.values())


def _source(kind: type, name: str) -> str:
    """Source of a method or property, with the one it overrides if it calls ``super()``; empty if there is none.

    That of an ``nn.TransformerEncoderLayer`` is left out: its fast path is switched off in ``replaced``.
    """
    source = ""
    for base in kind.__mro__:
        if name not in vars(base) or base in (nn.Module, nn.TransformerEncoderLayer):
            continue
        found = vars(base)[name]
        method: Any = found.fget if isinstance(found, property) else found
        with contextlib.suppress(OSError, TypeError):  # of what was not read from a file, or is no method
            source += inspect.getsource(method)
        if "super()" not in source:
            break
    return source


def check_hooks(chosen: Mapping[str, nn.Module]) -> None:
    """A NIST layer would not call them."""
    for name, dense in chosen.items():
        if any(getattr(dense, kind) for kind in HOOKS):
            raise ValueError(f"{name or 'the layer'} has hooks: register them after sparsify, or exclude it")

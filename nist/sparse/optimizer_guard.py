"""What keeps an optimizer's steps right for NIST layers, whose parameters can change their shape, and may hold a mask.

Before each step: no memory of a weight as it was before its layer laid it out anew. A fused step reads and writes past
the end of averages that are shorter than the weight, and torch does not check. After each step: zeros outside a mask
stay zeros, though an optimizer looks at a weight as a whole, as Muon does.
"""

from collections.abc import Iterator
from functools import cache
from inspect import signature
from weakref import WeakKeyDictionary, ref

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.weak import WeakTensorKeyDictionary

from nist.sparse.sharded import zero_outside
from nist.sparse.storage import Stored

OF_A_DEVICE = {"capturable", "differentiable", "foreach", "fused"}  # settings of how, and not of what
_layers: WeakTensorKeyDictionary = WeakTensorKeyDictionary()  # references to NIST layers by their parameters
_calls = [0]  # of watch
_trained: WeakKeyDictionary[torch.optim.Optimizer, tuple] = WeakKeyDictionary()
_by_entry: WeakKeyDictionary[torch.optim.Optimizer, bool] = WeakKeyDictionary()
REMEDY = (
    "pass optimizer= to sparsify, prune and reform; after load_state_dict load the optimizer's state too, saved in the "
    "same forms, or make the optimizer anew"
)


def watch(layer: Stored) -> None:
    """Look after every step of an optimizer that trains ``layer``."""
    _hook()
    _layers[layer.stored] = ref(layer)
    _calls[0] += 1


def works_by_entry(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the optimizer treats every entry of a weight alone, so that it does not matter which others it holds.

    Measured, on two steps with a matrix that is zero in places and on the vector of its other entries.
    """
    if optimizer not in _by_entry:
        inner = wrapped(optimizer)
        measured = all(map(works_by_entry, inner)) if inner else _measured(type(optimizer), optimizer.defaults)
        _by_entry[optimizer] = measured
    return _by_entry[optimizer]


def wrapped(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """The optimizers that this one steps with, as ``Lookahead`` does."""
    return [value for value in vars(optimizer).values() if isinstance(value, torch.optim.Optimizer)]


def _measured(kind: type[torch.optim.Optimizer], defaults: dict) -> bool:
    known = signature(kind).parameters.keys() - OF_A_DEVICE
    settings = {name: value for name, value in defaults.items() if name in known}
    settings |= {"lr": 0.1} if "lr" in defaults else {}
    dense = torch.linspace(-1, 1, 160 * 144, dtype=torch.float64).view(160, 144).tril(30)  # large enough to be factored
    there = dense != 0
    results = []
    for start in (dense, dense[there]):
        weight = torch.nn.Parameter(start.clone())
        try:
            copy = kind([weight], **settings)
            for gradient in (dense.cos() * there, dense.exp() * there):
                weight.grad = gradient if start is dense else gradient[there]
                copy.step()
        except Exception:  # one that asks for a closure, for matrices, for arguments of its own
            return False
        results.append(weight.detach())
    return torch.allclose(results[0][there], results[1]) and not results[0][~there].any()


@cache
def _hook() -> None:
    """Once, and not before there is something to watch: other models' optimizers step as ever."""
    register_optimizer_step_pre_hook(_before)
    register_optimizer_step_post_hook(_after)


def _watched(optimizer: torch.optim.Optimizer) -> Iterator[tuple[Stored, torch.Tensor]]:
    """The NIST layers that ``optimizer`` trains, and their parameters; looked up again when either list grows."""
    stamp = _calls[0], sum(len(group["params"]) for group in optimizer.param_groups)
    if _trained.get(optimizer, (None,))[0] != stamp:
        weights = [weight for group in optimizer.param_groups for weight in group["params"] if weight in _layers]
        _trained[optimizer] = stamp, [(_layers[weight], weight) for weight in weights]
    for reference, weight in _trained[optimizer][1]:
        layer = reference()
        if layer is not None:
            yield layer, weight


def _before(optimizer: torch.optim.Optimizer, _args: tuple, _kwargs: dict) -> None:
    for layer, weight in _watched(optimizer):
        for name, value in optimizer.state.get(weight, {}).items():
            if torch.is_tensor(value) and not _fits(value, weight, optimizer):
                raise ValueError(
                    f"the optimizer's {name} has shape {tuple(value.shape)}, and the parameter of its NIST layer is "
                    f"{tuple(weight.shape)} now: {REMEDY}"
                )
        if layer.is_automatic and not works_by_entry(optimizer):
            raise ValueError(
                f"{type(optimizer).__name__} treats a weight as a whole, so its steps depend on the form, which auto "
                "chooses by machine: choose one, as in nist.reform(model, 'masked', optimizer=optimizer)"
            )
        if layer.form == "masked" and not layer.is_followed:  # averages of before the mask would fill it up again
            for value in (weight, *optimizer.state.get(weight, {}).values()):
                if torch.is_tensor(value) and value.shape == weight.shape:
                    zero_outside(value, layer.mask)
            layer.is_followed = True


def _fits(value: torch.Tensor, weight: torch.Tensor, optimizer: torch.optim.Optimizer) -> bool:
    """Whether what is remembered can be of this weight: one number an entry, or of a row, a column, or all weights."""
    if value.numel() == 1 or value.shape == weight.shape:
        return True
    if works_by_entry(optimizer):
        return False
    every = sum(each.numel() for group in optimizer.param_groups for each in group["params"])
    return {*value.shape} <= {1, *weight.shape, every}


def _after(optimizer: torch.optim.Optimizer, _args: tuple, _kwargs: dict) -> None:
    for layer, weight in _watched(optimizer):
        if works_by_entry(optimizer):
            return
        if layer.form == "masked" and layer.is_masking:
            zero_outside(weight, layer.mask)

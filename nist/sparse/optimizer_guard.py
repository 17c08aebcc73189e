"""What keeps an optimizer's steps right for NIST layers, whose parameters can change their shape, and may hold a mask.

Before each step: no memory of a weight as it was before its layer laid it out anew. A fused step reads and writes past
the end of averages that are shorter than the weight, and torch does not check. After each step: zeros outside a mask
stay zeros, though an optimizer looks at a weight as a whole, as Muon does.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nist.sparse.sharded import zero_outside
from nist.sparse.storage import Stored

OF_A_DEVICE = {"capturable", "differentiable", "foreach", "fused"}  # settings of how, and not of what
PLAIN = (bool, int, float, str, type(None))
_layers: WeakSet[Stored] = WeakSet()
_by_entry: WeakKeyDictionary[torch.optim.Optimizer, bool] = WeakKeyDictionary()
REMEDY = (
    "pass optimizer= to sparsify, prune and reform; after load_state_dict load the optimizer's state too, saved in the "
    "same forms, or make the optimizer anew"
)


def watch(layer: Stored) -> None:
    """Look after every step of an optimizer that trains ``layer``."""
    _hook()
    _layers.add(layer)


def works_by_entry(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the optimizer treats every entry of a weight alone, so that it does not matter which others it holds.

    Measured, on two steps with a matrix that is zero in places and on the vector of its other entries.
    """
    if optimizer not in _by_entry:
        inner = wrapped(optimizer)
        groups = [{**group, "params": []} for group in optimizer.param_groups]
        _by_entry[optimizer] = (
            all(map(works_by_entry, inner)) if inner else all(_measured(optimizer, g) for g in groups)
        )
    return _by_entry[optimizer]


def wrapped(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """The optimizers that this one steps with, as ``Lookahead`` does."""
    return [value for value in vars(optimizer).values() if isinstance(value, torch.optim.Optimizer)]


def _measured(optimizer: torch.optim.Optimizer, group: dict) -> bool:
    """Whether a copy of ``optimizer``, with the settings of ``group``, treats every entry alone."""
    own = {name: value for name, value in group.items() if name != "params"}
    own |= dict.fromkeys(OF_A_DEVICE & group.keys(), False) | ({"lr": 0.1} if "lr" in group else {})
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.enable_grad():
        dense = torch.linspace(-1, 1, 160 * 144, dtype=torch.float64).view(160, 144).tril(30)  # large enough to factor
        there = dense != 0
        results = []
        for start in (dense, dense[there]):
            weight = torch.nn.Parameter(start.clone())
            twin = copy.copy(optimizer)
            twin.state, twin.param_groups = defaultdict(dict), [copy.deepcopy(own) | {"params": [weight]}]
            plain = {name: value for name, value in vars(optimizer).items() if isinstance(value, PLAIN)}
            vars(twin).update(plain | vars(twin))  # settings; anything else may hold weights that are trained
            try:
                for gradient in (dense.cos() * there, dense.exp() * there):
                    weight.grad = gradient if start is dense else gradient[there]
                    twin.step()
            except Exception:  # one that asks for a closure, for matrices, for a GPU
                return False
            results.append(weight.detach())
        return torch.allclose(results[0][there], results[1]) and not bool(results[0][~there].any())


@cache
def _hook() -> None:
    """Once, and not before there is something to watch: other models' optimizers step as ever."""
    # Not compiled with a step that is: both go by what an optimizer holds at the time.
    register_optimizer_step_pre_hook(torch._disable_dynamo(_before))
    register_optimizer_step_post_hook(torch._disable_dynamo(_after))


def _watched(optimizer: torch.optim.Optimizer) -> Iterator[tuple[Stored, torch.Tensor]]:
    """The NIST layers that ``optimizer`` trains, and their parameters, which may be others than in the last step."""
    by_parameter = {id(layer.stored): layer for layer in _layers}
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if id(weight) in by_parameter:
                yield by_parameter[id(weight)], weight


def _before(optimizer: torch.optim.Optimizer, _args: tuple, _kwargs: dict) -> None:
    for layer, weight in _watched(optimizer):
        for name, value in optimizer.state.get(weight, {}).items():
            if torch.is_tensor(value) and not _fits(value, layer, weight, optimizer):
                raise ValueError(
                    f"the optimizer's {name} has shape {tuple(value.shape)}, and the parameter of its NIST layer is "
                    f"{tuple(weight.shape)} now: {REMEDY}"
                )
        if weight.grad is not None and weight.grad.shape != weight.shape:
            raise ValueError(
                f"the gradient of a NIST layer has shape {tuple(weight.grad.shape)} and its parameter "
                f"{tuple(weight.shape)}: it is of a loss from before a prune; call zero_grad, compute the loss again"
            )
        if layer.is_automatic and not works_by_entry(optimizer):
            raise ValueError(
                f"{type(optimizer).__name__} treats a weight as a whole, or could not be tried, so its steps may "
                "depend on the form, which auto chooses by machine: choose one, as in nist.reform(model, 'masked')"
            )
        if layer.form == "masked" and not layer.is_followed:  # averages of before the mask would fill it up again
            for value in (weight, weight.grad, *optimizer.state.get(weight, {}).values()):
                if torch.is_tensor(value) and value.shape == weight.shape:
                    zero_outside(value, layer.mask)
            layer.is_followed = True


def _fits(value: torch.Tensor, layer: Stored, weight: torch.Tensor, optimizer: torch.optim.Optimizer) -> bool:
    """Whether what is remembered can be of this weight: one number an entry, or of a row, a column, or all weights.

    An optimizer that treats a weight as a whole may remember anything, as long as the weight keeps its shape: factors
    of low rank, tables of a quantisation.
    """
    if value.numel() == 1 or value.shape == weight.shape:
        return True
    if works_by_entry(optimizer):
        return False
    if layer.stepped == weight.shape:
        return True
    every = sum(each.numel() for group in optimizer.param_groups for each in group["params"])
    return {*value.shape} <= {1, *weight.shape, every}


def _after(optimizer: torch.optim.Optimizer, _args: tuple, _kwargs: dict) -> None:
    for layer, weight in _watched(optimizer):
        if works_by_entry(optimizer):
            return
        layer.stepped = weight.shape
        if layer.form == "masked":
            zero_outside(weight, layer.mask)

"""Optimizers that remember a weight as it was before a layer laid it out anew.

A fused step goes by the addresses of what it is given: averages that are shorter than the weight are read and written
past their end, longer ones are those of other connections. Torch checks neither.
"""

from functools import cache

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.weak import WeakTensorKeyDictionary

# What torch's optimizers remember of every entry. Factored averages, as Adafactor's, have other names and shapes.
ENTRYWISE = {
    *("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "sum", "square_avg", "grad_avg", "acc_delta"),
    *("exp_inf", "eta", "mu", "ax", "prev", "step_size"),
}

_watched: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def watch(weight: torch.Tensor) -> None:
    """Have every step of an optimizer refused, with ``ValueError``, that remembers ``weight`` in another shape."""
    _hook()
    _watched[weight] = True


@cache
def _hook() -> None:
    """Once, and not before there is something to watch: other models' optimizers step as ever."""
    register_optimizer_step_pre_hook(_check)


def _check(optimizer: torch.optim.Optimizer, _args: tuple, _kwargs: dict) -> None:
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if weight in _watched:
                _check_shapes(weight, optimizer.state.get(weight, {}))


def _check_shapes(weight: torch.Tensor, state: dict) -> None:
    for name in ENTRYWISE & state.keys():
        value = state[name]
        if torch.is_tensor(value) and value.dim() and value.shape != weight.shape:
            raise ValueError(
                f"the optimizer's {name} has shape {tuple(value.shape)}, and the weight of its NIST layer is "
                f"{tuple(weight.shape)} now: pass optimizer= to sparsify, prune and reform; after load_state_dict load "
                "the optimizer's state too, or make the optimizer anew"
            )

"""Weights that matter: those on a path from an input to an output of layers that follow each other."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from nist.sparse.linear import NISTLinear

Linear = nn.Linear | NISTLinear


def effective_weights(module: nn.Module) -> dict[NISTLinear, int]:
    """Active weights of every NIST layer on a path of active weights (Vysogorets & Kempe 2023).

    A path goes through the linear layers of an ``nn.Sequential`` that follow each other, with nothing but functions of
    single numbers between them, such as activations and dropout. Elsewhere a layer is a path by itself.
    """
    found = {layer: layer.active_weights for layer in module.modules() if isinstance(layer, NISTLinear)}
    for chain in chains(module):
        if len(chain) > 1 and any(layer in found for layer in chain):
            counts = zip(chain, _on_paths(chain, reached_outputs(chain))[0], strict=True)
            found |= {layer: count for layer, count in counts if isinstance(layer, NISTLinear)}
    return found


class Paths(NamedTuple):
    """What of a chain of layers lies on a path of active weights from an input to an output: counts.

    ``effective`` weights do; ``unused`` inputs of the first layer and ``unreached`` outputs of the last do not.
    """

    effective: int
    unused: int
    unreached: int


def paths(layers: Sequence[Linear]) -> Paths:
    """What of a chain of ``layers``, as in ``reached_outputs``, lies on a path."""
    reached = reached_outputs(layers)
    counts, leading = _on_paths(layers, reached)
    return Paths(sum(counts), int((~leading).sum()), int((~reached[-1]).sum()))


def reached_outputs(layers: Sequence[Linear]) -> list[torch.Tensor]:
    """Of the inputs of the first layer and the outputs of each, which ones a path from an input reaches: booleans.

    ``layers`` are in order, each fed by the one before it, feature by feature.
    """
    reached = [torch.ones(layers[0].in_features, dtype=torch.bool, device=layers[0].weight.device)]
    for layer in layers:
        if isinstance(layer, NISTLinear):
            inputs, outputs = layer.connections()
            reached.append(marked(outputs[reached[-1][inputs]], layer.out_features))
        else:
            reached.append(reached[-1].any().expand(layer.out_features))
    return reached


def _on_paths(layers: Sequence[Linear], reached: Sequence[torch.Tensor]) -> tuple[list[int], torch.Tensor]:
    """Weights of each layer on a path, and which inputs of the first lead to an output.

    ``reached`` is what ``reached_outputs`` gives.
    """
    counts = []
    leading = torch.ones(layers[-1].out_features, dtype=torch.bool, device=layers[-1].weight.device)
    for layer, before in zip(reversed(layers), reversed(reached[:-1]), strict=True):
        if isinstance(layer, NISTLinear):
            inputs, outputs = layer.connections()
            counts.append(int((before[inputs] & leading[outputs]).sum()))
            leading = marked(inputs[leading[outputs]], layer.in_features)
        else:
            counts.append(int(before.sum() * leading.sum()))
            leading = leading.any().expand(layer.in_features)
    return counts[::-1], leading


def marked(indices: torch.Tensor, size: int) -> torch.Tensor:
    """Which of ``size`` are among ``indices``: booleans."""
    return torch.bincount(indices, minlength=size) > 0


def chains(module: nn.Module) -> list[list[Linear]]:
    """The linear layers that follow each other in each ``nn.Sequential`` in ``module``."""
    return [[each for each in run if isinstance(each, Linear)] for one in sequentials(module) for run in runs(one)]


def sequentials(module: nn.Module) -> list[nn.Sequential]:
    """Each ``nn.Sequential`` in ``module`` that calls what it holds one after the other."""
    found = (each for each in module.modules() if isinstance(each, nn.Sequential))
    return [each for each in found if type(each).forward is nn.Sequential.forward and "forward" not in vars(each)]


def runs(sequential: nn.Sequential) -> list[list[nn.Module]]:
    """Linear layers that follow each other, with the functions of single numbers between and after them.

    A layer of another width than the last one put out does not follow it: the model calls them by itself.
    """
    found: list[list[nn.Module]] = [[]]
    width = None
    for child in sequential:
        if isinstance(child, Linear):
            if width != child.in_features:
                found.append([])
            width = child.out_features
        if isinstance(child, Linear) or (found[-1] and _is_elementwise(child)):
            found[-1].append(child)
        else:
            found.append([])
    return [run for run in found if run]


def lay_out(module: nn.Module) -> None:
    """Let outputs that a compressed layer alone takes lie in memory as it takes them best: see ``nist.sparse.csr``.

    Row by row where one of both is gathered on the device that it is on now.
    """
    for one, other in (pair for chain in chains(module) for pair in pairwise(chain)):
        if isinstance(one, NISTLinear) and isinstance(other, NISTLinear):
            one.by_feature = not any(each.form != "compressed" or each.is_gathered() for each in (one, other))


def _is_elementwise(module: nn.Module) -> bool:
    if "forward" in vars(module):
        return False
    if type(module) in (nn.Identity, nn.Dropout):  # a subclass may do anything
        return True
    mixing = isinstance(module, nn.MultiheadAttention | nn.Softmax | nn.LogSoftmax | nn.Softmin | nn.GLU | nn.Softmax2d)
    return type(module).__module__ == "torch.nn.modules.activation" and not mixing

"""How a prune ranks weights: by absolute value, as other readings of "magnitude" have it, by paths, or at random."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from nist.sparse.budgets import ROUNDS, shrinking
from nist.sparse.effective import chains
from nist.sparse.linear import NISTLinear
from nist.sparse.reachable import best_paths
from nist.sparse.selection import top
from nist.sparse.sharded import whole

KINDS = ("raw", "scaled", "lamp", "synflow")


class Ranking(NamedTuple):
    """What ``nist.prune`` was asked for; see there."""

    generator: torch.Generator | None
    reachable: bool
    magnitude: str

    def check(self, module: nn.Module, layers: Sequence[NISTLinear], scope: str) -> None:
        """Raise ``ValueError`` for what makes no sense, together or for these layers."""
        if self.generator is not None and not isinstance(self.generator, torch.Generator):
            wanted = "a torch.Generator, as torch.Generator().manual_seed(0)"
            raise ValueError(f"generator must be {wanted}, got {self.generator!r}")
        if self.magnitude not in KINDS:
            raise ValueError(f"unknown magnitude {self.magnitude!r}; there are {', '.join(KINDS)}")
        asked = ["a generator"] * (self.generator is not None) + ["reachable"] * self.reachable
        asked += [f"magnitude={self.magnitude!r}"] * (self.magnitude != "raw")
        if len(asked) > 1:
            raise ValueError(f"{' and '.join(asked)}: each ranks the weights in a way of its own; give one")
        if asked and self.generator is None and scope != "global":
            raise ValueError(f"{asked[0]} is for one ranking over all layers: scope='global'")
        if (self.reachable or self.magnitude == "synflow") and [*layers] not in chains(module):
            raise ValueError(f"{asked[0]}: the NIST layers do not follow each other in an nn.Sequential")

    def scores(self, layers: Sequence[NISTLinear], n_keep: int) -> dict[NISTLinear, torch.Tensor]:
        """What the weights are ranked by, laid out as the layers store them, where that is not their absolute value."""
        if self.generator is not None:
            return dict(zip(layers, _drawn(layers, self.generator), strict=True))
        if self.reachable:
            return dict(zip(layers, _with_paths(layers, n_keep), strict=True))
        if self.magnitude == "raw":
            return {}
        return dict(zip(layers, scores(layers, self.magnitude, n_keep), strict=True))


def _drawn(layers: Sequence[NISTLinear], generator: torch.Generator) -> list[torch.Tensor]:
    """A random number for every active weight, drawn by layer, then output, then input, whatever the layers' forms.

    Laid out as the layers store their weights.
    """
    found = []
    for layer in layers:
        inputs, outputs = layer.connections()
        in_order = torch.argsort(outputs * layer.in_features + inputs).cpu()
        numbers = torch.empty(len(in_order))
        numbers[in_order] = torch.rand(len(in_order), generator=generator)
        found.append(layer.arranged(inputs, outputs, numbers.to(inputs.device)))
    return found


def _with_paths(layers: Sequence[NISTLinear], n_keep: int) -> list[torch.Tensor]:
    found = best_paths(layers)
    if (needed := sum(int(mask.count_nonzero()) for mask in found)) > n_keep:
        raise ValueError(f"reachable: the best paths to all outputs take {needed} weights, and {n_keep} are kept")
    results = []
    for layer, mask in zip(layers, found, strict=True):
        inputs, outputs = layer.connections()
        on_path = layer.arranged(inputs, outputs, mask.to(inputs.device)[outputs, inputs])
        results.append(whole(layer.stored.detach()).abs().masked_fill_(on_path, torch.inf))
    return results


def scores(layers: Sequence[NISTLinear], kind: str, n_keep: int) -> list[torch.Tensor]:
    """What the weights of ``layers`` are ranked by, laid out as each stores them; the largest are kept.

    - ``scaled``: the absolute value over the standard deviation of the layer's active weights.
    - ``lamp``: the square over the sum of the squares of the layer's weights that are as large or larger (Lee et al.
      2021, Eq. 4).
    - ``synflow``: |w| times its share of the paths through layers that follow each other, in 100 rounds in which
      exponentially fewer weights are left, down to ``n_keep`` (Tanaka et al. 2020, Algorithm 1).
    """
    if kind == "synflow":
        return _by_paths(layers, n_keep)
    return [(_scaled if kind == "scaled" else _lamp)(layer) for layer in layers]


def _scaled(layer: NISTLinear) -> torch.Tensor:
    spread = layer.values().double().std()
    return whole(layer.stored.detach()).abs().double() / (spread if spread > 0 else 1)


def _lamp(layer: NISTLinear) -> torch.Tensor:
    squares = layer.values().double().square()
    ascending, order = squares.sort()
    tails = ascending.flip(0).cumsum(0).flip(0)
    first = torch.searchsorted(ascending, ascending)  # of equals, the sum is from the first
    found = torch.empty_like(squares)
    found[order] = torch.where(ascending > 0, ascending / tails[first], 0)
    return layer.arranged(*layer.connections(), found)


def _by_paths(layers: Sequence[NISTLinear], n_keep: int) -> list[torch.Tensor]:
    matrices = [layer.dense_weight().detach().abs().double() for layer in layers]
    places = [layer.connections()[::-1] for layer in layers]
    total = sum(len(outputs) for outputs, _ in places)
    found: list[torch.Tensor] = []
    for number in range(1, ROUNDS + 1):
        found = [each[place] for each, place in zip(_flow(matrices), places, strict=True)]
        kept = top(found, shrinking(total, n_keep, number / ROUNDS))
        for matrix, place, part in zip(matrices, places, kept, strict=True):
            matrix[place] *= part
    return [layer.arranged(*layer.connections(), each) for layer, each in zip(layers, found, strict=True)]


def _flow(matrices: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """|w| · ∂R/∂w of each weight, where R is the sum of the outputs for inputs of ones."""
    into = [torch.ones(matrices[0].shape[1], dtype=torch.float64, device=matrices[0].device)]
    for matrix in matrices:
        into.append(matrix @ into[-1])
    out = torch.ones_like(into[-1])
    found = []
    for matrix, before in zip(reversed(matrices), reversed(into[:-1]), strict=True):
        found.append(out[:, None] * matrix * before)
        out = matrix.T @ out
    return found[::-1]

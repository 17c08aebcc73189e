"""A copy of a model for inference alone, each of whose NIST layers is computed in the fastest way on this machine."""

import time
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from statistics import median
from typing import Any

import torch
from torch import nn

from nist.sparse import csr
from nist.sparse.effective import chains
from nist.sparse.hugging_face import restore
from nist.sparse.linear import NISTLinear
from nist.sparse.prune import nist_layers
from nist.sparse.sharded import plain_copy
from nist.sparse.sparsify import replaced

SECONDS, ROUNDS = 0.02, 5  # of timing a layer in one way, in rounds in which each takes its turn


class SparseLinear(nn.Module):
    """The weights that a NIST layer has left, with their places, for inference alone.

    With ``gathers`` a single row is computed weight by weight, which is faster where there are few; more rows, and
    without it all, as a product with a matrix in CSR: see ``nist.sparse.csr``, for ``by_feature`` too.
    """

    by_feature = False

    def __init__(self, layer: NISTLinear, gathers: bool) -> None:
        super().__init__()
        inputs, outputs = layer.connections()
        order = torch.argsort(outputs * layer.in_features + inputs)
        bias = layer.stored.new_zeros(layer.out_features) if layer.bias is None else layer.bias
        self.register_buffer("inputs", inputs[order])
        self.register_buffer("outputs", outputs[order])
        self.register_buffer("weight", layer.values()[order])
        self.register_buffer("bias", bias.detach().clone())
        for name, tensor in csr.layouts(inputs[order], outputs[order])[0]._asdict().items():
            self.register_buffer(name, tensor)
        self.in_features, self.out_features, self.gathers = layer.in_features, layer.out_features, gathers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``, without gradients."""
        b = self._buffers
        rows = x.reshape(-1, self.in_features)
        if self.gathers and len(rows) == 1:
            result = b["bias"].index_add(0, b["outputs"], rows[0].index_select(0, b["inputs"]) * b["weight"])  # type: ignore
        else:
            layout = csr.Layout(*(b[name] for name in csr.Layout._fields))  # type: ignore[arg-type]
            result = csr.multiplied(rows, b["weight"], b["bias"], layout, self.out_features, self.by_feature)  # type: ignore
        return result.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        n = len(self.get_buffer("weight"))
        return f"in_features={self.in_features}, out_features={self.out_features}, active_weights={n}"


@torch.no_grad()
def for_inference(model: nn.Module, rows: int = 1) -> nn.Module:
    """A copy of ``model``, in evaluation mode, for inference on ``rows`` rows a batch, images or images times tokens.

    Each NIST layer is timed on random inputs in every way that there is, and the fastest takes its place: a plain
    ``nn.Linear`` with explicit zeros, the layer in its form, or its weights alone. Layers that follow each other are
    timed together too, each as its weights alone. That takes about a tenth of a second a layer, and the choice is this
    machine's. What it computes is what ``model`` computes, to rounding. It has no
    gradients, and cannot be exported: that is what ``nist.densify`` is for. Raises ``ValueError`` for rows below 1.
    """
    if not (isinstance(rows, Integral) and rows >= 1):
        raise ValueError(f"rows must be a whole number of at least 1, got {rows!r}")
    copy = plain_copy(model).eval().requires_grad_(False)
    for each in list(copy.modules()):
        restore(each)
    ways = {layer: _ways(layer, rows) for layer in nist_layers(copy)}
    chosen = {layer: found[0] for layer, found in ways.items()}
    for chain in chains(copy):
        if len(chain) > 1 and all(type(layer) in (nn.Linear, NISTLinear) for layer in chain):
            chosen |= _as_a_chain(chain, ways, rows)
    return replaced(copy, chosen)


def _as_a_chain(chain: Sequence[nn.Module], ways: dict[NISTLinear, list[nn.Module]], rows: int) -> dict:
    """The ways for layers that follow each other: each one's fastest, or the weights alone of all that have them."""
    found = [ways.get(layer, [layer]) for layer in chain]  # type: ignore[call-overload]
    alone = [next((way for way in each if isinstance(way, SparseLinear)), each[0]) for each in found]
    choices, seconds = [[each[0] for each in found], alone], []
    for choice in choices:
        _lay_out(choice)
        seconds += _times([nn.Sequential(*choice)], _inputs(chain[0], rows))
    best = choices[seconds.index(min(seconds))]
    _lay_out(best)
    return {layer: way for layer, way in zip(chain, best, strict=True) if layer in ways}


def _lay_out(ways: Sequence[nn.Module]) -> None:
    for one, other in pairwise(ways):
        if isinstance(one, SparseLinear):
            one.by_feature = isinstance(other, SparseLinear)


def _ways(layer: NISTLinear, rows: int) -> list[nn.Module]:
    """What can take a layer's place, the fastest first."""
    ways: list[nn.Module] = [layer.dense().eval().requires_grad_(False)]
    if type(layer) is not NISTLinear:  # a convolution, or a layer of transformers, which gets other inputs
        return ways
    if layer.form not in ("masked", "compressed"):
        ways.append(layer)
    if layer.stored.dtype in (torch.float32, torch.float64):
        ways += [SparseLinear(layer, gathers) for gathers in ((False, True) if rows == 1 else (False,))]
    seconds = _times(ways, _inputs(layer, rows))
    return [ways[place] for place in sorted(range(len(ways)), key=seconds.__getitem__)]


def _inputs(layer: Any, rows: int) -> torch.Tensor:
    like = layer.stored if isinstance(layer, NISTLinear) else layer.weight
    return torch.randn(rows, layer.in_features, dtype=like.dtype, device=like.device)


def _times(ways: Sequence[nn.Module], x: torch.Tensor) -> list[float]:
    """Seconds of each on ``x``, medians."""
    found: list[list[float]] = [[] for _ in ways]
    for way in ways:
        way(x)  # allocates
    for _ in range(ROUNDS):
        for way, seconds in zip(ways, found, strict=True):
            ends = time.perf_counter() + SECONDS / ROUNDS
            while True:
                started = time.perf_counter()
                way(x)
                if x.device.type == "cuda":
                    torch.cuda.synchronize(x.device)
                seconds.append(time.perf_counter() - started)
                if time.perf_counter() > ends:
                    break
    return [median(seconds) for seconds in found]

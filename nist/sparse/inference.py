"""A copy of a model for inference alone, each of whose NIST layers is computed in the fastest way on this machine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from nist.sparse import csr
from nist.sparse.effective import runs, sequentials
from nist.sparse.hugging_face import restore
from nist.sparse.linear import NISTLinear
from nist.sparse.narrowing import Matrix, can_be_narrowed, is_listed, narrowed, of_layer
from nist.sparse.prune import nist_layers
from nist.sparse.sharded import plain_copy
from nist.sparse.sparsify import replaced

SECONDS, ROUNDS = 0.02, 5  # of timing a layer in one way, in rounds in which each takes its turn
SMALL = 2**22  # numbers of a dense block that is worth a try


class SparseLinear(nn.Module):
    """The weights that layers have left, with their places, for inference alone: those of ``matrix``.

    By ``way`` they are multiplied in CSR (see ``nist.sparse.csr``, for ``by_feature`` too); one by one, which is
    faster for a single row and few weights, and in CSR for more rows; or as a dense block of the inputs that are used.
    """

    by_feature = False

    def __init__(self, matrix: Matrix, way: str) -> None:
        super().__init__()
        self.in_features, self.out_features, self.way = matrix.n_in, len(matrix.bias), way
        self.active_weights = len(matrix.weight)
        tensors = {"bias": matrix.bias, "weight": matrix.weight}
        if way == "block":
            tensors["used"], tensors["weight"] = matrix.block()
        else:
            tensors |= matrix.layout._asdict()
        if way == "gather":
            tensors |= {"inputs": matrix.inputs, "outputs": matrix.outputs}
        self.is_dense = way == "block" and len(tensors["used"]) == matrix.n_in
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``, without gradients. Raises ``ValueError`` for another width."""
        if x.shape[-1] != self.in_features:
            raise ValueError(f"this layer takes {self.in_features} features, and got inputs of shape {tuple(x.shape)}")
        b: Any = self._buffers
        x = x.detach()
        if x.dtype != b["weight"].dtype and torch.is_autocast_enabled(x.device.type):
            x = x.to(b["weight"].dtype)
        if self.way == "block":
            return F.linear(x if self.is_dense else x.index_select(-1, b["used"]), b["weight"], b["bias"])
        rows = x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0)
        if self.way == "gather" and len(rows) == 1:
            result = b["bias"].index_add(0, b["outputs"], rows[0].index_select(0, b["inputs"]).mul_(b["weight"]))
        else:
            layout = [b[name] for name in csr.Layout._fields]
            result = csr.multiplied(rows, b["weight"], b["bias"], layout, self.out_features, self.by_feature)
        return result.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, active_weights={self.active_weights}, way={self.way}"


class Together(nn.Module):
    """An ``nn.Sequential``, called as a whole: with fewer features between its layers, which are ``narrow``.

    Its layers in full width, ``wide``, are still there one by one, for a model that calls them itself.
    """

    def __init__(self, wide: nn.Sequential, narrow: nn.Sequential) -> None:
        super().__init__()
        self.wide, self.narrow = wide, narrow

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the whole computes."""
        for each in self.narrow:
            x = each(x)
        return x

    def __getitem__(self, place: int | slice) -> nn.Module:
        return self.wide[place]

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.wide)

    def __len__(self) -> int:
        return len(self.wide)


@torch.no_grad()
def for_inference(model: nn.Module, rows: int = 1) -> nn.Module:
    """A copy of ``model``, in evaluation mode, for inference on ``rows`` rows a batch, images or images times tokens.

    Each NIST layer is timed on random inputs in every way that there is, and the fastest takes its place: a plain
    ``nn.Linear`` with explicit zeros, the layer in its form, or its weights alone. Layers that follow each other in an
    ``nn.Sequential`` are timed together too, without what does not vary or is not read between them. That takes about a
    tenth of a second a layer, a second for one of 100 million dense weights, and the choice is this machine's. What it
    computes is what ``model`` computes, to rounding, as long as no weight or bias is infinite or NaN. It has no
    gradients, and cannot be exported: that is what ``nist.densify`` is for. Raises ``ValueError`` for rows below 1.
    """
    if not (isinstance(rows, Integral) and rows >= 1):
        raise ValueError(f"rows must be a whole number of at least 1, got {rows!r}")
    copy = plain_copy(model).eval().requires_grad_(False)
    for each in list(copy.modules()):
        restore(each)
    chosen: dict[nn.Module, nn.Module] = {layer: _fastest(_ways(layer, rows), rows) for layer in nist_layers(copy)}
    together = {}
    for sequential in sequentials(copy):
        narrow: dict[nn.Module, nn.Module] = {}
        for run in runs(sequential):
            if any(layer in chosen for layer in run) and can_be_narrowed(run):
                narrow |= _narrow(run, chosen, rows)
        if narrow:
            layers = (narrow.get(each, chosen.get(each, each)) for each in sequential)
            together[sequential] = Together(sequential, nn.Sequential(*layers))
    return replaced(copy, {**chosen, **together}).eval()


def _narrow(run: Sequence[nn.Module], alone: Mapping[nn.Module, nn.Module], rows: int) -> dict[nn.Module, nn.Module]:
    """Narrowed layers for a run's, timed as a whole; none where what is fastest ``alone`` is faster together too."""
    matrices = narrowed(run)
    ways = {layer: _ways_of_matrix(matrix, rows) for layer, matrix in matrices.items()}
    named = [[_fastest(each, rows).way for each in ways.values()]]
    if all(each[0].way == "csr" for each in ways.values()):
        named.append(["csr"] * len(ways))
    choices: list[dict[nn.Module, nn.Module]] = [{}]
    for names in named:
        layers = [SparseLinear(matrix, way) for matrix, way in zip(matrices.values(), names, strict=True)]
        for one, other in pairwise(layers):
            one.by_feature = one.way == other.way == "csr"
        choices.append(dict(zip(matrices, layers, strict=True)))
    trials = [nn.Sequential(*(choice.get(each, alone.get(each, each)) for each in run)) for choice in choices]
    seconds = [_times([trial], rows)[0] for trial in trials]
    return choices[seconds.index(min(seconds))]


def _ways(layer: NISTLinear, rows: int) -> list[Any]:
    """What can take a layer's place."""
    ways: list[nn.Module] = [layer.dense().eval().requires_grad_(False)]
    if type(layer) is not NISTLinear:  # a convolution, or a layer of transformers, which gets other inputs
        return ways
    if layer.form not in ("masked", "compressed"):
        ways.append(layer)
    if is_listed(layer):
        ways += [way for way in _ways_of_matrix(of_layer(layer), rows) if not way.is_dense]
    return ways


def _ways_of_matrix(matrix: Matrix, rows: int) -> list[Any]:
    """The same for weights with their places: as a block alone where most are left."""
    size = len(matrix.bias) * matrix.n_in
    listed = ["csr", *(["gather"] if rows == 1 else [])] if 2 * len(matrix.weight) <= size or size > SMALL else []
    return [SparseLinear(matrix, way) for way in [*listed, *(["block"] if size <= SMALL else [])]]


def _fastest(ways: Sequence[Any], rows: int) -> Any:
    if len(ways) == 1:
        return ways[0]
    seconds = _times(ways, rows)
    return ways[seconds.index(min(seconds))]


def _times(ways: Sequence[Any], rows: int) -> list[float]:
    """Seconds of each on random inputs, medians."""
    first: Any = ways[0][0] if isinstance(ways[0], nn.Sequential) else ways[0]
    like = first.stored if isinstance(first, NISTLinear) else first.weight
    x = torch.randn(rows, first.in_features, dtype=like.dtype, device=like.device)
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

"""A copy of a model for inference alone, each of whose NIST layers is computed in the fastest way on this machine."""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, filterfalse, pairwise, product
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from nist.sparse import csr, gathering
from nist.sparse.checks import has_hooks
from nist.sparse.convolution import NISTConv2d
from nist.sparse.effective import runs, sequentials
from nist.sparse.hugging_face import restore
from nist.sparse.linear import NISTLinear, check_rows, check_width
from nist.sparse.narrowing import Matrix, can_be_narrowed, is_listed, narrowed, of_layer
from nist.sparse.prune import nist_layers
from nist.sparse.sharded import plain_copy
from nist.sparse.sparsify import replaced

SECONDS, ROUNDS = 0.02, 5  # of timing a layer in one way, in rounds in which each takes its turn
SMALL = 2**22  # numbers of a dense block that is worth a try


class SparseLinear(nn.Module):
    """The weights of ``matrix``, for inference alone.

    ``way`` is ``listed``, by gathering or CSR (see ``nist.sparse.csr`` for ``by_feature``), or ``block``, a dense
    matrix of the inputs that are used.
    """

    by_feature = False

    def __init__(self, matrix: Matrix, way: str) -> None:
        super().__init__()
        self.in_features, self.out_features, self.way = matrix.n_in, len(matrix.bias), way
        self.active_weights = len(matrix.weight)
        tensors = {"bias": matrix.bias, "values": matrix.weight}
        if way == "block":
            tensors["used"], tensors["values"] = matrix.block()
        else:
            tensors |= matrix.layout._asdict()
            self.most_gathered = gathering.most_rows_of(matrix.layout, trained=False)
            if self.most_gathered >= 1:
                tensors |= {"inputs": matrix.inputs, "outputs": matrix.outputs}
        self.is_dense = way == "block" and len(tensors["used"]) == matrix.n_in
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    @property
    def weight(self) -> torch.Tensor:
        """Shape ``(n_out, n_in)``, explicit zeros included, for a model that reads it."""
        b: Any = self._buffers
        dense = b["values"].new_zeros(self.out_features, self.in_features)
        if self.way == "block":
            return dense.index_copy_(1, b["used"], b["values"])
        dense[b["reached"].repeat_interleave(b["starts"].diff()), b["used"][b["columns"].long()]] = b["values"]
        return dense

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``, without gradients. Raises ``ValueError`` for another width."""
        check_width(x, self.in_features)
        b: Any = self._buffers
        x = x.detach()
        if x.dtype != b["values"].dtype and torch.is_autocast_enabled(x.device.type):
            x = x.to(b["values"].dtype)
        if self.way == "block":
            return F.linear(x if self.is_dense else x.index_select(-1, b["used"]), b["values"], b["bias"])
        rows = x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0)
        if gathering.gathers(rows, self.most_gathered, self.by_feature):
            result = gathering.gathered(rows, b["values"], b["bias"], b["inputs"], b["outputs"], self.out_features)
        else:
            layout = csr.Layout(*(b[name] for name in csr.Layout._fields))
            result = csr.multiplied(rows, b["values"], b["bias"], layout, self.out_features, self.by_feature)
        return result.reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, active_weights={self.active_weights}, way={self.way}"


class Together(nn.Module):
    """An ``nn.Sequential``: ``_narrow``, with fewer features between its layers, when it is called as a whole.

    A model that calls, slices or iterates over the layers itself gets those of ``_wide``, in full width; any other name
    is one of ``_wide`` too.
    """

    def __init__(self, wide: nn.Sequential, narrow: nn.Sequential) -> None:
        super().__init__()
        self._wide, self._narrow = wide, narrow  # names that no layer has

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the whole computes."""
        for each in self._narrow:
            x = each(x)
        return x

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_wide"), name)

    def __getitem__(self, place: int | slice) -> nn.Module:
        return self._wide[place]

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self._wide)

    def __len__(self) -> int:
        return len(self._wide)


@torch.no_grad()
def for_inference(model: nn.Module, rows: int = 1) -> nn.Module:
    """A copy of ``model``, in evaluation mode, for inference on ``rows`` rows a batch, images or images times tokens.

    Each NIST layer is timed on random inputs in every way that there is, and the fastest takes its place: a plain
    ``nn.Linear`` with explicit zeros, the layer in its form, or its weights alone. Layers that follow each other in an
    ``nn.Sequential`` are timed together too, without the features between them that are constant or unused. That
    takes about a tenth of a second a layer, and a second for one of 100 million dense weights.

    The copy computes what ``model`` computes, to rounding, as long as no weight or bias is infinite or NaN. Layers with
    hooks stay as they are. It has no gradients, and cannot be exported: that is what ``nist.densify`` is for. Raises
    ``ValueError`` for rows below 1.
    """
    check_rows(rows)
    copy = plain_copy(model).eval().requires_grad_(False)
    for each in list(copy.modules()):
        restore(each)
    chosen: dict[nn.Module, nn.Module] = {
        layer: _fastest(_ways(layer), (rows, *_one(layer))) for layer in nist_layers(copy) if not has_hooks(layer)
    }
    together: dict[nn.Module, nn.Module] = {}
    for sequential in filterfalse(has_hooks, sequentials(copy)):
        narrow: dict[nn.Module, nn.Module] = {}
        for run in runs(sequential):
            if any(layer in chosen for layer in run) and can_be_narrowed(run) and not any(map(has_hooks, run)):
                narrow |= _narrow(run, chosen, rows)
        if narrow:
            layers = (narrow.get(each, chosen.get(each, each)) for each in sequential)
            together[sequential] = Together(sequential, nn.Sequential(*layers))
    return replaced(copy, {**chosen, **together}).eval()


def _narrow(run: Sequence[nn.Module], alone: Mapping[nn.Module, nn.Module], rows: int) -> dict[nn.Module, nn.Module]:
    """Narrowed layers in place of a run's; none if the layers that are fastest ``alone`` are faster as a whole."""
    matrices = narrowed(run)
    ways = {layer: _ways_of_matrix(matrix) for layer, matrix in matrices.items()}
    named = [tuple(_fastest(each, (rows, each[0].in_features)).way for each in ways.values())]
    if all(each[0].way == "listed" for each in ways.values()):
        named.append(("listed",) * len(ways))
    choices: list[dict[nn.Module, nn.Module]] = [{}]
    for names, by_feature in product(dict.fromkeys(named), (False, True)):
        layers = [SparseLinear(matrix, way) for matrix, way in zip(matrices.values(), names, strict=True)]
        for one, other in pairwise(layers):
            one.by_feature = by_feature and one.way == other.way == "listed"
        if by_feature and not any(each.by_feature for each in layers):
            continue
        choices.append(dict(zip(matrices, layers, strict=True)))
    trials = [nn.Sequential(*(choice.get(each, alone.get(each, each)) for each in run)) for choice in choices]
    first: Any = run[0]
    seconds = _times(trials, (rows, first.in_features))
    return choices[seconds.index(min(seconds))]


def _ways(layer: NISTLinear) -> list[Any]:
    """What can take a layer's place."""
    ways: list[nn.Module] = [layer.dense().eval().requires_grad_(False)]
    # Not in place of a convolution or a layer of transformers, which gets other inputs.
    listed = type(layer) is NISTLinear and is_listed(layer)
    if layer.form != "masked" and not (listed and layer.form == "compressed"):
        ways.append(layer)
    if listed:
        ways += [way for way in _ways_of_matrix(of_layer(layer)) if not way.is_dense]
    return ways


def _one(layer: NISTLinear) -> tuple[int, ...]:
    """Shape of one row of a layer's inputs."""
    if not isinstance(layer, NISTConv2d):
        return (layer.in_features,)
    height, width = layer.kernel_size
    return layer.in_features // (height * width), height, width


def _ways_of_matrix(matrix: Matrix) -> list[Any]:
    """What can take the place of a matrix: a block alone if most weights are left, none if it is large."""
    size, ways = len(matrix.bias) * matrix.n_in, []
    if size > SMALL or 2 * len(matrix.weight) <= size:
        ways.append("listed")
    if size <= SMALL:
        ways.append("block")
    return [SparseLinear(matrix, way) for way in ways]


def _fastest(ways: Sequence[Any], shape: tuple[int, ...]) -> Any:
    if len(ways) == 1:
        return ways[0]
    seconds = _times(ways, shape)
    return ways[seconds.index(min(seconds))]


def _times(ways: Sequence[Any], shape: tuple[int, ...]) -> list[float]:
    """Seconds of each on random inputs of that shape, medians."""
    like = next(chain(ways[0].parameters(), ways[0].buffers()))
    x = torch.randn(shape, dtype=like.dtype, device=like.device)
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

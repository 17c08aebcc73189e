"""Products with a sparse matrix, without gradients: those are in ``nist.sparse.csr_gradients``.

The matrix A has shape ``(n_out, n_in)``; ``weight``, of shape (active weights,), is sorted by output, then input. A
prune leaves most inputs and outputs of a large layer without a weight, so only the others are taken, multiplied by a
small matrix in CSR, and put back. Memory is one number a weight, whatever the batch.
"""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch

Tensors = Sequence[torch.Tensor]


class Layout(NamedTuple):
    """Where the weights of a matrix are, of those outputs and inputs alone that have one.

    ``starts`` and ``columns`` are CSR's, int32; ``order`` sorts the weights by input, then output, as the transposed
    matrix has them; ``used`` inputs and ``reached`` outputs are sorted, int64.
    """

    starts: torch.Tensor
    columns: torch.Tensor
    order: torch.Tensor
    used: torch.Tensor
    reached: torch.Tensor


def layouts(inputs: torch.Tensor, outputs: torch.Tensor) -> tuple[Layout, Layout]:
    """Those of a matrix and of the transposed one, from the inputs and outputs of weights sorted by output, input."""
    used, columns = torch.unique(inputs, return_inverse=True)
    reached, rows = torch.unique(outputs, return_inverse=True)
    order = torch.argsort(columns, stable=True)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=order.device)
    forth = Layout(_starts(rows, len(reached)), columns.int(), order, used, reached)
    return forth, Layout(_starts(columns[order], len(used)), rows[order].int(), back, reached, used)


def _starts(rows: torch.Tensor, n: int) -> torch.Tensor:
    counts = torch.bincount(rows, minlength=n)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]).int()


def multiplied(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, forth: Tensors, n_out: int, by_feature: bool
) -> torch.Tensor:
    """``(n, n_in)`` times the transposed A, plus ``bias``: ``(n, n_out)``.

    With ``by_feature`` it lies in memory feature by feature, which another sparse layer takes best, and a dense one
    worst: ten times as long as row by row.
    """
    layout, n = Layout(*forth), len(x)
    with _plainly(x):
        if len(layout.reached) < n_out:
            found = _product(weight, layout, x, None, x.new_empty(len(layout.reached), n))
            return _put(found, layout.reached, n_out, bias, by_feature)
        result = x.new_empty_strided((n, n_out), (1, n))  # not a view, which would refuse to be changed in place
        _product(weight, layout, x, bias, result.T)
        return result if by_feature else result.contiguous()


def _product(
    weight: torch.Tensor, layout: Layout, x: torch.Tensor, bias: torch.Tensor | None, out: torch.Tensor
) -> torch.Tensor:
    """The outputs that have a weight, ``(reached, n)``, plus ``bias``, in ``out``."""
    if not len(weight):
        return out
    start, beta = (out, 0) if bias is None else (bias.unsqueeze(1), 1)
    return torch.addmm(start, _csr(weight, layout), _taken(x, layout.used), beta=beta, out=out)


def sampled(y: torch.Tensor, x: torch.Tensor, forth: Tensors) -> torch.Tensor:
    """The outer products of ``(n, n_out)`` and ``(n, n_in)``, summed over n, at the places of A: (active weights,)."""
    layout = Layout(*forth)
    if not len(layout.columns):
        return x.new_zeros(0)
    with _plainly(x):
        pattern = _csr(x.new_zeros(len(layout.columns)), layout)
        columns = _taken(x, layout.used).T
        return torch.sparse.sampled_addmm(pattern, _taken(y, layout.reached), columns).values().clone()


def _taken(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The columns of ``(n, width)`` at ``places``, as rows: ``(places, n)``."""
    if 5 * len(places) < 3 * x.shape[1] and not x.T.is_contiguous():
        return x.index_select(1, places).T.contiguous()
    return x.T.contiguous() if len(places) == x.shape[1] else x.T.contiguous().index_select(0, places)


def _put(
    rows: torch.Tensor, places: torch.Tensor, width: int, bias: torch.Tensor | None, by_feature: bool
) -> torch.Tensor:
    """The way back, plus ``bias``: ``(places, n)`` to ``(n, width)``, the bias or zero elsewhere."""
    n = rows.shape[1]
    if not by_feature and n > 1 and 2 * len(places) < width:
        filled = rows.new_zeros(n, width) if bias is None else bias.repeat(n, 1)
        here = rows if bias is None else rows.add_(bias.index_select(0, places).unsqueeze(1))
        return filled.scatter_(1, places.expand(n, -1), here.T)
    result = rows.new_empty_strided((n, width), (1, n))
    (result.zero_() if bias is None else result.copy_(bias)).T.index_add_(0, places, rows)
    return result if by_feature else result.contiguous()


def is_autocast(device: str) -> bool:
    """Whether autocast is on for a type of device; on ``meta`` there is none, and torch would raise an error."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _plainly(x: torch.Tensor) -> AbstractContextManager:
    """No autocast inside: sparse products know no bfloat16."""
    device = x.device.type
    return torch.autocast(device, enabled=False) if is_autocast(device) else nullcontext()


def _csr(values: torch.Tensor, layout: Layout) -> torch.Tensor:
    size = len(layout.reached), len(layout.used)
    return torch.sparse_csr_tensor(layout.starts, layout.columns, values, size, check_invariants=False)


with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    with torch.device("cpu"):  # whatever the default is when this is imported
        _csr(torch.ones(1), layouts(*torch.zeros(2, 1, dtype=torch.int64))[0])

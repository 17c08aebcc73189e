"""Products with a sparse matrix: two functions whose derivatives are made of the same two.

The matrix A has shape ``(n_out, n_in)``; ``weight``, of shape (active weights,), is sorted by output, then input. A
prune leaves most inputs and outputs of a large layer without a weight, so only the others are taken, multiplied by a
small matrix in CSR, and put back. Memory is one number a weight, forward and backward, whatever the batch.

To ``torch.compile``, ``torch.export`` and counters of FLOPs, which know no sparse tensors, they are operators, one node
each. Else they are called without, which takes half as long where a layer is small.
"""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import library
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as _current_modes
from torch.utils.flop_counter import register_flop_formula

Tensors = Sequence[torch.Tensor]
Gradients = tuple[torch.Tensor | Sequence[None] | None, ...]
SPARSE = 4  # times as many places as are filled: from there on, columns are filled in place of rows


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


def compressed(x: torch.Tensor, weight: torch.Tensor, forth: Layout, back: Layout, n_out: int) -> torch.Tensor:
    """``(..., n_in)`` times the transposed A: ``(..., n_out)``. Sums are in float32 at least."""
    precise = torch.promote_types(weight.dtype, torch.float32)
    flat = x.reshape(-1, x.shape[-1]).to(precise)
    product = _product(flat, weight.to(precise), forth, back, n_out)
    return product.reshape(*x.shape[:-1], n_out).to(x.dtype)


def with_bias(x: torch.Tensor, weight: torch.Tensor, forth: Layout, bias: torch.Tensor) -> torch.Tensor:
    """``(n, n_in)`` times the transposed A, plus ``bias``: ``(n, n_out)``, feature by feature in memory."""
    result = bias.unsqueeze(1).repeat(1, len(x))
    if len(weight):
        result.index_add_(0, forth.reached, _csr(weight, forth) @ _taken(x, forth.used))
    return result.T


def _product(x: torch.Tensor, weight: torch.Tensor, forth: Tensors, back: Tensors, n_out: int) -> torch.Tensor:
    """``(n, n_in)`` to ``(n, n_out)``."""
    if _is_watched():
        return product_operator(x, weight, [*forth], [*back], n_out)
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return _Product.apply(x, weight, n_out, *forth, *back)
    return _multiplied(x, weight, forth, n_out)


def _samples(y: torch.Tensor, x: torch.Tensor, forth: Tensors, back: Tensors) -> torch.Tensor:
    """The outer products of ``(n, n_out)`` and ``(n, n_in)``, summed over n, at the places of A: (active weights,)."""
    if _is_watched():
        return samples_operator(y, x, [*forth], [*back])
    if torch.is_grad_enabled() and (y.requires_grad or x.requires_grad):
        return _Samples.apply(y, x, *forth, *back)
    return _sampled(y, x, forth)


def _is_watched() -> bool:
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or bool(_current_modes())


def _multiplied(x: torch.Tensor, weight: torch.Tensor, forth: Tensors, n_out: int) -> torch.Tensor:
    layout = Layout(*forth)
    if not len(weight):
        return x.new_zeros(len(x), n_out)
    with _plainly(x):
        return _put(_csr(weight, layout) @ _taken(x, layout.used), layout.reached, n_out)


def _sampled(y: torch.Tensor, x: torch.Tensor, forth: Tensors) -> torch.Tensor:
    layout = Layout(*forth)
    if not len(layout.columns):
        return x.new_zeros(0)
    with _plainly(x):
        pattern = _csr(x.new_zeros(len(layout.columns)), layout)
        columns = _taken(x, layout.used).T
        return torch.sparse.sampled_addmm(pattern, _taken(y, layout.reached), columns).values().clone()


def _taken(x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The columns of ``(n, width)`` at ``places``, as rows: ``(places, n)``."""
    if len(places) == x.shape[1]:
        return x.T.contiguous()
    return x.T.index_select(0, places) if x.T.is_contiguous() else x.index_select(1, places).T.contiguous()


def _put(rows: torch.Tensor, places: torch.Tensor, width: int) -> torch.Tensor:
    """The way back: ``(places, n)`` to ``(n, width)``, zero elsewhere, row by row in memory.

    Left feature by feature it would take the next sparse layer less time, and a narrow dense one ten times as much.
    """
    if len(places) == width:
        return rows.T.contiguous()
    if SPARSE * len(places) < width:
        return rows.new_zeros(rows.shape[1], width).index_copy_(1, places, rows.T)
    return rows.new_zeros(width, rows.shape[1]).index_copy_(0, places, rows).T.contiguous()


def _gradients_of_product(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, places: Tensors, needed: Sequence[bool]
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    forth, back = _halves(places)
    of_x = _transposed(gradient, weight, forth, back, x.shape[1]) if needed[0] else None
    return of_x, _samples(gradient, x, forth, back) if needed[1] else None


def _gradients_of_samples(
    gradient: torch.Tensor, y: torch.Tensor, x: torch.Tensor, places: Tensors, needed: Sequence[bool]
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    forth, back = _halves(places)
    of_y = _product(x, gradient, forth, back, y.shape[1]) if needed[0] else None
    return of_y, _transposed(y, gradient, forth, back, x.shape[1]) if needed[1] else None


def _halves(places: Tensors) -> tuple[Tensors, Tensors]:
    n = len(Layout._fields)
    return places[:n], places[n:]


def _transposed(y: torch.Tensor, weight: torch.Tensor, forth: Tensors, back: Tensors, n_in: int) -> torch.Tensor:
    """``(n, n_out)`` times A: ``(n, n_in)``."""
    return _product(y, weight.index_select(0, Layout(*forth).order), back, forth, n_in)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, n_out: int, *places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight, *places)
        return _multiplied(x, weight, _halves(places)[0], n_out)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        x, weight, *places = ctx.saved_tensors  # only once, or gradient checkpointing refuses
        found = _gradients_of_product(gradient, x, weight, places, ctx.needs_input_grad)
        return *found, None, *[None] * len(places)


class _Samples(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor, *places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(y, x, *places)
        return _sampled(y, x, _halves(places)[0])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        y, x, *places = ctx.saved_tensors
        found = _gradients_of_samples(gradient, y, x, places, ctx.needs_input_grad)
        return *found, *[None] * len(places)


@library.custom_op("nist::sparse_product", mutates_args=())
def product_operator(
    x: torch.Tensor,
    weight: torch.Tensor,
    forth: Sequence[torch.Tensor],
    back: Sequence[torch.Tensor],
    n_out: int,
) -> torch.Tensor:
    """``_product`` as one node."""
    return _multiplied(x, weight, forth, n_out)


@library.custom_op("nist::sparse_samples", mutates_args=())
def samples_operator(
    y: torch.Tensor, x: torch.Tensor, forth: Sequence[torch.Tensor], back: Sequence[torch.Tensor]
) -> torch.Tensor:
    """``_samples`` as one node."""
    return _sampled(y, x, forth)


@product_operator.register_fake
def _(x: torch.Tensor, weight: torch.Tensor, forth: Tensors, back: Tensors, n_out: int) -> torch.Tensor:
    return x.new_empty(x.shape[0], n_out)


@samples_operator.register_fake
def _(y: torch.Tensor, x: torch.Tensor, forth: Tensors, back: Tensors) -> torch.Tensor:
    return x.new_empty(forth[1].shape)


def _save(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
    one, other, forth, back = inputs[:4]
    ctx.save_for_backward(one, other, *forth, *back)


def _product_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    x, weight, *places = ctx.saved_tensors
    found = _gradients_of_product(gradient, x, weight, places, ctx.needs_input_grad)
    return *found, *([None] * len(half) for half in _halves(places)), None


def _samples_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    y, x, *places = ctx.saved_tensors
    found = _gradients_of_samples(gradient, y, x, places, ctx.needs_input_grad)
    return *found, *([None] * len(half) for half in _halves(places))


product_operator.register_autograd(_product_backward, setup_context=_save)
samples_operator.register_autograd(_samples_backward, setup_context=_save)


@register_flop_formula([torch.ops.nist.sparse_product])
def _flops_of_a_product(x: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    return 2 * x[0] * weight[0]


@register_flop_formula(torch.ops.nist.sparse_samples)
def _flops_of_samples(y: torch.Size, x: torch.Size, forth: Sequence[torch.Size], *_: object, **__: object) -> int:
    return 2 * x[0] * forth[1][0]


def _plainly(x: torch.Tensor) -> AbstractContextManager:
    """No autocast inside: sparse products know no bfloat16."""
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def _csr(values: torch.Tensor, layout: Layout) -> torch.Tensor:
    size = len(layout.reached), len(layout.used)
    return torch.sparse_csr_tensor(layout.starts, layout.columns, values, size, check_invariants=False)


with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    _csr(torch.ones(1), layouts(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))[0])

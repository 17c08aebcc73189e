"""Products with a sparse matrix in CSR, as three operators whose derivatives are made of the same three.

The matrix A has shape ``(n_out, n_in)``: ``weight`` and ``columns`` of shape (active weights,), sorted by output, and
``rows`` of shape ``(n_out + 1,)``, which says where each output's weights start. As operators of torch's they are one
node to ``torch.compile`` and ``torch.export``, which know no sparse tensors. Memory is one number a weight, forward and
backward, whatever the batch.
"""

import warnings
from typing import Any

import torch
from torch import library
from torch.utils.flop_counter import register_flop_formula

Gradients = tuple[torch.Tensor | None, ...]


def compressed(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``(..., n_in)`` times the transposed A: ``(..., n_out)``. Sums are in float32 at least."""
    precise = torch.promote_types(weight.dtype, torch.float32)
    flat = x.reshape(-1, x.shape[-1]).to(precise)
    return _product(flat, weight.to(precise), rows, columns).reshape(*x.shape[:-1], rows.shape[0] - 1).to(x.dtype)


@library.custom_op("nist::csr_product", mutates_args=())
def _product(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``(n, n_in)`` to ``(n, n_out)``."""
    with _plainly(x):
        return (_csr(weight, rows, columns, x.shape[1]) @ x.T).T.contiguous()


@library.custom_op("nist::csr_transposed", mutates_args=())
def _transposed(
    y: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, n_in: int
) -> torch.Tensor:
    """``(n, n_out)`` times A: ``(n, n_in)``."""
    with _plainly(y):
        return (_csr(weight, rows, columns, n_in).t() @ y.T.contiguous()).T.contiguous()


@library.custom_op("nist::csr_sampled", mutates_args=())
def _sampled(y: torch.Tensor, x: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """The outer products of ``(n, n_out)`` and ``(n, n_in)``, summed over n, at the places of A: (active weights,)."""
    with _plainly(x):
        pattern = _csr(x.new_zeros(len(columns)), rows, columns, x.shape[1])
        return torch.sparse.sampled_addmm(pattern, y.T.contiguous(), x).values().clone()


@_product.register_fake
def _(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return x.new_empty(x.shape[0], rows.shape[0] - 1)


@_transposed.register_fake
def _(y: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, n_in: int) -> torch.Tensor:
    return y.new_empty(y.shape[0], n_in)


@_sampled.register_fake
def _(y: torch.Tensor, x: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return x.new_empty(columns.shape)


def _product_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    x, weight, rows, columns = ctx.saved_tensors  # only once, or gradient checkpointing refuses
    of_x = _transposed(gradient, weight, rows, columns, x.shape[1]) if ctx.needs_input_grad[0] else None
    return of_x, _sampled(gradient, x, rows, columns) if ctx.needs_input_grad[1] else None, None, None


def _transposed_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    y, weight, rows, columns = ctx.saved_tensors
    of_y = _product(gradient, weight, rows, columns) if ctx.needs_input_grad[0] else None
    return of_y, _sampled(y, gradient, rows, columns) if ctx.needs_input_grad[1] else None, None, None, None


def _sampled_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    y, x, rows, columns = ctx.saved_tensors
    of_y = _product(x, gradient, rows, columns) if ctx.needs_input_grad[0] else None
    of_x = _transposed(y, gradient, rows, columns, x.shape[1]) if ctx.needs_input_grad[1] else None
    return of_y, of_x, None, None


def _save(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
    ctx.save_for_backward(*inputs[:4])


for _operator, _backward in (
    (_product, _product_backward),
    (_transposed, _transposed_backward),
    (_sampled, _sampled_backward),
):
    _operator.register_autograd(_backward, setup_context=_save)


@register_flop_formula([torch.ops.nist.csr_product, torch.ops.nist.csr_transposed])
def _flops_of_a_product(x: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    return 2 * x[0] * weight[0]


@register_flop_formula(torch.ops.nist.csr_sampled)
def _flops_of_samples(y: torch.Size, x: torch.Size, rows: torch.Size, columns: torch.Size, **_: object) -> int:
    return 2 * x[0] * columns[0]


def _plainly(x: torch.Tensor) -> torch.autocast:
    """No autocast inside: sparse products know no bfloat16."""
    return torch.autocast(x.device.type, enabled=False)


def _csr(values: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, n_in: int) -> torch.Tensor:
    return torch.sparse_csr_tensor(rows, columns, values, (len(rows) - 1, n_in), check_invariants=False)


with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    _csr(torch.zeros(0), torch.zeros(2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 1)

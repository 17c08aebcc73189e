"""The arithmetic of a NIST layer in its forms: the same function, at costs that differ by orders of magnitude.

Each takes inputs of shape ``(..., n_in)`` and returns ``(..., n_out)``.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import library
from torch.nn import functional as F

from nist.sparse.mask import Band

Arithmetic = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
FORMS = ("masked", "banded", "blocked", "compressed")


def masked(x: torch.Tensor, weight: torch.Tensor, mask: torch.Tensor | None, bias: torch.Tensor | None) -> torch.Tensor:
    """Eq. 2: a dense product with W ⊙ M; ``weight`` and ``mask`` have shape ``(n_out, n_in)``.

    ``mask`` is ``None`` where every connection is there.
    """
    return F.linear(x, weight if mask is None else weight * mask, bias)


def in_band(arithmetic: Arithmetic, x: torch.Tensor, weight: torch.Tensor, band: Band) -> torch.Tensor:
    """``banded`` or ``blocked`` of any band; ``weight`` has shape ``(parts * k, n_in)``, columns by place."""
    if band.channels > 1:
        x = x.unflatten(-1, (band.channels, -1)).transpose(-1, -2).flatten(-2)
    if band.is_spread:  # the band of Eq. 1 over as many inputs as outputs, of which those between the starts are zero
        starts = torch.arange(band.n_in, device=x.device) * band.width // band.n_in
        x, weight = (t.new_zeros(*t.shape[:-1], band.width).index_copy(-1, starts, t) for t in (x, weight))
    results = [arithmetic(x, part, band.width) for part in weight.split(band.k)]
    return results[0] if band.parts == 1 else torch.cat(results, -1)


def banded(x: torch.Tensor, weight: torch.Tensor, n_out: int) -> torch.Tensor:
    """Eq. 1 as k multiply-adds an input, with no index; ``weight[t, i]`` joins input i to (i + t) mod n_out."""
    first, *others = weight
    total = _wrapped(x * first, n_out)
    for offset, weights in enumerate(others, start=1):
        # Input i lands on i mod n_out, and then moves by the offset.
        total = total + _wrapped(x * weights, n_out).roll(offset, -1)
    return total


def blocked(x: torch.Tensor, weight: torch.Tensor, n_out: int) -> torch.Tensor:
    """Eq. 1 as dense products of small blocks; ``weight`` as in ``banded``.

    A run of b neighbouring inputs feeds b + k - 1 neighbouring outputs, through a b × (b + k - 1) parallelogram of
    weights: one batched product for all runs, at most twice the band's arithmetic where b <= k, and then their
    overlapping outputs are added up.
    """
    k, n_in = weight.shape
    block = block_size(n_in, k)
    blocks, reach = -(-n_in // block), -(-(block + k - 1) // block)  # a run's outputs span so many runs' places
    spare = blocks * block - n_in
    bands = F.pad(weight, (0, spare)).T.unflatten(0, (blocks, block))
    parallelograms = F.pad(_sheared(bands, 1), (0, (reach - 1) * block - k + 1))
    runs = F.pad(x.reshape(-1, n_in), (0, spare)).unflatten(1, (blocks, block)).transpose(0, 1)
    products = runs.bmm(parallelograms).unflatten(2, (reach, block))
    overlapping = products.permute(1, 2, 0, 3).flatten(2)  # rows × reach × outputs
    return _wrapped(_sheared(overlapping, block).sum(1), n_out).reshape(*x.shape[:-1], n_out)


def block_size(n_in: int, k: int) -> int:
    """Inputs in a block of ``blocked``: about k, in 16 … 256, and as equal as the blocks can be."""
    blocks = -(-n_in // min(max(k, 16), 256))
    return -(-n_in // blocks)


def _sheared(rows: torch.Tensor, step: int) -> torch.Tensor:
    """``(..., r, c)`` with row i moved right by i · step places, zeros around it: ``(..., r, c + (r - 1) · step)``."""
    r, c = rows.shape[-2:]
    longer = c + (r - 1) * step
    return F.pad(rows, (0, r * step)).flatten(-2)[..., : r * longer].unflatten(-1, (r, longer))


def _wrapped(x: torch.Tensor, n_out: int) -> torch.Tensor:
    """``(..., n)`` to ``(..., n_out)``: entry i is added to i mod n_out."""
    periods = -(-x.shape[-1] // n_out)
    spare = periods * n_out - x.shape[-1]
    if spare:
        x = F.pad(x, (0, spare))
    return x if periods == 1 else x.unflatten(-1, (periods, n_out)).sum(-2)


def compressed(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """A product with a sparse matrix in CSR: ``weight`` and ``columns`` of shape (active weights,), sorted by output.

    ``rows`` of shape (n_out + 1,) says where each output's weights start. Memory is one number a weight, forward and
    backward, whatever the batch. Sums are in float32 at least.
    """
    precise = torch.promote_types(weight.dtype, torch.float32)
    flat = x.reshape(-1, x.shape[-1]).to(precise)
    return _product(flat, weight.to(precise), rows, columns).reshape(*x.shape[:-1], len(rows) - 1).to(x.dtype)


# Operators of their own, so that torch.compile and torch.export see one node where there are sparse tensors inside.
@library.custom_op("nist::csr_product", mutates_args=())
def _product(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    with _plainly(x):
        return (_csr(weight, rows, columns, x.shape[1]) @ x.T).T.contiguous()


@library.custom_op("nist::csr_gradient_of_input", mutates_args=())
def _gradient_of_input(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    with _plainly(x):
        return (_csr(weight, rows, columns, x.shape[1]).t() @ gradient.T.contiguous()).T.contiguous()


@library.custom_op("nist::csr_gradient_of_weight", mutates_args=())
def _gradient_of_weight(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """At the active places only."""
    with _plainly(x):
        pattern = _csr(torch.zeros_like(weight), rows, columns, x.shape[1])
        return torch.sparse.sampled_addmm(pattern, gradient.T.contiguous(), x).values().clone()


@_product.register_fake
def _(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    return x.new_empty(x.shape[0], rows.shape[0] - 1)


@_gradient_of_input.register_fake
def _(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    return x.new_empty(x.shape)  # contiguous, as the product is, whatever x is


@_gradient_of_weight.register_fake
def _(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    return weight.new_empty(weight.shape)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
    saved = ctx.saved_tensors  # only once, or gradient checkpointing refuses
    for_input = _gradient_of_input(gradient, *saved) if ctx.needs_input_grad[0] else None
    for_weight = _gradient_of_weight(gradient, *saved) if ctx.needs_input_grad[1] else None
    return for_input, for_weight, None, None


_product.register_autograd(_backward, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


def _plainly(x: torch.Tensor) -> torch.autocast:
    """No autocast inside: sparse products know no bfloat16."""
    return torch.autocast(x.device.type, enabled=False)


def _csr(values: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, n_in: int) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, columns, values, (len(rows) - 1, n_in), check_invariants=False)

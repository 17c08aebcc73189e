"""The arithmetic of a NIST layer in its forms: the same function, at costs that differ by orders of magnitude.

Each takes inputs of shape ``(..., n_in)`` and returns ``(..., n_out)``.
"""

import warnings

import torch
from torch.nn import functional as F


def masked(x: torch.Tensor, weight: torch.Tensor, mask: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Eq. 2: a dense product with W ⊙ M; ``weight`` and ``mask`` have shape ``(n_out, n_in)``."""
    return F.linear(x, weight * mask, bias)


def banded(x: torch.Tensor, weight: torch.Tensor, n_out: int) -> torch.Tensor:
    """Eq. 1 as a band: k multiply-adds an input and no index; ``weight[t, i]`` joins input i to (i + t) mod n_out."""
    n_in = x.shape[-1]
    periods = -(-n_in // n_out)
    total = None
    for offset, weights in enumerate(weight):
        # Input i lands on i mod n_out: cut the products into rows of n_out and add them up; then shift by the offset.
        products = F.pad(x * weights, (0, periods * n_out - n_in))
        folded = products.unflatten(-1, (periods, n_out)).sum(-2).roll(offset, -1)
        total = folded if total is None else total + folded
    return total


def compressed(x: torch.Tensor, weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, n_out: int):
    """A product with a sparse matrix in CSR: ``weight`` and ``columns`` of shape (active weights,), sorted by output.

    ``rows`` of shape (n_out + 1,) says where each output's weights start. Memory is one number a weight, forward and
    backward, whatever the batch.
    """
    flat = x.reshape(-1, x.shape[-1]).to(weight.dtype)
    return _Compressed.apply(flat, weight, rows, columns, n_out).reshape(*x.shape[:-1], n_out)


class _Compressed(torch.autograd.Function):
    """CSR product whose gradient is taken at the active weights only."""

    @staticmethod
    def forward(ctx, x, weight, rows, columns, n_out):
        ctx.save_for_backward(x, weight, rows, columns)
        ctx.n_out = n_out
        return (_csr(weight, rows, columns, (n_out, x.shape[1])) @ x.T).T

    @staticmethod
    def backward(ctx, gradient):
        x, weight, rows, columns = ctx.saved_tensors
        shape = (ctx.n_out, x.shape[1])
        outgoing = gradient.T.contiguous()
        for_x = (_csr(weight, rows, columns, shape).t() @ outgoing).T if ctx.needs_input_grad[0] else None
        pattern = _csr(torch.zeros_like(weight), rows, columns, shape)
        for_weight = torch.sparse.sampled_addmm(pattern, outgoing, x).values() if ctx.needs_input_grad[1] else None
        return for_x, for_weight, None, None, None


def _csr(values: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)

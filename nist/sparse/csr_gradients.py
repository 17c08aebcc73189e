"""Products with a sparse matrix, with gradients: those of ``nist.sparse.gathering``, and of ``nist.sparse.csr``.

The latter are two functions whose derivatives are made of the same two.

To ``torch.compile``, ``torch.export`` and counters of FLOPs, which know no sparse tensors, they are operators, one node
each. Else they are called without, which takes half as long where a layer is small.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import library
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as _current_modes
from torch.utils.flop_counter import register_flop_formula

from nist.sparse import gathering
from nist.sparse.csr import Layout, Tensors, multiplied, sampled

Gradients = tuple[torch.Tensor | Sequence[None] | None, ...]


def compressed(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    forth: Layout,
    back: Layout,
    ends: tuple[torch.Tensor, torch.Tensor],
    n_out: int,
    by_feature: bool = False,
) -> torch.Tensor:
    """``(..., n_in)`` times the transposed A, plus ``bias``: ``(..., n_out)``. Sums are in float32 at least.

    ``ends`` are the input and the output of each weight, ``by_feature`` is as in ``multiplied``. The gradient of ``x``
    lies in memory as ``x`` does.
    """
    precise = torch.promote_types(weight.dtype, torch.float32)
    flat, weight = x.reshape(-1, x.shape[-1]).to(precise), weight.to(precise)
    bias = None if bias is None else bias.to(precise)
    if not _is_watched():
        most = gathering.most_rows_of(forth, _needs_gradients(flat, weight, bias))
        if gathering.gathers(flat, most, by_feature):
            return gathering.gathered(flat, weight, bias, *ends, n_out).reshape(*x.shape[:-1], n_out).to(x.dtype)
    product = _product(flat, weight, bias, forth, back, n_out, by_feature)
    return product.reshape(*x.shape[:-1], n_out).to(x.dtype)


def _product(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    forth: Tensors,
    back: Tensors,
    n_out: int,
    by_feature: bool = False,
) -> torch.Tensor:
    """``(n, n_in)`` to ``(n, n_out)``."""
    if _is_watched():
        return product_operator(x, weight, bias, [*forth], [*back], n_out, by_feature)
    if _needs_gradients(x, weight, bias):
        return _Product.apply(x, weight, bias, n_out, by_feature, *forth, *back)
    return multiplied(x, weight, bias, forth, n_out, by_feature)


def _samples(y: torch.Tensor, x: torch.Tensor, forth: Tensors, back: Tensors) -> torch.Tensor:
    """The outer products of ``(n, n_out)`` and ``(n, n_in)``, summed over n, at the places of A: (active weights,)."""
    if _is_watched():
        return samples_operator(y, x, [*forth], [*back])
    if _needs_gradients(y, x):
        return _Samples.apply(y, x, *forth, *back)
    return sampled(y, x, forth)


def _needs_gradients(*tensors: torch.Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in tensors)


def _is_watched() -> bool:
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or bool(_current_modes())


def _gradients_of_product(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, places: Tensors, needed: Sequence[bool]
) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
    forth, back = _halves(places)
    of_x = _transposed(gradient, weight, forth, back, x) if needed[0] else None
    of_weight = _samples(gradient, x, forth, back) if needed[1] else None
    return of_x, of_weight, gradient.sum(0) if needed[2] else None


def _gradients_of_samples(
    gradient: torch.Tensor, y: torch.Tensor, x: torch.Tensor, places: Tensors, needed: Sequence[bool]
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    forth, back = _halves(places)
    of_y = _product(x, gradient, None, forth, back, y.shape[1]) if needed[0] else None
    return of_y, _transposed(y, gradient, forth, back, x) if needed[1] else None


def _halves(places: Tensors) -> tuple[Tensors, Tensors]:
    n = len(Layout._fields)
    return places[:n], places[n:]


def _transposed(
    y: torch.Tensor, weight: torch.Tensor, forth: Tensors, back: Tensors, like: torch.Tensor
) -> torch.Tensor:
    """``(n, n_out)`` times A: ``(n, n_in)``, which lies in memory ``like`` a tensor of that shape."""
    by_feature = like.T.is_contiguous() and not like.is_contiguous()
    return _product(y, weight.index_select(0, Layout(*forth).order), None, back, forth, like.shape[1], by_feature)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        n_out: int,
        by_feature: bool,
        *places: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight, *places)
        return multiplied(x, weight, bias, _halves(places)[0], n_out, by_feature)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        x, weight, *places = ctx.saved_tensors  # only once, or gradient checkpointing refuses
        found = _gradients_of_product(gradient, x, weight, places, ctx.needs_input_grad)
        return *found, None, None, *[None] * len(places)


class _Samples(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, x: torch.Tensor, *places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(y, x, *places)
        return sampled(y, x, _halves(places)[0])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        y, x, *places = ctx.saved_tensors
        found = _gradients_of_samples(gradient, y, x, places, ctx.needs_input_grad)
        return *found, *[None] * len(places)


@library.custom_op("nist::sparse_product", mutates_args=())
def product_operator(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    forth: Sequence[torch.Tensor],
    back: Sequence[torch.Tensor],
    n_out: int,
    by_feature: bool,
) -> torch.Tensor:
    """``_product`` as one node."""
    return multiplied(x, weight, bias, forth, n_out, by_feature)


@library.custom_op("nist::sparse_samples", mutates_args=())
def samples_operator(
    y: torch.Tensor, x: torch.Tensor, forth: Sequence[torch.Tensor], back: Sequence[torch.Tensor]
) -> torch.Tensor:
    """``_samples`` as one node."""
    return sampled(y, x, forth)


@product_operator.register_fake
def _(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    forth: Tensors,
    back: Tensors,
    n_out: int,
    by_feature: bool,
) -> torch.Tensor:
    return x.new_empty(n_out, x.shape[0]).T if by_feature else x.new_empty(x.shape[0], n_out)


@samples_operator.register_fake
def _(y: torch.Tensor, x: torch.Tensor, forth: Tensors, back: Tensors) -> torch.Tensor:
    return x.new_empty(forth[1].shape)


def _save_product(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
    x, weight, _, forth, back = inputs[:5]
    ctx.save_for_backward(x, weight, *forth, *back)


def _save_samples(ctx: Any, inputs: tuple, output: torch.Tensor) -> None:
    y, x, forth, back = inputs
    ctx.save_for_backward(y, x, *forth, *back)


def _product_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    x, weight, *places = ctx.saved_tensors
    found = _gradients_of_product(gradient, x, weight, places, ctx.needs_input_grad)
    return *found, *([None] * len(half) for half in _halves(places)), None, None


def _samples_backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
    y, x, *places = ctx.saved_tensors
    found = _gradients_of_samples(gradient, y, x, places, ctx.needs_input_grad)
    return *found, *([None] * len(half) for half in _halves(places))


product_operator.register_autograd(_product_backward, setup_context=_save_product)
samples_operator.register_autograd(_samples_backward, setup_context=_save_samples)


@register_flop_formula([torch.ops.nist.sparse_product])
def _flops_of_a_product(x: torch.Size, weight: torch.Size, *_: object, **__: object) -> int:
    return 2 * x[0] * weight[0]


@register_flop_formula(torch.ops.nist.sparse_samples)
def _flops_of_samples(y: torch.Size, x: torch.Size, forth: Sequence[torch.Size], *_: object, **__: object) -> int:
    return 2 * x[0] * forth[1][0]

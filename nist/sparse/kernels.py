"""The arithmetic of the forms without a dense weight: the same function, at costs that differ by orders of magnitude.

Each takes inputs of shape ``(..., n_in)`` and returns ``(..., n_out)``.
"""

from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack as _current_modes

from nist.sparse.mask import Band

Arithmetic = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
FORMS = ("masked", "banded", "blocked", "compressed")


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
    if not torch.compiler.is_compiling() and any("FlopCounter" in type(mode).__name__ for mode in _current_modes()):
        return _counted(x, weight, n_out)
    first, *others = weight.unbind()
    total = _wrapped(x * first, n_out)
    for offset, weights in enumerate(others, start=1):
        # Input i lands on i mod n_out, and then moves by the offset.
        total = total + _wrapped(x * weights, n_out).roll(offset, -1)
    return total


def _counted(x: torch.Tensor, weight: torch.Tensor, n_out: int) -> torch.Tensor:
    """``banded`` as matrix products, which torch's FLOP counter counts: one of (rows × 1) · (1 × k) an input."""
    flat = x.reshape(-1, x.shape[-1])
    products = torch.bmm(flat.T.unsqueeze(-1), weight.T.unsqueeze(1))  # n_in × rows × k
    moved = [_wrapped(each.T, n_out).roll(offset, -1) for offset, each in enumerate(products.unbind(-1))]
    return torch.stack(moved).sum(0).reshape(*x.shape[:-1], n_out)


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

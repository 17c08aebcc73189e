"""The neuroseed mask of the paper's Eq. 1, and what follows from it by counting alone."""

from fractions import Fraction
from math import floor

import numpy as np


def check_factor(n_in: int, n_out: int, k: int) -> None:
    """Raise ``ValueError`` unless ``k`` is a neuroseed factor of an n_in → n_out layer (section 3.1)."""
    for name, value in (("n_in", n_in), ("n_out", n_out)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 1 <= k <= n_out:
        raise ValueError(f"neuroseed factor must be between 1 and n_out = {n_out}, got {k}")


def edges(n_in: int, n_out: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Input and output index of every connection of Eq. 1, ordered by input and then by offset t.

    Returns two int64 arrays of shape ``(n_in * k,)``. Raises ``ValueError`` for a factor out of range.
    """
    check_factor(n_in, n_out, k)
    inputs = np.repeat(np.arange(n_in), k)
    offsets = np.tile(np.arange(k), n_in)
    return inputs, (inputs + offsets) % n_out


def neuroseed_mask(n_in: int, n_out: int, k: int) -> np.ndarray:
    """Binary mask M of Eq. 1: input i feeds the outputs (i + t) mod n_out for t = 0 … k-1.

    Returns a boolean array of shape ``(n_in, n_out)``, the paper's orientation (a torch weight is its transpose).
    Raises ``ValueError`` for a factor out of range.
    """
    mask = np.zeros((n_in, n_out), dtype=bool)
    mask[edges(n_in, n_out, k)] = True
    return mask


def unconnected_outputs(n_in: int, n_out: int, k: int) -> int:
    """Number of outputs that Eq. 1 leaves without any input: the band spans n_in + k - 1 outputs before it wraps."""
    check_factor(n_in, n_out, k)
    return max(0, n_out - (n_in + k - 1))


def kept_weights(n_dense: int, sparsity: float) -> int:
    """Weights that a prune to ``sparsity`` keeps of ``n_dense``: floor((1 - s) * n_dense), as in Tables A2 and A3.

    The product is taken exactly on the decimal digits of ``sparsity``; in floats (1 - 0.9) * 1000 would floor to 99.
    Raises ``ValueError`` unless 0 <= sparsity < 1.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be in [0, 1), got {sparsity}")
    return floor((1 - Fraction(str(sparsity))) * n_dense)

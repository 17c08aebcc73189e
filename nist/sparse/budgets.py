"""How a number of weights is shared out among layers."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

ROUNDS = 100  # of SynFlow (Tanaka et al. 2020, section 6)
Sizes = Sequence[tuple[int, int]]  # inputs and outputs of each layer


def shared_out(total: int, sizes: Sequence[int]) -> list[int]:
    """``total`` in whole shares in proportion to ``sizes``, by the largest remainders, the first of equals."""
    shares = [Fraction(total * size, sum(sizes)) for size in sizes]
    parts = [floor(share) for share in shares]
    by_remainder = sorted(range(len(sizes)), key=lambda place: parts[place] - shares[place])
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts


def shrinking(total: int, n: int, share: float) -> int:
    """Weights left of ``total`` after a ``share`` of the rounds that lead exponentially down to ``n``."""
    return max(n, round(total * (n / total) ** share))


def erk(sizes: Sizes, total: int) -> list[int]:
    """``total`` weights by the Erdős–Rényi kernel: a layer's in proportion to n_in + n_out, and at most n_in · n_out.

    For linear layers the kernel is the Erdős–Rényi graph itself (Mocanu et al. 2018, Evci et al. 2020). Layers that
    would be denser than dense are dense, and the others share what is left.
    """
    dense = [n_in * n_out for n_in, n_out in sizes]
    counts = [0] * len(sizes)
    open_places = list(range(len(sizes)))
    while open_places:
        left = total - sum(counts[place] for place in range(len(sizes)) if place not in open_places)
        shares = shared_out(left, [sum(sizes[place]) for place in open_places])
        counts = [shares[open_places.index(p)] if p in open_places else count for p, count in enumerate(counts)]
        full = [place for place in open_places if counts[place] > dense[place]]
        if not full:
            break
        for place in full:
            counts[place] = dense[place]
        open_places = [place for place in open_places if place not in full]
    return counts

"""Training FLOPs by Eq. 3, 4 × active weights × samples × epochs, for the schedules that the paper describes."""

from fractions import Fraction

from analysis.claims import networks
from analysis.cost import FLOPS_PER_WEIGHT


def flops(
    network: str,
    epochs: int,
    images: int,
    factors: tuple[int, ...] = (),
    sparsity: float | None = None,
    prune_epoch: int = 0,
) -> int:
    """Eq. 3 for a head that holds Eq. 1's weights up to ``prune_epoch`` and those the prune keeps afterwards.

    With ``prune_epoch`` 0 all epochs are counted at the final number, which leaves out what came before the prune.
    """
    before, after = networks.active(network, factors), networks.active(network, factors, sparsity)
    return flops_of(before, epochs, images, after, prune_epoch)


def flops_of(before: int, epochs: int, images: int, after: int | None = None, prune_epoch: int = 0) -> int:
    """Eq. 3 for given counts: ``before`` weights for ``prune_epoch`` epochs, then ``after``, as many if not given."""
    rest = before if after is None else after
    return FLOPS_PER_WEIGHT * images * (prune_epoch * before + (epochs - prune_epoch) * rest)


def flops_share(
    network: str,
    factors: tuple[int, ...],
    epochs: int,
    dense_epochs: int,
    sparsity: float | None = None,
    prune_epoch: int = 0,
) -> Fraction:
    """FLOPs of a NIST head over those of the dense one trained for ``dense_epochs``; the number of images cancels."""
    return Fraction(flops(network, epochs, 1, factors, sparsity, prune_epoch), flops(network, dense_epochs, 1))


def flops_reduction(**schedule) -> Fraction:
    """Dense FLOPs over NIST FLOPs, of the same arguments as ``flops_share``."""
    return 1 / flops_share(**schedule)

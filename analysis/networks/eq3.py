"""Training FLOPs by Eq. 3, 4 × active weights × samples × epochs, for the schedules that the paper describes."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from analysis.networks import counts

FLOPS_PER_WEIGHT = 4  # Eq. 3: one forward, two backward, one for the update


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
    before, after = counts.active(network, factors), counts.active(network, factors, sparsity)
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


def training_flops(active_weights: Iterable[int], samples: int) -> int:
    """Eq. 3 with the real schedule: 4 × active weights × samples, summed over epochs.

    ``active_weights`` holds the count of each epoch trained, ``samples`` the training images an epoch.
    """
    return FLOPS_PER_WEIGHT * samples * sum(int(weights) for weights in active_weights)


def schedule(counts: dict, prune_epoch: int | None, epochs: int) -> list[int]:
    """Active weights of every epoch: the initial count up to and including the prune epoch, then the final one."""
    return [
        counts["initial"] if prune_epoch is None or epoch <= prune_epoch else counts["final"]
        for epoch in range(1, epochs + 1)
    ]


def flops_counted(row: Mapping[str, int], epochs: str, other: int = 0) -> int:
    """Eq. 3 of a row of ``cost``: over the epochs ``to_converge`` or over ``all`` (U48).

    ``other`` weights beside those that NIST sparsifies are counted too, in every epoch: all the rest of a transformer.
    """
    suffix = "" if epochs == "all" else "_to_converge"
    return row[f"flops{suffix}"] + training_flops([other] * row[f"epochs{suffix}"], row["training_images"])

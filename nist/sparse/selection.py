"""The n largest of many numbers, in time that grows with their number and in little memory."""

from collections.abc import Callable, Sequence

import torch

INTEGERS = {16: torch.int16, 32: torch.int32, 64: torch.int64}
DIGIT = 16  # bits
CHUNK = 2**20

Rank = Callable[[torch.Tensor], torch.Tensor]


def largest(magnitudes: Sequence[torch.Tensor], n: int, ranks: Sequence[Rank]) -> list[torch.Tensor]:
    """Boolean masks, shaped like the ``magnitudes``, of the ``n`` largest numbers of them all.

    Numbers are zero or more; what is below zero is not there. NaN and infinity, of a diverged run, are equally large.
    Of equals, those of an earlier tensor are taken, and in it those of lower rank: its function in ``ranks`` gives it
    for positions in the flattened tensor. Needs half as much memory as the numbers themselves. The numbers are changed.
    """
    kind = magnitudes[0].dtype
    for each in magnitudes[1:]:
        kind = torch.promote_types(kind, each.dtype)
    bits = [_as_integers(each.to(kind)) for each in magnitudes]
    if n == 0:
        return [torch.zeros_like(each, dtype=torch.bool) for each in bits]
    least, missing = _nth_largest(bits, n)
    found = []
    for each, rank in zip(bits, ranks, strict=True):
        kept = each > least
        if missing:
            equal = (each == least).flatten().nonzero().squeeze(1)
            taken = equal[rank(equal).argsort()[:missing]] if len(equal) > missing else equal
            kept.view(-1)[taken] = True
            missing -= len(taken)
        found.append(kept)
    return found


def _as_integers(numbers: torch.Tensor) -> torch.Tensor:
    """Integers in the same order: of floating-point numbers from zero up, their bits are."""
    numbers = numbers.contiguous().nan_to_num_(nan=torch.inf, posinf=torch.inf, neginf=-1)
    return numbers.view(INTEGERS[8 * numbers.element_size()])


def _nth_largest(bits: Sequence[torch.Tensor], n: int) -> tuple[int, int]:
    """The ``n``-th largest of non-negative integers, and how many of the ``n`` largest are equal to it.

    By its digits from the first: numbers that agree with those found are counted by their next one.
    """
    prefix = 0
    for shift in range(8 * bits[0].element_size() - DIGIT, -1, -DIGIT):
        counts = _counts(bits, prefix, shift)
        above = counts.flip(0).cumsum(0)  # numbers with that digit or a larger one
        place = int(torch.searchsorted(above, n))
        n -= int(above[place - 1]) if place else 0
        prefix = prefix << DIGIT | len(counts) - 1 - place
    return prefix, n


def _counts(bits: Sequence[torch.Tensor], prefix: int, shift: int) -> torch.Tensor:
    """How many numbers that begin with the digits of ``prefix`` have each digit at ``shift``."""
    counts = torch.zeros(2**DIGIT, dtype=torch.int64)
    for each in bits:
        for chunk in each.flatten().split(CHUNK):
            digits = chunk.to(torch.promote_types(chunk.dtype, torch.int32)) >> shift
            digits = digits[digits >> DIGIT == prefix] & (2**DIGIT - 1)
            counts += torch.bincount(digits, minlength=2**DIGIT).cpu()
    return counts

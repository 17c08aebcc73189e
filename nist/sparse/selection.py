"""The n weights of largest absolute value, in time that grows with their number and in little memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes
DIGIT = 16  # bits
CHUNK = 2**20


class Weights(NamedTuple):
    """Numbers to choose from: those where ``there``, of their shape, is true, or all of them.

    ``rank`` gives positions in the flattened numbers the order in which equals are taken, the lowest first.
    """

    numbers: torch.Tensor
    there: torch.Tensor | None
    rank: Callable[[torch.Tensor], torch.Tensor]


def largest(groups: Sequence[Weights], n: int) -> list[torch.Tensor]:
    """Boolean masks, shaped like the numbers, of the ``n`` largest of all ``groups`` by absolute value.

    NaN and infinity, of a diverged run, are equally large. Of equals, those of an earlier group are taken. Besides the
    masks it needs the memory of a few chunks.
    """
    kind = groups[0].numbers.dtype
    for each in groups[1:]:
        kind = torch.promote_types(kind, each.numbers.dtype)
    least, missing = _nth_largest(groups, kind, n) if n else (torch.iinfo(INTEGERS[kind.itemsize]).max, 0)
    found = []
    for each in groups:
        kept = torch.zeros(each.numbers.numel(), dtype=torch.bool, device=each.numbers.device)
        places = []
        for start, keys in _keys(each, kind):
            kept[start : start + CHUNK] = keys > least
            if missing:
                places.append((keys == least).nonzero().squeeze(1) + start)
        if missing:
            equal = torch.cat(places)
            taken = equal[each.rank(equal).argsort()[:missing]] if len(equal) > missing else equal
            kept[taken] = True
            missing -= len(taken)
        found.append(kept.view_as(each.numbers))
    return found


def _keys(group: Weights, kind: torch.dtype) -> Iterator[tuple[int, torch.Tensor]]:
    """Integers in the order of the absolute values, which their bits are in; below zero where there is no number.

    By chunks, with where each starts.
    """
    integers = INTEGERS[kind.itemsize]
    infinite = int(torch.tensor(torch.inf, dtype=kind).view(integers))
    numbers = group.numbers.detach().flatten()
    there = None if group.there is None else group.there.flatten()
    for start in range(0, len(numbers), CHUNK):
        bits = numbers[start : start + CHUNK].to(kind).view(integers) & torch.iinfo(integers).max
        bits.clamp_(max=infinite)
        yield start, bits if there is None else bits.masked_fill_(~there[start : start + CHUNK], -1)


def _nth_largest(groups: Sequence[Weights], kind: torch.dtype, n: int) -> tuple[int, int]:
    """The ``n``-th largest key, and how many of the ``n`` largest are equal to it.

    By its digits from the first: keys that agree with those found are counted by their next one.
    """
    prefix = 0
    for shift in range(8 * kind.itemsize - DIGIT, -1, -DIGIT):
        counts = _counts(groups, kind, prefix, shift)
        above = counts.flip(0).cumsum(0)  # keys with that digit or a larger one
        place = int(torch.searchsorted(above, n))
        n -= int(above[place - 1]) if place else 0
        prefix = prefix << DIGIT | len(counts) - 1 - place
    return prefix, n


def _counts(groups: Sequence[Weights], kind: torch.dtype, prefix: int, shift: int) -> torch.Tensor:
    """How many keys that begin with the digits of ``prefix`` have each digit at ``shift``."""
    counts = torch.zeros(2**DIGIT, dtype=torch.int64)
    for each in groups:
        for _, keys in _keys(each, kind):
            digits = keys.to(torch.promote_types(keys.dtype, torch.int32)) >> shift
            digits = digits[digits >> DIGIT == prefix] & (2**DIGIT - 1)
            counts += torch.bincount(digits, minlength=2**DIGIT).cpu()
    return counts


def top(scores: Sequence[torch.Tensor], n: int) -> list[torch.Tensor]:
    """Masks of the ``n`` largest of all ``scores``, of any sign; of equals the first."""
    flat = torch.cat([each.detach().flatten().double() for each in scores])
    kept = torch.zeros_like(flat, dtype=torch.bool)
    kept[flat.argsort(descending=True, stable=True)[:n]] = True
    parts = kept.split([each.numel() for each in scores])
    return [part.view_as(each) for part, each in zip(parts, scores, strict=True)]

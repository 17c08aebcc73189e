"""The neuroseed mask of the paper's Eq. 1, and what follows from it by counting alone."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np

SCHEMES = ("literal", "even")

Indices = Any  # an integer array or tensor; this module counts with either, and imports no torch


def check_factor(n_in: int, n_out: int, k: int) -> None:
    """Raise ``ValueError`` unless ``k`` is a neuroseed factor of an n_in → n_out layer (section 3.1)."""
    whole_number("neuroseed factor", k)
    for name, value in (("n_in", n_in), ("n_out", n_out)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 1 <= k <= n_out:
        raise ValueError(f"neuroseed factor must be between 1 and n_out = {n_out}, got {k}")


def whole_number(name: str, value: object) -> int:
    """``value`` as an int; raises ``ValueError`` if it is no whole number."""
    if not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)


@dataclass(frozen=True)
class Band:
    """The connections of a NIST layer before its prune: Eq. 1 and the variants of it that one can ask for.

    Of ``n_in`` inputs, each feeds ``k`` neighbouring outputs of ``n_out``, the first output following the last one.

    - ``scheme``: with ``literal``, Eq. 1, the input in place p starts at output p mod n_out. ``even`` differs where
      there are more outputs than inputs: it starts at floor(p · n_out / n_in), so that fan-ins differ by one at most
      and no output is left unconnected if k · n_in >= n_out (D8, and the ``even`` ablation of U21).
    - ``parts``: the outputs are so many layers side by side, as q, k and v in a fused projection, and each has a band
      of its own with ``k`` outputs an input.
    - ``channels``: if more than 1, the inputs are a map flattened as (channels, positions), as torch does, and take
      their places channels-last: position by position, all channels of one next to each other (U25).

    Raises ``ValueError`` for a factor out of range, parts or channels that do not divide the layer, a number that is
    not whole, an unknown scheme.
    """

    n_in: int
    n_out: int
    k: int
    scheme: str = "literal"
    parts: int = 1
    channels: int = 1

    is_regular: ClassVar[Literal[True]] = True  # it has forms without an index

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ValueError(f"unknown scheme {self.scheme!r}; there are {' and '.join(SCHEMES)}")
        for name, value, whole in (("parts", self.parts, self.n_out), ("channels", self.channels, self.n_in)):
            whole_number(name, value)
            if value < 1 or whole % value:
                raise ValueError(f"{name} must divide the {whole} features of the layer, got {value}")
        check_factor(self.n_in, self.width, self.k)
        for name in ("n_in", "n_out", "k", "parts", "channels"):  # numpy's are no sizes for torch
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def width(self) -> int:
        """Outputs of one part."""
        return self.n_out // self.parts

    @property
    def n_weights(self) -> int:
        """Number of connections."""
        return self.n_in * self.k * self.parts

    @property
    def is_spread(self) -> bool:
        """Whether the starts are spread over the outputs, and not Eq. 1's."""
        return self.scheme == "even" and self.n_in < self.width

    def places(self, inputs: Indices) -> Indices:
        """Place of each input in the order that the band counts them in."""
        if self.channels == 1:
            return inputs
        positions = self.n_in // self.channels
        return inputs % positions * self.channels + inputs // positions

    def starts(self, inputs: Indices) -> Indices:
        """First output, within its part, that each input feeds."""
        return self._starts(self.places(inputs))

    def _starts(self, places: Indices) -> Indices:
        return places * self.width // self.n_in if self.is_spread else places % self.width

    def offsets(self, inputs: Indices, outputs: Indices) -> Indices:
        """Offset t of a connection within its band: below ``k`` if the connection exists."""
        return (outputs % self.width - self.starts(inputs)) % self.width

    def contains(self, inputs: Indices, outputs: Indices) -> Indices:
        """Whether each connection exists, as booleans."""
        return self.offsets(inputs, outputs) < self.k

    def slots(self, inputs: Indices, outputs: Indices) -> Indices:
        """Where a flattened weight of shape ``(parts * k, n_in)`` holds each connection: by part, offset, place."""
        return (outputs // self.width * self.k + self.offsets(inputs, outputs)) * self.n_in + self.places(inputs)

    def at(self, slots: Indices) -> tuple[Indices, Indices]:
        """Input and output index of the connections in ``slots``."""
        places, rows = slots % self.n_in, slots // self.n_in
        outputs = rows // self.k * self.width + (self._starts(places) + rows % self.k) % self.width
        if self.channels == 1:
            return places, outputs
        return places % self.channels * (self.n_in // self.channels) + places // self.channels, outputs

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and output index of every connection, ordered by input, then part, then offset.

        Returns two int64 arrays of shape ``(n_weights,)``.
        """
        inputs = np.arange(self.n_in).repeat(self.k * self.parts)
        parts = np.tile(np.arange(self.parts).repeat(self.k), self.n_in)
        offsets = np.tile(np.arange(self.k), self.n_in * self.parts)
        return inputs, parts * self.width + (self.starts(inputs) + offsets) % self.width


def edges(n_in: int, n_out: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Input and output index of every connection of Eq. 1, ordered by input and then by offset t.

    Returns two int64 arrays of shape ``(n_in * k,)``. Raises ``ValueError`` for a factor out of range.
    """
    return Band(n_in, n_out, k).edges()


def neuroseed_mask(n_in: int, n_out: int, k: int) -> np.ndarray:
    """Binary mask M of Eq. 1: input i feeds the outputs (i + t) mod n_out for t = 0 … k-1.

    Returns a boolean array of shape ``(n_in, n_out)``, the paper's orientation (a torch weight is its transpose).
    Raises ``ValueError`` for a factor out of range.
    """
    mask = np.zeros((n_in, n_out), dtype=bool)
    mask[edges(n_in, n_out, k)] = True
    return mask


def fraction(name: str, value: object) -> float:
    """``value`` as a number. Raises ``ValueError``, with its ``name``, for text, a truth value or nothing."""
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    if isinstance(number, bool) or not isinstance(number, Real):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(number)


def factor(density: float, n_out: int) -> int:
    """Neuroseed factor of a layer of given density: max(1, floor(density · n_out)) (U23), exact as ``kept_weights``."""
    return max(1, floor(Fraction(str(density)) * n_out))


def kept_weights(n_dense: int, sparsity: float) -> int:
    """Weights that a prune to ``sparsity`` keeps of ``n_dense``: floor((1 - s) * n_dense), as in Tables A2 and A3.

    The product is taken exactly on the decimal digits of ``sparsity``; in floats (1 - 0.9) * 1000 would floor to 99.
    Raises ``ValueError`` unless 0 <= sparsity < 1.
    """
    sparsity = fraction("sparsity", sparsity)
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be in [0, 1), got {sparsity}")
    return floor((1 - Fraction(str(sparsity))) * n_dense)

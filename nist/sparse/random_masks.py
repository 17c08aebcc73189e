"""Masks other than Eq. 1: random ones, controls to test whether the band itself matters, and masks that are given."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np

from nist.sparse.mask import SCHEMES, Band, Indices, check_factor

CONTROLS = ("permuted", "random")


class IrregularMask(ABC):
    """Connections in no order that arithmetic could use: such a layer is masked or compressed."""

    is_regular: ClassVar[Literal[False]] = False

    n_in: int
    n_out: int
    k: int

    @abstractmethod
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and output index of every connection, ordered by input; two int64 arrays of shape ``(n_weights,)``."""

    @property
    def n_weights(self) -> int:
        """Number of connections."""
        return len(self.edges()[0])

    @abstractmethod
    def contains(self, inputs: Indices, outputs: Indices) -> np.ndarray:
        """Whether each connection may exist; of tensors on the CPU, too."""


@dataclass(frozen=True)
class RandomMask(IrregularMask):
    """As many connections as ``Band`` has, elsewhere; drawn from ``seed``, so that every run has its own.

    ``scheme`` is ``permuted``, Eq. 1 with its outputs renamed at random: fan-ins and fan-outs stay, neighbours
    do not; or ``random``, n_in · k connections drawn uniformly from all n_in · n_out. Raises ``ValueError`` for a
    factor out of range or an unknown scheme.
    """

    n_in: int
    n_out: int
    k: int
    scheme: str
    seed: int | tuple[int, ...] = 0

    def __post_init__(self) -> None:
        if self.scheme not in CONTROLS:
            raise ValueError(f"unknown scheme {self.scheme!r}; there are {' and '.join(CONTROLS)}")
        check_factor(self.n_in, self.n_out, self.k)

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        draw = np.random.default_rng(self.seed)
        if self.scheme == "permuted":
            inputs, outputs = Band(self.n_in, self.n_out, self.k).edges()
            return inputs, draw.permutation(self.n_out)[outputs]
        chosen = np.sort(draw.choice(self.n_in * self.n_out, self.n_in * self.k, replace=False, shuffle=False))
        return chosen // self.n_out, chosen % self.n_out

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        return self._edges

    def contains(self, inputs: Indices, outputs: Indices) -> np.ndarray:
        own_inputs, own_outputs = self._edges
        return np.isin(np.asarray(inputs) * self.n_out + np.asarray(outputs), own_inputs * self.n_out + own_outputs)


@dataclass(frozen=True, eq=False)
class GivenMask(IrregularMask):
    """Connections from ``inputs`` to ``outputs``, one number each a connection, ordered by input.

    A state dict may bring other ones: they are what training found.
    """

    n_in: int
    n_out: int
    inputs: np.ndarray
    outputs: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> Self:
        """Those where ``mask``, boolean of shape ``(n_out, n_in)``, is true."""
        return cls(*mask.shape[::-1], *mask.T.nonzero())

    @property
    def k(self) -> int:  # type: ignore[override]
        """Outputs an input feeds in the mean, rounded up."""
        return -(-self.n_weights // self.n_in)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        return self.inputs, self.outputs

    def contains(self, inputs: Indices, outputs: Indices) -> np.ndarray:
        return np.ones(len(inputs), dtype=bool)


Connectivity = Band | IrregularMask


def as_band(mask: Connectivity) -> Band:
    """``mask`` where only a band will do. Raises ``TypeError`` for another, which has no form without an index."""
    if not mask.is_regular:
        raise TypeError(f"{mask} is no band, and has no form without an index")
    return mask


def band(n_in: int, n_out: int, k: int, scheme: str, seed: tuple[int, ...] | int = 0) -> Connectivity:
    """The connections of a layer by the name of their scheme; ``seed`` is for the controls among them.

    Raises ``ValueError`` as they do.
    """
    if scheme in CONTROLS:
        return RandomMask(n_in, n_out, k, scheme, seed=seed)
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r}; there are {', '.join((*SCHEMES, *CONTROLS))}")
    return Band(n_in, n_out, k, scheme)

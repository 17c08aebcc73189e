"""A verdict on a claim and what it rests on."""

from dataclasses import dataclass, field
from fractions import Fraction

# The first three are of runs, the next two of the paper's own figures. The order is the report's.
VERDICTS = (
    "reproduced",
    "contradicted",
    "inconclusive",
    "arithmetic ok",
    "arithmetic wrong",
    "not run",
    "not testable",
)


@dataclass(frozen=True)
class Estimate:
    """What we have beside a printed figure, in base units: a value, the ends of its interval, and ``n`` runs."""

    value: float | Fraction | str | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Measured(Estimate):
    """An estimate from runs, which has all of that."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Outcome:
    """A verdict, why, and the estimate it rests on if there is one."""

    verdict: str
    reason: str
    estimate: Estimate = field(default_factory=Estimate)


class NotRun(LookupError):
    """The runs that a claim asks for are not there; the message says which."""


class SetOtherwise(NotRun):
    """The study is there and departs from what is printed, so that no run of it can tell."""


class TooShort(LookupError):
    """The runs are there, but end before the epoch that a claim is about."""

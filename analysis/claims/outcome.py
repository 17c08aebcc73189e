"""A verdict on a claim and what it rests on."""

from dataclasses import dataclass, field
from fractions import Fraction

# In the order of the report: four of runs, two of the paper's own figures, one of settings.
VERDICTS = (
    "reproduced",
    "contradicted",
    "contradicted as read",
    "inconclusive",
    "arithmetic ok",
    "arithmetic wrong",
    "adopted",
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
    """A verdict, why, and the estimate it rests on if there is one.

    ``readings`` are the choices of ours that it rests on, and ``finding`` the claim that says the same of the same
    runs, if another does.
    """

    verdict: str
    reason: str
    estimate: Estimate = field(default_factory=Estimate)
    readings: tuple[str, ...] = ()
    finding: str = ""


class NotRun(LookupError):
    """The runs that a claim asks for are not there; the message says which."""


class SetOtherwise(NotRun):
    """The study is there and departs from what is printed, so that no run of it can tell."""


class TooShort(LookupError):
    """The runs are there, but end before the epoch that a claim is about."""

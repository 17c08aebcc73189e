"""The plot of the claims: what is printed, and our interval, a row a claim, in groups that share an axis."""

import math
from collections.abc import Callable
from typing import NamedTuple

from analysis import formatting
from analysis.claims.claim import Claim
from analysis.report import plots


class Group(NamedTuple):
    """Claims decided by ``rules``, with one of ``units``, on one axis; ``place`` puts a figure of ours on it.

    ``null`` is where it would be if it were as printed, or, of an ordering, where there is no difference.
    """

    heading: str
    note: str
    rules: tuple[str, ...]
    units: tuple[str, ...]
    place: Callable[[float, float], float]
    write: Callable[[float], str]
    null: float
    is_log: bool = False

    def has(self, claim: Claim) -> bool:
        return claim.rule in self.rules and (claim.unit in self.units or not self.units)


def _apart(ours: float, printed: float) -> float:
    return ours - printed


def _over(ours: float, printed: float) -> float:
    return ours / printed if printed else math.nan


def _itself(ours: float, _: float) -> float:
    return ours


def _signed(value: float) -> str:
    return formatting.signed(value, 0) if value else "0"


ORDERINGS = ("direction", "equivalence")
GROUPS = (
    Group(
        "Accuracies",
        "Ours minus the printed figure, in points. The interval is a 95 % prediction for the mean, or the best run, "
        "of a new experiment with as many runs as the paper’s.",
        *(("interval", "maximum", "bound"), ("%",), _apart, _signed, 0.0),
    ),
    Group(
        "One is better, or as good",
        "The difference in points, 95 % CI. Right of 0 supports a claim of “better”, near 0 one of “equal”.",
        *(ORDERINGS, ("points",), _itself, _signed, 0.0),
    ),
    Group(
        "One is steadier",
        "The claimed ratio of SDs over seeds: right of × 1 is as claimed. 95 % CI.",
        *(("steadier",), (), _itself, "× {:g}".format, 1.0, True),
    ),
    Group(
        "Spreads and margins",
        "Ours over the printed figure, with the interval of as many runs as the paper’s (95 %).",
        *(("margin", "spread"), (), _over, "× {:g}".format, 1.0, True),
    ),
    Group(
        "Epochs",
        "Ours less the printed figure, or the difference that is claimed, in epochs. 95 % interval.",
        *(("epochs_to", *ORDERINGS), ("epochs",), _apart, _signed, 0.0),
    ),
    Group(
        "Figures that need no run",
        "Recomputed over printed.",
        *(("recompute",), (), _over, "× {:g}".format, 1.0, True),
    ),
)


def groups(rows: list[dict], claims: dict[str, Claim]) -> list[dict]:
    """The groups that have claims with a figure of ours, each with its axis and its rows.

    ``rows`` come from ``analysis.report.verdicts.section``; each gets its ``dot`` and its ``bar``.
    """
    return [group for one in GROUPS if (group := _group(one, rows, claims))["rows"]]


def _group(group: Group, rows: list[dict], claims: dict[str, Claim]) -> dict:
    placed = [(row, _values(group, row)) for row in rows if group.has(claims[row["id"]])]
    kept = [(row, values) for row, values in placed if math.isfinite(values[0])]
    axis = plots.axis([*(value for _, values in kept for value in values), group.null], group.write, group.is_log)
    return {
        "heading": group.heading,
        "note": group.note,
        "rows": [row | plots.interval(axis, *values) for row, values in kept],
        "ticks": axis.ticks(),
        "null": axis.at(group.null),
    }


def _values(group: Group, row: dict) -> list[float]:
    """Our figure and the ends of its interval, placed; NaN where there is none. An ordering has no printed figure."""
    printed = _number(row["claimed"])
    if group.place is _apart and math.isnan(printed):
        printed = 0.0
    return [group.place(_number(row[name]), printed) for name in ("value", "from", "to")]


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return math.nan

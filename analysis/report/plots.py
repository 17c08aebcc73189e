"""Plots of the page, as numbers that its template draws: lines and dots as SVG without text, labels as HTML beside it.

So text keeps its size at any width of the window. Places are in thousandths of the drawing's width and height.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.figures.looks import SHADES, series
from nist.studies.study import Study

FULL = 1000
MARGIN = 0.04  # room at either end of an axis


@dataclass(frozen=True)
class Axis:
    """A range of values, spaced by their logarithms if ``is_log``; ``write`` puts a value at a tick into words."""

    low: float
    high: float
    write: Callable[[float], str] = "{:g}".format
    is_log: bool = False

    def at(self, value: float) -> int:
        """Place of a value, its nearest end for one that lies outside."""
        low, high, value = (
            math.log(one) if self.is_log else one for one in (self.low, self.high, max(value, self._least))
        )
        return round(FULL * min(1.0, max(0.0, (value - low) / (high - low))))

    @property
    def _least(self) -> float:
        return self.low if self.is_log else -math.inf

    def ticks(self, most: int = 6) -> list[tuple[int, str]]:
        """Places of round values with what stands there."""
        values = _powers(self.low, self.high, most) if self.is_log else _steps(self.low, self.high, most)
        return [(self.at(value), self.write(value)) for value in values]


def axis(values: Iterable[float], write: Callable[[float], str] = "{:g}".format, is_log: bool = False) -> Axis:
    """The axis that holds all finite ``values`` with some room at the ends; from 0 to 1 where there are none."""
    kept = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    if not kept:
        return Axis(0.1 if is_log else 0, 1, write, is_log)
    low, high = min(kept), max(kept)
    if is_log:
        room = max((high / low) ** MARGIN, 1.05)
        return Axis(low / room, high * room, write, is_log)
    room = MARGIN * (high - low) or abs(high) / 20 or 1
    return Axis(low - room, high + room, write, is_log)


def _steps(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / most
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [place * step for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _powers(low: float, high: float, most: int) -> list[float]:
    for factors in ((1, 2, 5), (1, 3), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        values = [factor * 10.0**power for power in powers for factor in factors]
        values = [value for value in values if low <= value <= high]
        if len(values) <= most:
            return values
    return values[:: math.ceil(len(values) / most)]


def interval(where: Axis, value: float, low: float, high: float) -> dict:
    """A dot with its interval: ``dot``, and ``bar`` from one end to the other, ``None`` where there is none."""
    has_bar = math.isfinite(low) and math.isfinite(high)
    return {
        "dot": where.at(value) if math.isfinite(value) else None,
        "bar": (where.at(low), where.at(high)) if has_bar else None,
    }


def looks(study: Study) -> dict[str, dict]:
    """Label, colour and dashes of every variant, as the page's style sheet and SVG have them."""
    named = {shade: name for name, shade in SHADES.items()}
    return {
        each.variant: {
            "label": each.label,
            "colour": f"var(--{named[shade]})" if (shade := each.line["color"]) in named else shade,
            "dashes": _dashes(each.line["linestyle"]),
        }
        for each in series(study, "explorer")
    }


def _dashes(line_style: str | tuple) -> str:
    """A matplotlib line style as SVG's ``stroke-dasharray``, in widths of two."""
    return "none" if isinstance(line_style, str) else " ".join(f"{2 * length:g}" for length in line_style[1])


def curves(frame: pd.DataFrame, study: Study, column: str, across: Axis, up: Axis) -> list[dict]:
    """A line by epoch a variant, in the study's order."""
    rows = {name: group.sort_values("epoch") for name, group in frame.groupby("variant", sort=False)}
    return [
        look | {"line": path(across, up, rows[name]["epoch"], rows[name][column])}
        for name, look in looks(study).items()
        if name in rows
    ]


def path(across: Axis, up: Axis, x: Sequence[float], y: Sequence[float]) -> str:
    """An SVG path through points, in order."""
    points = [f"{across.at(one)} {FULL - up.at(other)}" for one, other in zip(x, y, strict=True)]
    return "M" + "L".join(points) if points else ""

"""How findings are put: numbers as text, and what an interval allows to be said."""

from collections.abc import Callable

import pandas as pd

NOT_SHOWN = "not shown to differ"
UNTOLD = "undefined"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def points(fraction: float, digits: int = 2) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return signed(100 * fraction, digits)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent."""
    return f"{100 * fraction:.{digits}f} %"


def p_value(p: float) -> str:
    """A p with its relation, to two digits."""
    return "p undefined" if pd.isna(p) else "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def interval(low: float, high: float, write: Callable[[float], str]) -> str:
    """An interval in brackets, its ends as ``write`` has them; so few runs that there is none are said to be."""
    return "(no interval)" if pd.isna(low) or pd.isna(high) else f"({write(low)} to {write(high)})"


def interval_in_points(row: pd.Series) -> str:
    """A ``difference`` of fractions and its interval, ``low`` to ``high``, in points; NaN is "undefined"."""
    if pd.isna(row["difference"]):
        return "undefined"
    return f"{points(row['difference'])} points {interval(row['low'], row['high'], points)}"


def said(low: float, high: float, more: str, less: str, neither: str = NOT_SHOWN) -> str:
    """What the interval ``low`` to ``high`` of a difference allows to be said: ``more``, ``less`` or ``neither``.

    Where there is none, nothing.
    """
    if pd.isna(low) or pd.isna(high):
        return UNTOLD
    return more if low > 0 else less if high < 0 else neither


def listed(parts: list[str]) -> str:
    """Parts in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))

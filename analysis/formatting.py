"""Numbers as text, what an interval allows to be said, and tables of text."""

from collections.abc import Callable, Iterable

import pandas as pd

NOT_SIGNIFICANT = "not significant"
UNTOLD = "undefined"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def points(fraction: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return signed(100 * fraction)


def counted(number: float, noun: str) -> str:
    """A number with its noun: "1 point", "0.5 points"."""
    return f"{number:g} {noun}" + ("" if number == 1 else "s")


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


def said(low: float, high: float, more: str, less: str) -> str:
    """What the interval ``low`` to ``high`` of a difference allows to be said: ``more``, ``less`` or neither.

    Where there is none, nothing.
    """
    if pd.isna(low) or pd.isna(high):
        return UNTOLD
    return more if low > 0 else less if high < 0 else NOT_SIGNIFICANT


def extremes(values: Iterable[float], write: Callable[[float], str]) -> str:
    """The least of the values and the greatest, as ``write`` has them; once if these are alike."""
    values = list(values)
    return " to ".join(dict.fromkeys(write(value) for value in (min(values), max(values))))


def listed(parts: list[str]) -> str:
    """Parts in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def bare_percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, without the sign; nothing for NaN, the spread of a single run."""
    return "" if pd.isna(fraction) else f"{100 * fraction:.{digits}f}"


def percent_margin(mean: float, margin: float, digits: int = 1) -> str:
    """Mean ± margin, both fractions, in percent and percentage points; the margin to hundredths of a point."""
    shown = bare_percent(mean, digits)
    return shown if pd.isna(margin) else f"{shown} ± {bare_percent(margin, 2)}"


def margin_of(row: pd.Series) -> str:
    """Mean ± margin of a row of the statistic ``accuracy``."""
    return percent_margin(row["mean"], row["margin"])


def or_dash(value: float, pattern: str) -> str:
    """A number as ``pattern`` has it, a dash where it is undefined."""
    return "–" if pd.isna(value) else pattern.format(value)


def three_digits(value: float) -> str:
    """A measured value to three significant digits, thousands apart."""
    return f"{float(f'{value:.3g}'):,g}"


def times(ratio: float) -> str:
    """A ratio to four significant digits, thousands apart."""
    return f"{float(f'{ratio:.4g}'):,g}×"


def trillions(flops: float) -> str:
    """FLOPs in units of 10¹², to four significant digits and at least one decimal from a hundred on."""
    return f"{flops / 1e12:,.1f}" if flops >= 1e14 else f"{flops / 1e12:.4g}"


def markdown_table(rows: list[dict[str, str]]) -> str:
    """A Markdown table of rows that all have the same columns; nothing for none.

    Pages are compared byte by byte with what they are made from, so no library decides the layout.
    """
    if not rows:
        return ""
    cells = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in cells)

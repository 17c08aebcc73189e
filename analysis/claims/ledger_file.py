"""The ledger as a file, for those who show it."""

from pathlib import Path

import pandas as pd

from analysis import cli
from analysis.claims import claim, words
from analysis.claims.claim import Claim
from analysis.claims.outcome import VERDICTS
from nist.errors import InputError


def read(path: Path) -> pd.DataFrame:
    """Read ``results/claims.csv``; every cell is text. Raises ``InputError`` if it is not of this version's claims."""
    verdicts, known = cli.read_table(path, dtype=str, keep_default_na=False), claim.read()
    missing = {"id", "verdict", "printed", "ours", "low", "high", "n", "reason"} - {*verdicts.columns}
    if missing or not set(verdicts["id"]) <= known.keys() or not set(verdicts["verdict"]) <= set(VERDICTS):
        raise InputError(f"{path}: not the ledger of {claim.PATH.name}; make it anew")
    return verdicts


def summary(verdicts: pd.DataFrame, claims: dict[str, Claim], by: str = "study") -> pd.DataFrame:
    """Number of claims by ``study`` or ``kind`` and verdict: one row each, a column a verdict, and ``claims`` in all.

    ``verdicts`` is what ``read`` gives. Rows are in the order of ``claims.csv``; the last one is the total.
    """
    names = pd.Series([getattr(claims[identifier], by) for identifier in verdicts["id"]], name=by)
    counts = pd.crosstab(names, verdicts["verdict"].to_numpy()).reindex(
        index=names.unique(), columns=VERDICTS, fill_value=0
    )
    counts.loc["all"] = counts.sum()
    return counts.assign(claims=counts.sum(axis=1)).rename_axis(by).rename_axis(None, axis=1).reset_index()


def short(value: str, unit: str = "") -> str:
    """A number with four digits, or all of a whole one, of which the table's file has more; nothing for NaN.

    Points, and percents of 1 and more, have two decimals.
    """
    if value == "nan":
        return ""
    if not words.is_number(value) or value.lstrip("-").isdigit():
        return value
    in_hundredths = unit == "points" or (unit == "%" and abs(float(value)) >= 1)
    return f"{float(value):.2f}" if in_hundredths else f"{float(value):.4g}"

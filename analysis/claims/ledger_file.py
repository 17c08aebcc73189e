"""The ledger as a file, for those who show it."""

from pathlib import Path

import pandas as pd

from analysis import cli
from analysis.claims import claim, words
from analysis.claims.outcome import VERDICTS
from nist.errors import InputError

COLUMNS = ("id", "verdict", "printed", "ours", "low", "high", "n", "readings", "finding", "reason")  # that pages show


def read(path: Path) -> pd.DataFrame:
    """Read ``results/claims.csv``; every cell is text. Raises ``InputError`` if it is not of this version's claims."""
    verdicts, known = cli.read_table(path, dtype=str, keep_default_na=False), claim.read()
    missing = {*COLUMNS} - {*verdicts.columns}
    if missing or not set(verdicts["id"]) <= known.keys() or not set(verdicts["verdict"]) <= set(VERDICTS):
        raise InputError(f"{path}: not the ledger of {claim.PATH.name}; make it anew")
    return verdicts


def short(value: str, unit: str = "") -> str:
    """A number with four digits, or up to ten million all before the point, of which the table's file has more.

    Nothing for NaN.

    Points, and percents of 1 and more, have two decimals.
    """
    if value == "nan":
        return ""
    if not words.is_number(value) or value.lstrip("-").isdigit():
        return value
    size = abs(float(value))
    in_hundredths = unit == "points" or (unit == "%" and size >= 1)
    return f"{float(value):{'.2f' if in_hundredths else '.0f' if 9999.5 <= size < 1e7 else '.4g'}}"

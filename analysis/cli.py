"""What the commands of this package share: arguments, reading and writing."""

import io
from pathlib import Path

import pandas as pd

from analysis import contracts
from nist.errors import InputError
from nist.runtime.files import replacing


def read_csv(path: Path) -> pd.DataFrame:
    """Read a statistic, every digit of it.

    Raises ``InputError`` as ``read_table`` and ``analysis.contracts.check`` do.
    """
    frame = read_table(path)
    contracts.check(path.stem, frame, path)
    return frame


def read_table(path: Path, **options) -> pd.DataFrame:
    """Read a CSV file with pandas' ``options``.

    Raises ``InputError`` if it is missing or empty, is not UTF-8, ends within a row or has rows of several lengths.
    """
    try:
        text = path.read_text(encoding="utf-8")
        frame = pd.read_csv(io.StringIO(text), **options)
    except (OSError, ValueError, pd.errors.ParserError) as error:  # also of what is not UTF-8, or empty
        raise InputError(f"{path}: not a readable statistic ({' '.join(str(error).split())})") from None
    if not text.endswith("\n"):
        raise InputError(f"{path}: cut off within its last row; make it anew")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first column for names of rows
        raise InputError(f"{path}: rows have more cells than there are columns")
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a statistic, whole or not at all; floats keep every digit."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False)

"""The tables of ``docs/assumptions.md``, for the page."""

import re
from pathlib import Path

import pandas as pd

from nist.errors import InputError

PAGE = Path("docs/assumptions.md")


def read(path: Path = PAGE) -> dict[str, pd.DataFrame]:
    """Tables by their headings, cells as text without Markdown. Raises ``InputError`` if there is none."""
    tables: dict[str, list[list[str]]] = {}
    heading = ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable ({error})") from None
    for line in lines:
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|") and not set(line) <= set("|- "):
            tables.setdefault(heading, []).append([_plain(cell) for cell in line.strip("|").split("|")])
    for name, rows in tables.items():
        if len({len(row) for row in rows}) > 1:
            raise InputError(f"{path}: {name}: rows of the table have different numbers of cells")
    if not tables:
        raise InputError(f"{path}: no table of assumptions; expected Markdown tables below headings")
    return {name: pd.DataFrame(rows[1:], columns=["No.", *rows[0][1:]]) for name, rows in tables.items()}


def _plain(cell: str) -> str:
    return re.sub(r"[`*]", "", cell).strip()

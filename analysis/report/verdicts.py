"""What the page says of the ledger: how the claims fared, and every claim with its verdict."""

from pathlib import Path

import pandas as pd

from analysis import cli
from analysis.claims import claim, ledger
from analysis.claims.outcome import VERDICTS
from nist.errors import InputError

CLAIMED_FIRST = "abs."  # identifiers of what the abstract claims


def section(verdicts: pd.DataFrame) -> dict:
    """What the page shows of ``verdicts``, the result of ``analysis.claims.ledger``.

    ``counts`` by verdict; ``summary``, a table by study; ``first``, the abstract's claims; ``rows``, all of them, with
    what can be filtered by; ``studies`` and ``kinds`` that there are.
    """
    claims = claim.read()
    rows = [
        {
            "study": claims[row["id"]].study,
            "kind": claims[row["id"]].kind,
            "source": claims[row["id"]].source,
            "what": _what(claims[row["id"]]),
            **row,
            "printed": _with_unit(row["printed"], claims[row["id"]].unit),
            **{name: short(row[name]) for name in ("ours", "low", "high")},
        }
        for row in verdicts.to_dict("records")
    ]
    counts, summary = verdicts["verdict"].value_counts(), ledger.summary(verdicts, claims)
    return {
        "counts": {name: int(counts.get(name, 0)) for name in VERDICTS},
        "total": len(rows),
        "summary": summary.rename(columns={"study": "Study", "claims": "all"}).to_dict("split"),
        "first": [row for row in rows if row["id"].startswith(CLAIMED_FIRST)],
        "rows": rows,
        "studies": sorted({row["study"] for row in rows}),
        "kinds": sorted({row["kind"] for row in rows}),
        "verdicts": [name for name in VERDICTS if counts.get(name, 0)],
    }


def read(path: Path) -> pd.DataFrame:
    """Read ``results/claims.csv``; every cell is text. Raises ``InputError`` if it is not of this version's claims."""
    verdicts, known = cli.read_table(path, dtype=str, keep_default_na=False), claim.read()
    missing = {"id", "verdict", "printed", "ours", "low", "high", "n", "reason"} - {*verdicts.columns}
    if missing or not set(verdicts["id"]) <= known.keys() or not set(verdicts["verdict"]) <= set(VERDICTS):
        raise InputError(f"{path}: not the ledger of {claim.PATH.name}; make it anew")
    return verdicts


def _what(claimed: claim.Claim) -> str:
    """A claim's subject in words: the variant, where there is one, and the quantity."""
    quantity = claimed.quantity.replace("_", " ")
    return f"{claimed.variant}: {quantity}" if claimed.variant else quantity


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _with_unit(printed: str, unit: str) -> str:
    """A printed figure with its unit; the paper's words as they are."""
    return f"{printed} {unit}".strip() if _is_number(printed) else printed


def short(value: str) -> str:
    """A number with five digits, or all of a whole one, of which the table's file has more; nothing for NaN."""
    if value == "nan":
        return ""
    if not _is_number(value) or value.lstrip("-").isdigit():
        return value
    return f"{float(value):.5g}"

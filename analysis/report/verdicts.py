"""What the page says of the ledger: how the claims fared, and every claim with its verdict."""

import re
from collections.abc import Mapping

import pandas as pd

from analysis.claims import claim, words
from analysis.claims.ledger_file import short
from analysis.claims.outcome import VERDICTS
from analysis.report import forest, headlines
from nist.studies.study import Study

SHORTFALL = re.compile(r"Smaller than the paper's: ([^.]*)\.")  # of runs, first in a reason


def section(verdicts: pd.DataFrame, studies: Mapping[str, Study]) -> dict:
    """What the page shows of ``verdicts``, the result of ``analysis.claims.ledger``, with the paper's studies by name.

    ``counts`` and number of ``findings`` by verdict; ``headlines``, the claims the paper leads with; ``forest``, claims
    with a figure of ours on an axis; ``rows``, all of them, with what can be filtered by; ``studies``, ``kinds`` and
    ``verdicts`` that there are.
    """
    claims = claim.read()
    rows = [_row(row, claims[row["id"]], studies) for row in verdicts.to_dict("records")]
    counts = verdicts["verdict"].value_counts()
    return {
        "counts": {name: int(counts.get(name, 0)) for name in VERDICTS},
        "findings": verdicts.groupby("verdict")["finding"].nunique().to_dict(),
        "total": len(rows),
        "headlines": headlines.section(rows),
        "forest": forest.groups(rows, claims),
        "rows": rows,
        "studies": {row["study"]: row["title"] for row in rows},
        "kinds": sorted({row["kind"] for row in rows}),
        "verdicts": [name for name in VERDICTS if counts.get(name, 0)],
    }


def _row(row: dict, claimed: claim.Claim, studies: Mapping[str, Study]) -> dict:
    study = studies.get(claimed.study)
    return {
        **row,
        "study": claimed.study,
        "title": words.title(claimed.study, studies),
        "kind": claimed.kind,
        "source": claimed.source,
        "head": words.heads(claimed.variant, study),
        "what": words.quantity(claimed),
        "claimed": "" if words.is_statement(claimed) else claimed.printed,
        "printed": "–" if words.is_statement(claimed) else words.printed(claimed),
        "value": row["ours"],
        "from": row["low"],
        "to": row["high"],
        "shortfall": found.group(1) if (found := SHORTFALL.match(row["reason"])) else "",
        **{name: words.figure(short(row[name], claimed.unit), "") for name in ("low", "high")},
        "ours": words.figure(short(row["ours"], claimed.unit), claimed.unit),
    }

"""What the text of the findings may ask of the ledger."""

from dataclasses import dataclass

import pandas as pd

from analysis import formatting
from analysis.claims import words
from analysis.claims.claim import Claim
from analysis.claims.grouping import OF_RUNS
from analysis.claims.ledger_file import short
from analysis.claims.outcome import VERDICTS


@dataclass(frozen=True)
class Verdicts:
    """The result of ``analysis.claims.ledger`` beside the ``claims`` it judges."""

    verdicts: pd.DataFrame
    claims: dict[str, Claim]

    @property
    def total(self) -> int:
        return len(self.verdicts)

    @property
    def of_runs(self) -> str:
        """Claims that need runs by verdict, in words."""
        counts = {name: self.count(name) for name in (*OF_RUNS, "not run")}
        return formatting.listed([f"{count} {name}" for name, count in counts.items() if count])

    def count(self, verdict: str) -> int:
        return int((self.verdicts["verdict"] == verdict).sum())

    def ids(self, verdict: str, prefix: str, suffix: str) -> list[str]:
        """Claims with a verdict whose ids begin and end so."""
        kept = self.verdicts.loc[self.verdicts["verdict"] == verdict, "id"]
        return [one for one in kept if one.startswith(prefix) and one.endswith(suffix)]

    def of_study(self, name: str) -> str:
        """Claims on a study by verdict, in words; nothing if there is none."""
        own = self.verdicts[[self.claims[one].study == name for one in self.verdicts["id"]]]
        counts = own["verdict"].value_counts()
        if own.empty:
            return ""
        return f"{len(own)} claims: " + formatting.listed([f"{counts[one]} {one}" for one in VERDICTS if one in counts])

    def waiting(self, name: str) -> str:
        """How many claims need the runs of a study, in brackets; nothing if none does."""
        own = [self.claims[one].study == name for one in self.verdicts["id"]]
        count = int((self.verdicts[own]["verdict"] == "not run").sum())
        return f" ({formatting.counted(count, 'claim')})" if count else ""

    def table(self, verdict: str, kind: str, where: tuple[str, ...]) -> str:
        """A Markdown table of the claims with a verdict, of one ``kind``, printed in one of the places ``where``.

        A claim's source lists its places; a place may go on, as "Table 1 caption". Figures that are alike stand once.
        """
        rows = [
            {
                "Where": claim.source,
                "Printed": words.printed(claim),
                "Recomputed": words.figure(short(row["ours"], claim.unit), claim.unit) or "–",
            }
            for row in self.verdicts.to_dict("records")
            if row["verdict"] == verdict
            and (claim := self.claims[row["id"]]).kind == kind
            and any(place.startswith(where) for place in claim.source.split(", "))
        ]
        return formatting.markdown_table(list({tuple(row.items()): row for row in rows}.values()))

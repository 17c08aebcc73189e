"""Rows of one study's statistics, and what it is."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from analysis.claims.claim import Claim
from analysis.study_results import Source
from analysis.tables import comparisons
from nist.errors import InputError


@dataclass(frozen=True)
class StudyRows:
    """A study that has been run, its statistics, and what the paper prints of it (``claims`` by id)."""

    source: Source
    claims: dict[str, Claim]

    def row(self, statistic: str, variant: str, **where: object) -> pd.Series:
        """The one row of a statistic. Raises ``InputError`` where there are none or several."""
        frame = self.source.statistic(statistic)
        kept = frame["variant"] == variant
        for column, value in where.items():
            kept &= frame[column] == value
        if kept.sum() != 1:
            name = f"{self.source.study.name}: {statistic}.csv"
            raise InputError(f"{name}: {kept.sum()} rows of {variant} with {where}; there should be one")
        return frame[kept].iloc[0]

    def has(self, *variants: str) -> bool:
        """Whether there are runs of all these variants."""
        return set(variants) <= set(self.source.variants())

    @cached_property
    def compared(self) -> list[str]:
        """Variants with runs, but for the baseline."""
        return [name for name in self.source.variants() if name != self.source.study.baseline]

    @property
    def title(self) -> str:
        return self.source.study.title

    @property
    def baseline(self) -> str:
        return self.source.study.baseline

    @property
    def _level(self) -> float:
        """Of significance."""
        return 1 - self.source.study.content["statistics"]["confidence"]

    @property
    def sides(self) -> str:
        """Whether the tests of steadiness ask for one direction or both."""
        return comparisons.sides(self.source.study.content["statistics"]["alternative"])

    def label(self, variant: str) -> str:
        return self.source.study.variants[variant]["label"]

    @property
    def runs(self) -> str:
        """Runs a variant, of those planned: "n = 5 of 20 seeds"."""
        counts, planned = self.source.statistic("accuracy")["n"], len(self.source.study.seeds)
        low, high = counts.min(), counts.max()
        there = f"{low}" if low == high else f"{low} to {high}"
        return f"n = {there} seeds" if low == planned else f"n = {there} of {planned} seeds"

    @property
    def is_single(self) -> bool:
        """Whether there is one run of each head."""
        return bool((self.source.statistic("accuracy")["n"] == 1).all())

    @property
    def epochs(self) -> int:
        return int(self.source.statistic("cost")["epochs"].max())

    def weights(self, variant: str) -> str:
        return f"{self.row('cost', variant)['final']:,.0f}"

    def not_run(self) -> str:
        """Labels of the variants that have no runs."""
        there = self.source.variants()
        return "; ".join(self.label(name) for name in self.source.study.variants if name not in there)

    def _p_holm(self, variant: str, test: str, metric: str) -> float:
        return float(self.row("holm", variant, test=test, metric=metric)["p_holm"])

"""The paper's figures as it prints them, from the ledger's list of claims, as cells of tables."""

from collections.abc import Mapping
from decimal import Decimal

from analysis.claims.claim import Claim

SUFFIXES = {"million": "M", "thousand": "k", "×": "×"}
PAPER, RECOMPUTED, OURS = "paper", "recomputed", "ours"  # where the figures of a row come from
NOT_RUN = "not run"


def cell(claims: Mapping[str, Claim], name: str) -> str:
    """What the paper prints for the claim of id ``name``, thousands apart; empty if there is none."""
    if name not in claims or not claims[name].printed:
        return ""
    return f"{Decimal(claims[name].printed):,}" + SUFFIXES.get(claims[name].unit, "")


def margin_in_points(claim: Claim) -> str:
    """A printed ±, a fraction (N5, B7), in percentage points to its own last digit."""
    return f"{Decimal(claim.printed).scaleb(2):f}"


def plus_minus(claims: Mapping[str, Claim], mean: str, margin: str) -> str:
    """A mean in percent with its ± in points, as ours have it."""
    printed = [cell(claims, mean), margin_in_points(claims[margin]) if margin in claims else ""]
    return " ± ".join(filter(None, printed))

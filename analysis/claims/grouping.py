"""Claims that are one finding: of the same quantity of the same runs, or of one slip of the paper's own figures.

Counted claim by claim, one offset of a baseline contradicts as many claims as are printed beside it.
"""

import re

from analysis.claims.claim import Claim
from analysis.claims.outcome import Outcome

SLIP = re.compile(r"[A-Z][0-9]+\b")  # how a note begins that names a contradiction of docs/assumptions.md
QUANTITIES = {
    "epochs_to_converge": "speed",
    "epochs_to_accuracy": "speed",
    "overfitting_gap": "overfitting gap",
}
OF_CURVES = {"train_accuracy": "training accuracy", "val_loss": "validation loss"}  # by metric
BY_RULE = {
    "margin": "spread of scores",
    "epochs_to": "speed",
    **dict.fromkeys(("spread", "share", "significance", "steadier"), "SD over epochs"),
}
OF_RUNS = ("reproduced", "contradicted", "contradicted as read", "inconclusive")


def finding(claim: Claim, outcome: Outcome, sides: list[tuple[str, str]]) -> str:
    """The finding that a claim belongs to, in words: claims that share it and their verdict are one.

    ``sides`` are the study and variant of everything that a rule on runs reads; a baseline names no finding beside
    others.
    """
    if outcome.finding:
        return outcome.finding
    if outcome.verdict not in OF_RUNS:
        slip = SLIP.match(claim.note) if outcome.verdict == "arithmetic wrong" else None
        return slip.group() if slip else claim.id
    statistic, metric = (claim.parameters.get(name, "").split(" ")[0] for name in ("statistic", "metric"))
    of_curve = OF_CURVES.get(metric) if statistic == "learning_curve" else None
    quantity = BY_RULE.get(claim.rule) or of_curve or QUANTITIES.get(statistic, "accuracy")
    names = {variant.partition("@")[0] for _, variant in sides}
    compared = sorted(name for name in names if not name.startswith("dense")) or sorted(names)
    return f"{claim.study}: {quantity} of {', '.join(compared)}"

"""The six claims that the paper leads with, in a sentence each, and what became of them."""

from typing import NamedTuple

from analysis import study_results


class Headline(NamedTuple):
    """A claim in plain words; ``decided_by`` are the claims of the ledger that bear on it, the first one decides.

    ``beside`` says what a difference is one from, and ``printed`` the paper's figure, where it is a bound.
    """

    says: str
    decided_by: tuple[str, ...]
    beside: str = ""
    printed: str = ""


HEADLINES = (
    Headline(
        "Networks with large heads, such as AlexNet and VGG16, can do without more than 90 % of the head’s weights.",
        ("abs.sparsity",),
        printed="more than 90 %",
    ),
    Headline(
        "This makes these networks more accurate.",
        ("a3.alexnet.q.all_better", "a44.vgg.q.dominates"),
    ),
    Headline(
        "LeNet-5 on CIFAR-10 improves its accuracy with 0.5 % of the head’s weights.",
        ("a2.lenet5.q.cifar_improve",),
        beside="beside the dense head, after the prune",
    ),
    Headline("MobileNetV1 learns faster and varies less from seed to seed.", ("abs.mobilenet",)),
    Headline(
        "A transformer trains with half of the weights from the start, and ends with 30 %, at a negligible loss.",
        ("abs.deit70",),
    ),
    Headline("That transformer learns faster in the first 30 epochs.", ("abs.deit_first30",)),
)


def section(rows: list[dict]) -> list[dict]:
    """What the page shows of each claim: what it ``says``, ``beside`` and ``printed`` as in ``Headline``.

    With it the ``row`` of the claim that decides it, those of all its ``claims``, and the ``command`` that would run
    it. ``rows`` come from ``analysis.report.verdicts.section``.
    """
    by_id = {row["id"]: row for row in rows}
    bearing = [(one, [by_id[name] for name in one.decided_by if name in by_id]) for one in HEADLINES]
    return [
        {
            "says": one.says,
            "beside": one.beside,
            "printed": one.printed or found[0]["printed"],
            "row": found[0],
            "claims": found,
            "command": study_results.how_to_run((found[0]["study"],)) if found[0]["verdict"] == "not run" else "",
        }
        for one, found in bearing
        if found
    ]

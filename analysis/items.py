"""``python -m analysis.items``: figures and tables of a study, or the paper's own, in one process."""

from importlib import import_module

from analysis import study_results
from analysis.contracts import SUFFIXES
from nist.errors import run


def main(argv: list[str] | None = None) -> None:
    """Make figures and tables of a study, or of the paper, in folders ``figures`` and ``tables``.

    A study's own lie in folders of its name there.
    """
    items, folder = study_results.parse("analysis.items", main.__doc__, SUFFIXES, argv)
    for item in items:
        # What draws is imported where something is drawn: matplotlib takes longer than most tables.
        import_module(f"analysis.{item.room}.__main__").write(item, folder / item.room / item.owner)


if __name__ == "__main__":
    run(main)

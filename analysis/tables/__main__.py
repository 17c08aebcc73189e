"""``python -m analysis.tables``: the tables of a study, or the paper's own, in one process."""

from importlib import import_module
from pathlib import Path

from analysis import study_results
from analysis.study_results import Item
from analysis.tables import layout
from nist.errors import run


def write(item: Item, folder: Path) -> None:
    """Build a table and write it in every format."""
    module = import_module(item.module)
    title = getattr(module, "TITLE", "; ".join(source.study.title for source in item.given))
    layout.write(module.build(item.given), title, folder / f"{item.name}.csv")


def main(argv: list[str] | None = None) -> None:
    """Write the tables of a study, or those of the paper, as CSV, Markdown and LaTeX."""
    items, folder = study_results.parse("analysis.tables", main.__doc__, ["table"], argv)
    for item in items:
        write(item, folder)


if __name__ == "__main__":
    run(main)

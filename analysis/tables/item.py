"""A table of a study, or of the paper, built and written: for ``analysis.items``."""

from importlib import import_module
from pathlib import Path

from analysis.study_results import Item
from analysis.tables import layout


def write(item: Item, folder: Path) -> None:
    """Build a table and write it in every format."""
    module = import_module(item.module)
    title = getattr(module, "TITLE", "; ".join(source.study.title for source in item.given))
    layout.write(module.build(item.given), title, folder / f"{item.name}.csv")

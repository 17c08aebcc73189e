"""A figure of a study, or of the paper, drawn and written: for ``analysis.items``."""

from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import style
from analysis.study_results import Item


def draw(item: Item) -> Figure:
    """A figure by its module: ``draw``, which needs no source, ``draw_together`` of all, or ``plot`` of every one."""
    module = import_module(item.module)
    if hasattr(module, "draw_together"):
        return module.draw_together(item.given)
    return module.draw() if hasattr(module, "draw") else style.compose(item.given, module, item.name)


def write(item: Item, folder: Path) -> None:
    """Draw a figure and write it in every format."""
    with style.layout():
        style.save_all(draw(item), folder / item.name)

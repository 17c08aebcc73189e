"""``python -m analysis.figures``: the figures of a study, or the paper's own, in one process."""

from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure

from analysis import study_results
from analysis.figures import style
from analysis.study_results import Item
from nist.errors import run


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


def main(argv: list[str] | None = None) -> None:
    """Draw the figures of a study, or those of the paper, as SVG, PDF and PNG."""
    items, folder = study_results.parse("analysis.figures", main.__doc__, ["figure"], argv)
    for item in items:
        write(item, folder)


if __name__ == "__main__":
    run(main)

"""How every figure looks, and how a figure module becomes a command."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis import command
from nist.files import replacing
from nist.study import Study

SIZE = (6.0, 3.8)  # inches
# The paper's colour names in shades that differ in lightness too, so that they stay apart in grey.
SHADES = {
    "red": "#d1242f",
    "blue": "#3a7bd5",
    "black": "#1b1f24",
    "purple": "#8a3ffc",
    "orange": "#e8820c",
    "green": "#1a7f37",
}
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1))]
LAYOUT = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "grid.color": "#e3e6ea",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": 200,
    "svg.hashsalt": "nist",  # the same figure has the same bytes
}


class Series(NamedTuple):
    """One variant's line: where its rows are, its name in the legend, and its look."""

    variant: str
    label: str
    line: dict


def series(study: Study, figure: str) -> list[Series]:
    """The variants that ``figure`` shows of a study, in the study's order, with label, colour and dashes."""
    colours = study.content["feeds"].get(figure, {}).get("series")
    colours = colours or {name: variant["colour"] for name, variant in study.variants.items()}
    result = []
    for position, (name, variant) in enumerate(study.variants.items()):
        if name in colours:
            look = {"color": SHADES.get(colours[name], colours[name]), "linestyle": DASHES[position % len(DASHES)]}
            result.append(Series(name, variant["label"], look))
    return result


def epochs_axis(axes: Axes) -> None:
    """Label the x axis with whole epochs."""
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.02)


def percent_axis(axes: Axes, label: str, decimals: int | None = None) -> None:
    """Show the y axis, fractions in the data, in percent."""
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals))


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's ending, whole or not at all, the same bytes every time."""
    with plt.rc_context(LAYOUT), replacing(path) as temporary:
        figure.savefig(temporary, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)


def render(module: str, plot: Callable, argv: list[str] | None) -> None:
    """Command of a figure module: read the statistics given, in order, and draw them with ``plot(…, study, axes)``."""
    parser = command.parser(module, f"Draw {module.rpartition('.')[2]}.", "statistics that the figure reads, in order")
    parser.add_argument("--format", nargs="*", default=["png"], help="further formats beside the output's own")
    arguments = parser.parse_args(argv)
    frames = [command.read_csv(path) for path in arguments.inputs]
    with plt.rc_context(LAYOUT):
        figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
        plot(*frames, arguments.study, axes)
        for path in (arguments.output, *(arguments.output.with_suffix(f".{other}") for other in arguments.format)):
            save(figure, path)
        plt.close(figure)

"""How every figure looks, and how it is written."""

import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import matplotlib

matplotlib.use("Agg")
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from matplotlib.transforms import ScaledTranslation

from analysis import study_results
from analysis.contracts import SUFFIXES
from analysis.figures.looks import Series
from analysis.study_results import Source
from nist.errors import InputError
from nist.runtime.files import replacing

SIZE = (6.0, 3.8)  # inches, of one panel
BELOW = 0.42  # inches between axes and a legend below them: ticks and the name of the axis stand there
LEGEND = 0.6  # inches of a panel's height that a legend below it may take, two rows
INK, SOFT, LINE = "#1b1f24", "#57606a", "#8c959f"
UNDATED: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
LAYOUT: dict = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "grid.color": "#e3e6ea",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.handlelength": 3,
    "lines.linewidth": 1.8,
    "pdf.fonttype": 42,  # TrueType: publishers refuse matplotlib's default, Type 3
    "savefig.dpi": 200,
    "svg.hashsalt": "nist",  # the same figure has the same bytes
    "text.parse_math": False,  # a study's texts are shown as they are; between dollars they would be formulas
}


def layout() -> AbstractContextManager:
    """The settings of all figures while it is entered: matplotlib's own, whatever the user's are, and ``LAYOUT``.

    So a figure has the same bytes on every machine; its font is one that matplotlib brings with it.
    """
    return plt.style.context(["default", LAYOUT])


def drawn(frame: pd.DataFrame, lines: list[Series]) -> list[tuple[Series, pd.DataFrame]]:
    """Each line with its rows of ``frame``, by epoch; lines without any are left out."""
    rows = {name: group.sort_values("epoch") for name, group in frame.groupby("variant", sort=False)}
    return [(line, rows[line.variant]) for line in lines if line.variant in rows]


def legend_below(axes: Axes) -> None:
    """The legend below the axes: small or one column if it would squeeze them; if it is long the figure is taller."""
    figure = axes.figure
    below = axes.transAxes + ScaledTranslation(0, -BELOW, figure.dpi_scale_trans)
    for columns, size in ((2, "medium"), (2, "small"), (1, "small")):
        legend = axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=columns, fontsize=size
        )
        extent = legend.get_window_extent()
        if extent.width <= 0.95 * SIZE[0] * figure.dpi:
            break
    if isinstance(figure, Figure):  # a part of a figure has no height of its own
        figure.set_figheight(max(figure.get_figheight(), SIZE[1] + extent.height / figure.dpi - LEGEND))


def epochs_axis(axes: Axes, last: int | None = None) -> None:
    """Label the x axis with whole epochs, from 0 to ``last``, by default the last one that is drawn."""
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlim(0, axes.dataLim.xmax if last is None else last)


def percent_axis(axes: Axes, label: str) -> None:
    """Show the y axis, fractions in the data, in percent."""
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def compose(given: list[Source], module: ModuleType, figure: str) -> Figure:
    """A figure of the sources that have runs, by the ``plot`` of its module: a panel each, or one for all.

    All are in one panel where the module says that they share their axes. What has no runs is named below. Raises
    ``InputError`` if nothing has.
    """
    there = run_of(given, figure)
    groups = [there] if getattr(module, "SHARED_AXES", False) else [[source] for source in there]
    size = (SIZE[0] * len(groups), SIZE[1])
    drawing, panels = plt.subplots(1, len(groups), figsize=size, layout="constrained", squeeze=False)
    for group, axes in zip(groups, panels[0], strict=True):
        for source in group:
            module.plot(source.statistic(module.STATISTIC), source.study, axes, figure)
    name_missing(given, drawing, 100 * len(groups))
    return drawing


def run_of(given: list[Source], figure: str) -> list[Source]:
    """The sources that have runs. Raises ``InputError`` if none has."""
    there = [source for source in given if source.is_run]
    if not there:
        raise InputError(f"{figure}: no statistics of {', '.join(source.study.name for source in given)}; give some")
    return there


def name_missing(given: list[Source], drawing: Figure, width: int = 200) -> None:
    """Say below a figure what has no runs, in lines of at most ``width`` characters."""
    if below := study_results.missing(given):
        drawing.supxlabel("\n".join(_wrapped(line, width) for line in below), fontsize=7, color=SOFT)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def save_all(figure: Figure, path: Path) -> None:
    """Write a figure as ``path`` with the suffix of every format, and close it.

    Each file is put in place whole or not at all, the same bytes every time.
    """
    with layout():
        figure.set_dpi(plt.rcParams["savefig.dpi"])
        figure.draw_without_rendering()  # once for all formats: to lay out takes as long as to draw
        figure.set_layout_engine(None)  # "none" would leave one that is asked again for every format
        extent = figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
        for suffix in SUFFIXES["figure"]:
            with replacing(path.with_name(path.name + suffix)) as temporary:
                figure.savefig(temporary, bbox_inches=extent, metadata=UNDATED.get(suffix))
    plt.close(figure)

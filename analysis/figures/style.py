"""How every figure looks, and how it is written."""

import textwrap
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis import study_results
from analysis.contracts import SUFFIXES
from analysis.study_results import Source
from nist.errors import InputError
from nist.runtime.files import replacing
from nist.studies.study import Study

SIZE = (6.0, 3.8)  # inches, of one panel
LEGEND = 0.6  # inches of a panel's height that a legend below it may take, two rows
# The paper's colour names in shades that differ in lightness too, so that they stay apart in grey.
SHADES = {
    "red": "#d1242f",
    "blue": "#3a7bd5",
    "black": "#1b1f24",
    "purple": "#8a3ffc",
    "orange": "#e8820c",
    "green": "#1a7f37",
}
INK, SOFT, LINE = "#1b1f24", "#57606a", "#8c959f"
DASHES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (11, 2.5)), (0, (3, 1, 1, 1, 1, 1))]
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
    "savefig.dpi": 200,
    "svg.hashsalt": "nist",  # the same figure has the same bytes
    "text.parse_math": False,  # a study's texts are shown as they are; between dollars they would be formulas
}


class Series(NamedTuple):
    """One variant's line: where its rows are, its name in the legend, and its look."""

    variant: str
    label: str
    line: dict


def series(study: Study, figure: str) -> list[Series]:
    """The variants that ``figure`` shows of a study, in the study's order, with label, colour and dashes.

    Raises ``InputError`` for a colour that matplotlib does not know.
    """
    colours = study.content["feeds"].get(figure, {}).get("series")
    colours = colours or {name: variant["colour"] for name, variant in study.variants.items()}
    result = []
    for position, (name, variant) in enumerate(study.variants.items()):
        if name in colours:
            colour = SHADES.get(colours[name], colours[name])
            if not is_color_like(colour):
                raise InputError(f"{study.path}: variants.{name}: matplotlib knows no colour {colour!r}; give #rrggbb")
            look = {"color": colour, "linestyle": DASHES[position % len(DASHES)]}
            result.append(Series(name, variant["label"], look))
    return result


def drawn(frame: pd.DataFrame, lines: list[Series]) -> list[tuple[Series, pd.DataFrame]]:
    """Each line with its rows of ``frame``, by epoch; lines without any are left out."""
    rows = {name: group.sort_values("epoch") for name, group in frame.groupby("variant", sort=False)}
    return [(line, rows[line.variant]) for line in lines if line.variant in rows]


def legend_below(axes: Axes) -> None:
    """The legend below the axes: small or one column if it would squeeze them; if it is long the figure is taller."""
    figure = axes.figure
    for columns, size in ((2, "medium"), (2, "small"), (1, "small")):
        legend = axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, fontsize=size)
        extent = legend.get_window_extent()
        if extent.width <= 0.95 * SIZE[0] * figure.dpi:
            break
    if isinstance(figure, Figure):  # a part of a figure has no height of its own
        figure.set_figheight(max(figure.get_figheight(), SIZE[1] + extent.height / figure.dpi - LEGEND))


def epochs_axis(axes: Axes, last: int | None = None) -> None:
    """Label the x axis with whole epochs, from 0 to ``last`` if it is given."""
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.02)
    if last is not None:
        axes.set_xlim(0, last)


def percent_axis(axes: Axes, label: str, decimals: int | None = None) -> None:
    """Show the y axis, fractions in the data, in percent."""
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals))


def placeholder(absent: list[str], title: str, axes: Axes) -> None:
    """Say on empty axes what ``sources.missing`` says."""
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set(visible=True, color=LINE, linestyle=(0, (4, 4)))
    text = "\n\n".join(_wrapped(line, 62) for line in absent)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT, fontsize=9)


def compose(given: list[Source], module: ModuleType, figure: str) -> Figure:
    """A figure of all sources by the ``plot`` of its module: a panel each, or one for all if they share their axes.

    A panel that has nothing to show says so. What others lack, variants or a study of a shared panel, stands below.
    """
    groups = [given] if getattr(module, "SHARED_AXES", False) else [[source] for source in given]
    size = (SIZE[0] * len(groups), SIZE[1])
    drawing, panels = plt.subplots(1, len(groups), figsize=size, layout="constrained", squeeze=False)
    partly = []
    for group, axes in zip(groups, panels[0], strict=True):
        there = [source for source in group if source.is_run]
        for source in there:
            module.plot(source.statistic(module.STATISTIC), source.study, axes, figure)
        if there:
            partly += group
        else:
            placeholder(study_results.missing(group, given), group[0].study.title, axes)
    below = study_results.missing(partly, given)
    if below:
        text = "\n".join(_wrapped(line, 100 * len(groups)) for line in below)
        drawing.supxlabel(text, fontsize=7, color=SOFT)
    return drawing


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def save_all(figure: Figure, path: Path) -> None:
    """Write a figure as ``path`` with the suffix of every format, and close it.

    Each file is put in place whole or not at all, the same bytes every time.
    """
    with plt.rc_context(LAYOUT):
        figure.set_dpi(plt.rcParams["savefig.dpi"])
        figure.draw_without_rendering()  # once for all formats: to lay out takes as long as to draw
        figure.set_layout_engine("none")
        extent = figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
        for suffix in SUFFIXES["figure"]:
            with replacing(path.with_name(path.name + suffix)) as temporary:
                figure.savefig(temporary, bbox_inches=extent, metadata=UNDATED.get(suffix))
    plt.close(figure)

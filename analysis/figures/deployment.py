"""How many times as fast as other ways a head is, before and after its prune: from ``nist.benchmarks.deployment``."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from analysis.figures import style
from analysis.tables import deployment

OTHERS = {"training": deployment.OTHERS, "inference": deployment.AT_INFERENCE}
LOOKS = {
    **dict.fromkeys(("itself unpruned", "the model itself"), ("#1a7f37", "*")),
    "itself shrunk": ("#cf222e", "P"),
    "dense": ("#1b1f24", "s"),
    "masked": ("#8c959f", "D"),
    **dict.fromkeys(("torch COO", "torch CSR"), ("#3a7bd5", "^")),
    "torch BSR": ("#8250df", "v"),
    **dict.fromkeys(("gathering", "scipy CSR"), ("#e8820c", "o")),
}


def draw(measured: pd.DataFrame, where: dict[str, str]) -> Figure:
    """A row a head, stage and batch; a mark a way, at its time over that of NIST; training left, inference right.

    Of the smallest number of threads; the table has all.
    """
    threads = int(measured["threads"].min())
    measured = measured[measured["threads"] == threads]
    cases = [_name(*case) for case in measured[deployment.CASE[1:]].itertuples(index=False)]
    names = list(dict.fromkeys(cases))
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(10, 1.4 + 0.24 * len(names)), layout="constrained")
    placed = measured.assign(place=[names.index(case) for case in cases])
    for (part, others), axes in zip(OTHERS.items(), panels, strict=True):
        _panel(placed[placed["part"] == part], others, axes)
        axes.set_title(part.capitalize())
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    counted = f"{threads} thread{'s' * (threads != 1)}"
    figure.suptitle(f"How many times as fast NIST is: {where['device']}, {counted}", fontsize="medium")
    return figure


def _name(network: str, sparsity: float, rows: int) -> str:
    return f"{network}, {deployment.stage(sparsity)}, {rows} row{'s' * (rows != 1)}"


def _panel(measured: pd.DataFrame, others: dict[str, str], axes: Axes) -> None:
    for name, label in others.items():
        (colour, marker), rows = LOOKS[label], measured[measured["candidate"] == name]
        axes.plot(rows["this_over_nist"], rows["place"], marker, color=colour, label=f"over {label}", markersize=5)
    axes.axvline(1, color=style.LINE, linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_xlabel("its time over that of NIST")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2, columnspacing=1, handletextpad=0.2)

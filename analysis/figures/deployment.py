"""How many times as fast as other ways a head is, before and after its prune: from ``nist.benchmarks.deployment``."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from analysis.figures import style
from analysis.tables import deployment

LOOKS = {
    "dense": ("#1b1f24", "s"),
    "masked": ("#8c959f", "D"),
    "torch COO": ("#3a7bd5", "^"),
    "gathering": ("#e8820c", "o"),
}
AT_INFERENCE = {"dense": ("#1b1f24", "s"), "torch CSR": ("#3a7bd5", "^"), "scipy CSR": ("#e8820c", "o")}
PARTS = {"training": (deployment.OTHERS, LOOKS), "inference": (deployment.AT_INFERENCE, AT_INFERENCE)}


def draw(measured: pd.DataFrame, where: dict[str, str]) -> Figure:
    """A row a head, stage and batch; a mark a way, at its time over that of NIST; training left, inference right."""
    cases = measured[deployment.CASE].drop_duplicates()
    figure, panels = plt.subplots(1, 2, sharey=True, figsize=(10, 1.4 + 0.24 * len(cases)), layout="constrained")
    for part, axes in zip(PARTS, panels, strict=True):
        _panel(measured[measured["part"] == part], part, axes)
    names = [
        f"{net}, {deployment.stage(sparsity)}, {rows} rows" for net, sparsity, rows in cases.itertuples(index=False)
    ]
    panels[0].set_yticks(range(len(cases)), [name.replace(", 1 rows", ", 1 row") for name in names])
    panels[0].set_ylim(len(cases) - 0.5, -0.5)
    threads = f"{where['threads']} thread{'s' * (where['threads'] != '1')}"
    figure.suptitle(f"How many times as fast NIST is: {where['device']}, {threads}", fontsize="medium")
    return figure


def _panel(measured: pd.DataFrame, part: str, axes: Axes) -> None:
    others, looks = PARTS[part]
    order = {
        tuple(case): place
        for place, case in enumerate(measured[deployment.CASE].fillna(0).drop_duplicates().to_numpy())
    }
    places = [order[tuple(case)] for case in measured[deployment.CASE].fillna(0).to_numpy()]
    for name, label in others.items():
        rows = (measured["candidate"] == name).to_numpy()
        colour, marker = looks[label]
        axes.plot(
            measured.loc[rows, "this_over_nist"],
            [place for place, row in zip(places, rows, strict=True) if row],
            marker,
            color=colour,
            label=f"over {label}",
            markersize=5,
        )
    axes.axvline(1, color=style.LINE, linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set(title=part.capitalize(), xlabel="its time over that of NIST")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2)

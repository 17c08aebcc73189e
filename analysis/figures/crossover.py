"""Which form of a NIST layer is fastest, by shape, batch and factor: from ``nist.benchmarks.layers``."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SHAPE = ["network", "n_in", "n_out", "rows"]
CASE = [*SHAPE, "k", "kept"]
FILLS = {"masked": "#eceff2", "banded": "#bcd7f5", "blocked": "#c5e8c9", "compressed": "#e3d3fb"}


def fastest(layers: pd.DataFrame) -> pd.DataFrame:
    """The fastest form of every case, with ``masked_over_this``: how many times as fast it is as masked.

    ``choice`` is the form that ``nist.sparse.cost_model`` chose, and ``regret`` the share by which that one was slower.
    All by the ratios within rounds, where candidates ran side by side. Plain ``nn.Linear`` is not among the forms.
    """
    forms = layers[layers["candidate"] != "linear"]
    best = forms.loc[forms.groupby(CASE, sort=False)["masked_over_this"].idxmax()]
    chosen = forms.loc[forms["chosen"], [*CASE, "candidate", "masked_over_this"]]
    chosen = chosen.rename(columns={"candidate": "choice", "masked_over_this": "masked_over_chosen"})
    joined = best.drop(columns="chosen").merge(chosen, on=CASE, validate="one_to_one")
    return joined.assign(regret=joined["masked_over_this"] / joined["masked_over_chosen"] - 1)


def plot(best: pd.DataFrame, axes: Axes) -> None:
    """Draw the result of ``fastest``: a row a shape and batch, a column a factor, half density last, by form.

    A frame in a cell says that the rule of ``nist.sparse.cost_model`` chooses another form there, and how much slower
    that one is.
    """
    shapes = list(dict.fromkeys(best[SHAPE].itertuples(index=False, name=None)))
    small = sorted({k for n_out, k in zip(best["n_out"], best["k"], strict=True) if k != n_out // 2})
    columns = [*map(str, small), "n_out / 2"]
    for row in best.itertuples():
        y = shapes.index(tuple(getattr(row, name) for name in SHAPE))
        here = [str(row.k)] * (row.k in small) + ["n_out / 2"] * (row.k == row.n_out // 2)
        for x in map(columns.index, here):
            axes.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=FILLS[row.candidate], edgecolor="white"))
            text, size = f"{row.candidate} {row.masked_over_this:.3g}×", 7
            if row.choice != row.candidate:
                axes.add_patch(plt.Rectangle((x - 0.47, y - 0.43), 0.94, 0.86, fill=False, edgecolor="#57606a"))
                text, size = f"{text}\nchosen: {row.choice} +{row.regret:.0%}", 6
            axes.text(x, y, text, ha="center", va="center", fontsize=size, linespacing=1.1)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(shapes)), [f"{n}: {a:,} → {b:,}, {r} rows" for n, a, b, r in shapes])
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(shapes) - 0.5, -0.5), xlabel="Neuroseed factor k")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def draw(measured: pd.DataFrame, where: dict[str, str]) -> Figure:
    """The map of the fastest forms of layers before their prune."""
    best = fastest(measured)
    best = best[best["kept"] == 1]
    height = 0.8 + 0.36 * best[SHAPE].drop_duplicates().shape[0]
    figure, axes = plt.subplots(figsize=(9, height), layout="constrained")
    plot(best, axes)
    axes.set_title(f"Fastest form, and its speed over masked: {where['device']}, {where['threads']} threads")
    return figure

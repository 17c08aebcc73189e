"""Fig. 1: the connections of Eq. 1 between a layer of 10 neurons and one of 5, for k = 1, 2 and 3."""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.sparse.mask import edges

N_IN, N_OUT, FACTORS = 10, 5, (1, 2, 3)
BY_OFFSET = [looks.SHADES[colour] for colour in ("blue", "orange", "purple")]


def plot(n_in: int, n_out: int, k: int, axes: Axes) -> None:
    """Draw both layers as columns of neurons, the first on top, and a line for every connection, coloured by t."""
    heights: dict[str, list[float]] = {
        "in": [-i for i in range(n_in)],
        "out": [-(j + 0.5) * n_in / n_out + 0.5 for j in range(n_out)],
    }
    for position, (i, j) in enumerate(zip(*edges(n_in, n_out, k), strict=True)):
        ends, t = (heights["in"][i], heights["out"][j]), position % k
        axes.plot([0, 1], ends, color=BY_OFFSET[t], linewidth=1.3, zorder=1, label=f"t = {t}" if i == 0 else None)
    for x, side in ((0, "in"), (1, "out")):
        axes.scatter([x] * len(heights[side]), heights[side], s=90, color="white", edgecolor=style.INK, zorder=2)
    axes.set(xlim=(-0.15, 1.15))
    axes.axis("off")


def draw() -> plt.Figure:
    """The three panels A, B and C."""
    figure, panels = plt.subplots(1, len(FACTORS), figsize=(7.2, 3.6), layout="constrained")
    for letter, k, axes in zip("ABC", FACTORS, panels, strict=True):
        plot(N_IN, N_OUT, k, axes)
        axes.set_title(f"{letter}   k = {k}", loc="left", fontweight="bold")
    figure.legend(*panels[-1].get_legend_handles_labels(), loc="outside lower center", ncols=len(FACTORS))
    return figure

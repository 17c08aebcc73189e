"""Fig. 2: the method in five steps, each on the weights of one small layer, computed and not painted."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.sparse.mask import kept_weights, neuroseed_mask

N_IN, N_OUT, K = 12, 8, 3
SPARSITY = 0.85  # of the dense layer's weights, as everywhere
STEPS = [
    ("1  Mask", "Deterministic binary mask\nfrom the neuroseed factor,\nbefore training"),
    ("2  Train", "On masked weights,\nno regrowth,\nno dense overhead"),
    ("3  Prune once", "After about 10 % of epochs\n(e.g. 4 in VGG16): smallest\nmagnitudes, permanently"),
    ("4  Continue", "With the updated mask,\nno further changes\nin connectivity"),
    ("5  Sparse model", "Fewer FLOPs, less memory,\naccuracy kept\nor improved"),
]


def weights(generator: np.random.Generator) -> list[np.ndarray]:
    """Magnitudes of a layer's weights after steps 1 to 4, shape (n_in, n_out), NaN where there is no weight."""
    mask = neuroseed_mask(N_IN, N_OUT, K)
    trained = np.where(mask, generator.gamma(2.0, size=mask.shape), np.nan)
    smallest_kept = np.sort(trained[mask])[-kept_weights(N_IN * N_OUT, SPARSITY)]
    pruned = np.where(trained >= smallest_kept, trained, np.nan)
    return [
        np.where(mask, np.nanmean(trained), np.nan),
        trained,
        pruned,
        pruned * generator.uniform(0.6, 1.2, mask.shape),
    ]


def plot_matrix(magnitudes: np.ndarray, largest: float, axes: Axes) -> None:
    """Draw weights as cells, a row an output: the larger the darker, white for none."""
    axes.pcolormesh(magnitudes.T, cmap="Blues", vmin=-0.3 * largest, vmax=largest, edgecolors="#d8dee4", linewidth=0.5)
    axes.set(xlim=(0, N_IN), ylim=(N_OUT, 0), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=style.LINE)
    axes.grid(False)


def plot_network(magnitudes: np.ndarray, axes: Axes) -> None:
    """Draw the connections that are left between inputs, on top, and outputs."""
    x_in, x_out = np.arange(N_IN) + 0.5, (np.arange(N_OUT) + 0.5) * N_IN / N_OUT
    for i, j in zip(*np.nonzero(~np.isnan(magnitudes)), strict=True):
        axes.plot([x_in[i], x_out[j]], [0.5, N_OUT - 0.5], color=looks.SHADES["blue"], linewidth=1, zorder=1)
    for x, y in ((x_in, 0.5), (x_out, N_OUT - 0.5)):
        axes.scatter(x, np.full(len(x), y), s=26, color="white", edgecolor=style.INK, linewidth=0.9, zorder=2)
    axes.set(xlim=(0, N_IN), ylim=(N_OUT, 0), aspect="equal")
    axes.axis("off")


def draw() -> plt.Figure:
    """The five steps from left to right, with arrows between them."""
    figure, panels = plt.subplots(1, len(STEPS), figsize=(10.5, 2.5))
    figure.subplots_adjust(left=0.01, right=0.99, top=0.86, bottom=0.3, wspace=0.3)
    matrices = weights(np.random.default_rng(0))
    for axes, magnitudes in zip(panels, matrices, strict=False):
        plot_matrix(magnitudes, np.nanmax(matrices), axes)
    plot_network(matrices[-1], panels[-1])
    for axes, (title, text) in zip(panels, STEPS, strict=True):
        axes.set_title(title, fontweight="bold")
        axes.text(0.5, -0.08, text, transform=axes.transAxes, ha="center", va="top", fontsize=9, color=style.SOFT)
    for axes in panels[1:]:
        arrow = {"arrowstyle": "-|>", "color": style.INK, "linewidth": 1.4}
        axes.annotate("", (-0.05, 0.5), (-0.25, 0.5), "axes fraction", "axes fraction", arrowprops=arrow)
    return figure

"""Fig. A1: topographical input mapping, (a) in the retina and (b) in a multilayer perceptron with k = 1 first."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from analysis.figures import looks, style
from nist.sparse.mask import edges

# Cell types in the order in which they follow the input layer: name, how many, colour, marker.
CELLS = [
    ("Photoreceptors (input layer)", 12, style.INK, "^"),
    ("Bipolar cells", 12, looks.SHADES["blue"], "o"),
    ("Ganglion cells", 6, looks.SHADES["orange"], "s"),
    ("Visual cortex, retinotopic map", 6, looks.SHADES["purple"], "D"),
]
LAYERS = [("Inputs", 12, None), ("Hidden, k = 1", 6, 1), ("Hidden, denser", 6, 6), ("Outputs", 4, 4)]
WIDTH = 12.0


def positions(count: int) -> np.ndarray:
    """Horizontal places of ``count`` units spread over ``WIDTH``, shape (count,)."""
    return (np.arange(count) + 0.5) * WIDTH / count


def plot_retina(axes: Axes) -> None:
    """Draw cell types as rows, the input layer on top, neighbours projecting to neighbours."""
    for level, (name, count, colour, marker) in enumerate(CELLS):
        if level:
            above = CELLS[level - 1][1]
            targets = np.arange(above) * count // above
            _connect(positions(above), positions(count)[targets], level, axes)
        _units(positions(count), level, name, axes, color=colour, marker=marker)
    _finish(axes, "a   Retinotopy")


def plot_perceptron(axes: Axes) -> None:
    """Draw layers as rows, connected by Eq. 1 with their neuroseed factors."""
    for level, (name, count, k) in enumerate(LAYERS):
        if k is not None:
            above = LAYERS[level - 1][1]
            sources, targets = edges(above, count, k)
            _connect(positions(above)[sources], positions(count)[targets], level, axes)
        _units(positions(count), level, name, axes, color="white")
    _finish(axes, "b   Multilayer perceptron")


def _connect(upper: np.ndarray, lower: np.ndarray, level: int, axes: Axes) -> None:
    for start, end in zip(upper, lower, strict=True):
        axes.plot([start, end], [1 - level, -level], color=style.LINE, linewidth=0.9, zorder=1)


def _units(places: np.ndarray, level: int, name: str, axes: Axes, **look: Any) -> None:
    axes.scatter(places, np.full(len(places), -level), s=60, edgecolor=style.INK, linewidth=0.9, zorder=2, **look)
    axes.annotate(name, (WIDTH + 0.3, -level), va="center", fontsize=9, annotation_clip=False)


def _finish(axes: Axes, title: str) -> None:
    axes.set(xlim=(0, WIDTH), ylim=(-len(CELLS) + 0.7, 0.3))
    axes.set_title(title, loc="left", fontweight="bold")
    axes.axis("off")


def draw() -> plt.Figure:
    """Both panels side by side."""
    figure, (retina, perceptron) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    plot_retina(retina)
    plot_perceptron(perceptron)
    return figure

"""Which form of a NIST layer is fastest where: from the measurements of ``nist.benchmark``, by shape and factor."""

import argparse
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from analysis.figures import style
from nist.errors import InputError, run
from nist.files import replacing

SHAPE = ["network", "n_in", "n_out", "rows"]
FILLS = {"masked": "#eceff2", "banded": "#bcd7f5", "compressed": "#d9c8f7"}


def fastest(measured: pd.DataFrame) -> pd.DataFrame:
    """The fastest form of every shape and factor, with ``masked_over_this``: how many times as fast it is as masked.

    ``measured`` holds the rows of ``nist.benchmark``. Plain ``nn.Linear`` is not among the forms.
    """
    forms = measured[measured["candidate"] != "linear"]
    best = forms.loc[forms.groupby([*SHAPE, "k"], sort=False)["total_ms"].idxmin()]
    return best[[*SHAPE, "k", "candidate", "total_ms", "masked_over_this", "bytes_held"]].reset_index(drop=True)


def plot(best: pd.DataFrame, axes: Axes) -> None:
    """Draw the result of ``fastest``: a row a shape, a column a factor, half density last, coloured by form."""
    shapes = list(dict.fromkeys(best[SHAPE].itertuples(index=False, name=None)))
    small = sorted({k for n_out, k in zip(best["n_out"], best["k"], strict=True) if k != n_out // 2})
    columns = [*map(str, small), "n_out / 2"]
    for row in best.itertuples():
        y = shapes.index((row.network, row.n_in, row.n_out, row.rows))
        here = [str(row.k)] * (row.k in small) + ["n_out / 2"] * (row.k == row.n_out // 2)
        for x in map(columns.index, here):
            axes.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=FILLS[row.candidate], edgecolor="white"))
            axes.text(x, y, f"{row.candidate}\n{row.masked_over_this:.3g}×", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(shapes)), [f"{n}: {a:,} → {b:,}, {r} rows" for n, a, b, r in shapes])
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(shapes) - 0.5, -0.5), xlabel="Neuroseed factor k")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def main(argv: list[str] | None = None) -> None:
    """Draw the map of the fastest forms, and write the table behind it as Markdown beside it."""
    parser = argparse.ArgumentParser(prog="python -m analysis.figures.crossover", description=main.__doc__)
    parser.add_argument("input", type=Path, help="Parquet file of nist.benchmark")
    parser.add_argument("-o", "--output", required=True, type=Path, nargs="+", help="figure files")
    arguments = parser.parse_args(argv)
    if not arguments.input.is_file():
        raise InputError(f"{arguments.input}: no such file; make bench writes it")
    table = pq.read_table(arguments.input)
    where = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    best = fastest(table.to_pandas())
    with plt.rc_context(style.LAYOUT):
        figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
        plot(best, axes)
        axes.set_title(f"Fastest form, and its speed over masked: {where['device']}, {where['threads']} threads")
    for path in arguments.output:
        style.save(figure, path)
    with replacing(arguments.output[0].with_suffix(".md")) as temporary:
        temporary.write_text(best.to_markdown(index=False, floatfmt=".3g") + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)

"""A model's NIST layers as a table."""

from html import escape
from typing import NamedTuple

from torch import nn

from nist.sparse.audit import audit
from nist.sparse.cost_model import work
from nist.sparse.hugging_face import NISTExperts
from nist.sparse.linear import NISTLinear

HEADINGS = ("layer", "shape", "factor", "form", "active", "dense", "effective", "MACs", "FLOPs", "unconnected")
NUMBERS = HEADINGS[4:]


class Row(NamedTuple):
    """One NIST layer, or the total. MACs and FLOPs are those of one row of inputs in the layer's form."""

    layer: str
    shape: str
    factor: int | str
    form: str
    active: int
    dense: int
    effective: int
    macs: int
    flops: int
    unconnected: int


class Summary(tuple[Row, ...]):
    """The rows of ``summary``, one a layer; it prints as a table, in a terminal and in a notebook."""

    @property
    def total(self) -> Row:
        """Sums over the layers."""
        if not self:
            return Row("total", "", "", "", 0, 0, 0, 0, 0, 0)
        sums = [int(sum(column)) for column in list(zip(*self, strict=True))[HEADINGS.index("active") :]]
        return Row("total", "", "", "", *sums)

    def __str__(self) -> str:
        cells = [HEADINGS, *map(_cells, (*self, self.total))]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(_aligned, HEADINGS, row, widths)).rstrip() for row in cells]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in HEADINGS)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in (*self, self.total)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def summary(module: nn.Module) -> Summary:
    """Every NIST layer of ``module`` with its counts, in the order of ``module.named_modules()``, and their total.

    - ``active`` of ``dense`` weights, biases not counted; ``effective``, those on a path from an input to an output as
      far as layers follow each other in an ``nn.Sequential``.
    - ``MACs`` and ``FLOPs`` (two a MAC, and one a bias) of one row of inputs, an image or a token, in the layer's form:
      the masked form multiplies by its zeros too.
    - ``unconnected`` outputs, which no input reaches.
    """
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, NISTLinear)}
    rows = []
    for each in audit(module):
        layer = layers[each.name]
        macs = work(layer.form, layer.band, each.active_weights, rows=1)["products"]
        flops = 2 * macs + (layer.out_features if layer.bias is not None else 0)
        counts = each.active_weights, layer.dense_weights, each.effective, macs, flops, each.unconnected
        experts = layer.dense_shape[0] if isinstance(layer, NISTExperts) else 1
        shape = f"{each.n_in} → {each.n_out // experts}"
        shape = f"{experts} × ({shape})" if isinstance(layer, NISTExperts) else shape
        rows.append(Row(each.name, shape, each.k, each.form, *counts))
    return Summary(rows)


def _cells(row: Row) -> tuple[str, ...]:
    return tuple(f"{value:,}" if isinstance(value, int) else value for value in row)


def _aligned(heading: str, cell: str, width: int) -> str:
    return cell.rjust(width) if heading in NUMBERS or heading == "factor" else cell.ljust(width)

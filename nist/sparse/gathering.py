"""Products with a sparse matrix weight by weight: for few weights, where CSR would mostly be copying features.

CSR takes the features of a batch as rows, so that each input and output with a weight is copied, and a call has a fixed
cost. Gathering copies a number for each weight and row instead, and is used where these are about as many at most. Its
gradients are torch's own, for which it keeps the copies until the backward pass.
"""

import math

import torch

from nist.sparse.csr import Layout

# On a core of a CPU a training step takes 5 ns a weight and row by gathering. By CSR it takes 7 ns a row and input or
# output that has a weight, and 0.3 ms a call. Without gradients all take a third, and a call 0.02 ms.
PER_COPY = 0.7
CALL, CALL_WITHOUT_GRADIENTS = 45_000, 8_000  # copies in the time of a call


def most_rows(n_weights: int, n_ends: int, trained: bool = True) -> float:
    """Rows of a batch up to which gathering is faster on a CPU; ``n_ends`` inputs and outputs have a weight."""
    copies = PER_COPY * n_weights - n_ends
    return (CALL if trained else CALL_WITHOUT_GRADIENTS) / copies if copies > 0 else math.inf


def most_rows_of(layout: Layout, trained: bool = True) -> float:
    """``most_rows`` for the weights of a matrix."""
    return most_rows(len(layout.columns), len(layout.used) + len(layout.reached), trained)


def gathers(x: torch.Tensor, most: float, by_feature: bool) -> bool:
    """Whether to gather for ``x``, ``(rows, n_in)``, and outputs that are to lie in memory ``by_feature``.

    On CPUs alone: on a GPU ``index_add`` would not give the same sum twice.
    """
    n = len(x)
    return 1 <= n <= most and not (by_feature and n > 1) and x.is_contiguous() and x.is_cpu


def gathered(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    inputs: torch.Tensor,
    outputs: torch.Tensor,
    n: int,
) -> torch.Tensor:
    """``(rows, n_in)`` times the transposed matrix, plus ``bias``: ``(rows, n)``."""
    start = x.new_zeros(n) if bias is None else bias
    if len(x) == 1:  # where calls are what costs
        return start.index_add(0, outputs, x.view(-1).index_select(0, inputs) * weight).unsqueeze(0)
    return start.expand(len(x), n).index_add(1, outputs, x.index_select(1, inputs) * weight)

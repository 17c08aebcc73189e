"""Neuroseed factors for a budget of weights: the paper names their choice as future work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from torch import nn

from nist.sparse.budgets import Sizes, erk
from nist.sparse.candidates import Patterns, chosen_candidates
from nist.sparse.checks import check_changeable
from nist.sparse.mask import kept_weights, whole_number

RULES = ("paper", "erk")


@dataclass(frozen=True)
class Suggestion:
    """Factors by the name of their layer, for ``sparsify``, and the sparsity to ``prune`` to.

    ``initial_weights`` are active before the prune and ``kept_weights`` after it, of ``dense_weights``.
    """

    factors: Mapping[str, int]
    sparsity: float
    initial_weights: int
    kept_weights: int
    dense_weights: int


def suggest(
    model: nn.Module,
    *,
    sparsity: float | None = None,
    parameters: int | None = None,
    include: Patterns = "*",
    exclude: Patterns = (),
    rule: str = "paper",
) -> Suggestion:
    """Factors for the linear layers of ``model`` to keep ``parameters`` weights, or reach ``sparsity``, after a prune.

    ``nist.sparsify(model, suggestion.factors)`` and, early in training, ``nist.prune(model, suggestion.sparsity)``.
    Layers are those that ``sparsify`` would take with ``include`` and ``exclude``; biases are not counted.

    - ``paper``: k = 1 in the first layer and half of the outputs in the others (section 3.1). Where that is less than
      the budget, the first factor is the least that suffices, and then those of later layers are whole.
    - ``erk``: densities in proportion to (n_in + n_out) / (n_in · n_out), at most 1 (Mocanu et al. 2018, Evci et al.
      2020).

    Raises ``ValueError`` unless exactly one of ``sparsity`` and ``parameters`` is given and leaves a weight, for an
    unknown rule, and for patterns as ``sparsify``.
    """
    check_changeable(model, "suggest")
    if (sparsity is None) == (parameters is None):
        raise ValueError("give the sparsity, or the parameters to keep, and not both")
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}; there are {' and '.join(RULES)}")
    chosen = chosen_candidates(model, include, exclude)
    sizes = [(n_in, n_out // each.experts) for each in chosen.values() for n_in, n_out in [each.sizes]]
    copies = [each.experts for each in chosen.values()]
    n_dense = sum(count * n_in * n_out for count, (n_in, n_out) in zip(copies, sizes, strict=True))
    n_keep = kept_weights(n_dense, sparsity) if sparsity is not None else whole_number("parameters", parameters)
    if not 1 <= n_keep <= n_dense:
        raise ValueError(f"the layers have {n_dense} weights, and {n_keep} of them cannot be kept")
    factors = (_by_the_paper if rule == "paper" else _by_erk)(sizes, copies, n_keep)
    return Suggestion(
        factors=dict(zip(chosen, factors, strict=True)),
        sparsity=max(0.0, 1 - (n_keep + 0.5) / n_dense) if sparsity is None else sparsity,  # a prune rounds down
        initial_weights=_weights(sizes, copies, factors),
        kept_weights=n_keep,
        dense_weights=n_dense,
    )


def _weights(sizes: Sizes, copies: Sequence[int], factors: Sequence[int]) -> int:
    return sum(count * n_in * k for count, (n_in, _), k in zip(copies, sizes, factors, strict=True))


def _by_the_paper(sizes: Sizes, copies: Sequence[int], n_keep: int) -> list[int]:
    factors = [1, *(max(1, n_out // 2) for _, n_out in sizes[1:])]
    for place, (n_in, n_out) in enumerate(sizes):
        missing = n_keep - _weights(sizes, copies, factors)
        if missing <= 0:
            break
        factors[place] = min(n_out, factors[place] + ceil(missing / (copies[place] * n_in)))
    return factors


def _by_erk(sizes: Sizes, copies: Sequence[int], n_keep: int) -> list[int]:
    every = [size for count, size in zip(copies, sizes, strict=True) for _ in range(count)]
    counts, place, factors = erk(every, n_keep), 0, []
    for count, (n_in, _) in zip(copies, sizes, strict=True):
        factors.append(max(1, ceil(max(counts[place : place + count]) / n_in)))
        place += count
    return factors

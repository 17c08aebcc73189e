"""Masks at initialisation by other methods than NIST, for comparisons: random ones, and those that score weights."""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from nist.sparse.budgets import ROUNDS, erk, shared_out, shrinking
from nist.sparse.candidates import Candidate, Patterns, chosen_candidates
from nist.sparse.checks import check_changeable
from nist.sparse.mask import kept_weights
from nist.sparse.selection import top

TEMPERATURE = 200  # of GraSP's logits, as in its authors' code

Batch = tuple[torch.Tensor, torch.Tensor]  # inputs and targets
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Weights = Sequence[torch.Tensor]


def initial_masks(
    model: nn.Module,
    method: str,
    *,
    sparsity: float,
    batch: Batch | None = None,
    loss: Loss = F.cross_entropy,
    include: Patterns = "*",
    exclude: Patterns = (),
    generator: torch.Generator | None = None,
) -> dict[str, torch.Tensor]:
    """Boolean masks ``(n_out, n_in)`` for the linear layers of ``model``, by their names, for ``sparsify(masks=…)``.

    Together they keep floor((1 - sparsity) · n_dense) weights, as a prune does. ``model`` is dense, and stays as it is.

    - ``uniform`` and ``erk``: drawn with ``generator`` from the CPU's numbers, the same share of every layer, or by the
      Erdős–Rényi kernel (Mocanu et al. 2018, Evci et al. 2020).
    - ``magnitude``: the largest initial weights.
    - ``snip``: the largest |w · ∂L/∂w| on ``batch`` (Lee et al. 2019, Eq. 4).
    - ``grasp``: the largest w · Hg, whose removal costs gradient flow, on ``batch``, with logits over 200 (Wang et al.
      2020, Eq. 8; what they score is what is removed).
    - ``synflow``: the largest w · ∂R/∂w of the network with absolute weights and inputs of ones shaped as the batch's,
      in 100 rounds with exponential densities (Tanaka et al. 2020, Algorithm 1).

    ``loss`` takes outputs and targets. The scores are of the model in the mode it is in, training or evaluation;
    SynFlow's in evaluation, in float64. Raises ``ValueError`` for an unknown method, a method that needs a batch
    without one, and as ``sparsify``.
    """
    check_changeable(model, "initial_masks")
    if method not in (*RANDOM, *SCORES):
        raise ValueError(f"unknown method {method!r}; there are {', '.join((*RANDOM, *SCORES))}")
    if method in ("snip", "grasp", "synflow") and batch is None:
        raise ValueError(f"{method} needs a batch of inputs and targets")
    model = copy.deepcopy(model)
    chosen = chosen_candidates(model, include, exclude)
    n_keep = kept_weights(sum(each.weight.numel() for each in chosen.values()), sparsity)
    if method in RANDOM:
        return _drawn(chosen, RANDOM[method]([each.sizes for each in chosen.values()], n_keep), generator)
    kept = SCORES[method](model, [each.weight for each in chosen.values()], n_keep, batch, loss)
    return {name: each.flat(mask) for (name, each), mask in zip(chosen.items(), kept, strict=True)}


def shuffled(masks: Mapping[str, torch.Tensor], generator: torch.Generator | None = None) -> dict[str, torch.Tensor]:
    """Each mask with its connections at random places of its layer: the sanity check of Frankle et al. 2021."""
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=generator).to(mask.device)].view_as(mask)
        for name, mask in masks.items()
    }


def _uniform(sizes: Sequence[tuple[int, int]], n_keep: int) -> list[int]:
    return shared_out(n_keep, [n_in * n_out for n_in, n_out in sizes])


def _drawn(
    chosen: Mapping[str, Candidate], counts: Sequence[int], generator: torch.Generator | None
) -> dict[str, torch.Tensor]:
    masks = {}
    for (name, each), count in zip(chosen.items(), counts, strict=True):
        n_in, n_out = each.sizes
        mask = torch.zeros(n_in * n_out, dtype=torch.bool)
        mask[torch.randperm(len(mask), generator=generator)[:count]] = True
        masks[name] = mask.view(n_out, n_in).to(each.weight.device)
    return masks


def _magnitude(_model: nn.Module, weights: Weights, n: int, _batch: Batch | None, _loss: Loss) -> list[torch.Tensor]:
    return top([each.abs() for each in weights], n)


def _snip(model: nn.Module, weights: Weights, n: int, batch: Batch, loss: Loss) -> list[torch.Tensor]:
    inputs, targets = batch
    gradients = torch.autograd.grad(loss(model(inputs), targets), weights)
    return top([(each * gradient).abs() for each, gradient in zip(weights, gradients, strict=True)], n)


def _grasp(model: nn.Module, weights: Weights, n: int, batch: Batch, loss: Loss) -> list[torch.Tensor]:
    inputs, targets = batch
    gradients = torch.autograd.grad(loss(model(inputs) / TEMPERATURE, targets), weights, create_graph=True)
    flow = sum((each.detach() * each).sum() for each in gradients)
    products = torch.autograd.grad(flow, weights)  # type: ignore[arg-type]
    return top([each * product for each, product in zip(weights, products, strict=True)], n)


def _synflow(model: nn.Module, weights: Weights, n: int, batch: Batch, _loss: Loss) -> list[torch.Tensor]:
    model.eval().double()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.abs_()
    ones = torch.ones_like(batch[0][:1], dtype=torch.float64)
    total = sum(each.numel() for each in weights)
    for step in range(1, ROUNDS + 1):
        count = shrinking(total, n, step / ROUNDS)
        gradients = torch.autograd.grad(model(ones).sum(), weights)
        kept = top([each * gradient for each, gradient in zip(weights, gradients, strict=True)], count)
        with torch.no_grad():
            for each, mask in zip(weights, kept, strict=True):
                each.mul_(mask)
    return kept


RANDOM: Mapping[str, Callable[[Sequence[tuple[int, int]], int], list[int]]] = {"uniform": _uniform, "erk": erk}
SCORES: Mapping[str, Callable] = {"magnitude": _magnitude, "snip": _snip, "grasp": _grasp, "synflow": _synflow}

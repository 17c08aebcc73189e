"""The one-shot magnitude prune of section 3.1."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn

from nist.sparse.budgets import shared_out
from nist.sparse.checks import check_changeable
from nist.sparse.effective import lay_out
from nist.sparse.linear import NISTLinear
from nist.sparse.mask import kept_weights
from nist.sparse.optimizer_state import carry, check_follows, check_trains
from nist.sparse.scores import Ranking
from nist.sparse.selection import Weights, largest
from nist.sparse.sharded import whole

SCOPES = ("global", "layer", "uniform")


def nist_layers(module: nn.Module) -> list[NISTLinear]:
    """The NIST layers of ``module``, in the order of ``module.modules()``."""
    return [layer for layer in module.modules() if isinstance(layer, NISTLinear)]


@torch.no_grad()
def prune(
    module: nn.Module,
    sparsity: float,
    optimizer: torch.optim.Optimizer | None = None,
    scope: str = "global",
    generator: torch.Generator | None = None,
    reachable: bool = False,
    magnitude: str = "raw",
) -> int:
    """Prune the NIST layers of ``module`` once to ``sparsity`` and return the number of weights kept.

    Of all active weights the floor((1 - sparsity) · n_dense) largest by absolute value stay, where n_dense counts the
    dense size of every NIST layer (one global budget: assumptions U26, B8). With ``scope="layer"`` the same is done in
    each layer by itself; with ``"uniform"`` the budget is shared out first, so that every layer keeps the same share of
    its active weights. With a ``generator``, on the CPU, weights are kept at random, a control. Ties go to the lower
    index, by layer, then input, then output, whatever the layers' forms. Biases are neither pruned nor counted (U19). A
    layer that loses a weight stays masked or becomes compressed; automatic layers take the cheaper of the two.

    The paper says "magnitude". Beside the absolute value there are others, for one ranking over all layers: ``scaled``,
    over the standard deviation of the layer's weights; ``lamp`` (Lee et al. 2021); and ``synflow``, for layers that
    follow each other (Tanaka et al. 2020). See ``nist.sparse.scores``.

    With ``reachable`` every output of the last layer that an input reaches keeps a path from one: of the paths to an
    output that would be cut off, the one whose smallest weight is largest, in place of as many other weights. NIST
    layers have to follow each other in an ``nn.Sequential``, with functions of single numbers between them.

    ``optimizer`` is the one that trains the module, if there is one: its running averages lose the pruned weights too,
    and follow where a parameter changes its shape. A ``DistributedDataParallel`` wrapper cannot follow: delete it,
    prune the module on every process, and wrap it again.

    One ranking over layers of different scales can take every weight of one of them; a warning then names it.

    Raises ``ValueError``, and changes nothing, if there is no NIST layer, if one has been pruned before, if fewer
    weights are active than the target keeps, for another scope or magnitude, for a wrapped replica, or in inference
    mode; with ``reachable`` and ``synflow``, for layers that do not follow each other; with ``reachable``, for fewer
    weights than the paths need.
    """
    check_changeable(module, "prune")
    layers, ranking = nist_layers(module), Ranking(generator, reachable, magnitude)
    if not layers:
        raise ValueError("nothing to prune: the module has no NIST layer (a dense layer is one with k = n_out)")
    if any(layer.is_pruned for layer in layers):
        raise ValueError("already pruned: the method prunes once")
    check_trains(optimizer, [layer.stored for layer in layers])
    check_follows(optimizer, layers, "prune", keeping=["masked"])
    budgets = _budgets(layers, sparsity, scope)
    ranking.check(module, layers, scope)
    scores = ranking.scores(layers, budgets[0])
    for group, n_keep in zip(_groups(layers, scope), budgets, strict=True):
        found = largest_weights(group, n_keep, [scores[layer] for layer in group] if scores else None)
        for layer, kept in zip(group, found, strict=True):
            carry(layer, optimizer, partial(layer.keep, kept))
    lay_out(module)
    for name, layer in module.named_modules():
        if isinstance(layer, NISTLinear) and layer.active_weights == 0:
            text = f"the prune left nothing of {name or 'the layer'}, whose weights are the smallest: see scope"
            warnings.warn(text, stacklevel=3)  # past torch.no_grad
    return sum(budgets)


def largest_weights(
    layers: Sequence[NISTLinear], n: int, scores: Sequence[torch.Tensor] | None = None
) -> list[torch.Tensor]:
    """Masks of the ``n`` active weights of all ``layers`` that are largest by absolute value, or by ``scores``.

    Masks and scores are laid out as the layers store their weights. Ties go to the lower index, as in ``prune``.
    """
    numbers = [whole(layer.stored.detach()) for layer in layers] if scores is None else scores
    there = [layer.mask if layer.form == "masked" else None for layer in layers]
    return largest([*map(Weights, numbers, there, map(_rank, layers))], n)


def _groups(layers: list[NISTLinear], scope: str) -> list[list[NISTLinear]]:
    """The layers whose weights are ranked together."""
    return [layers] if scope == "global" else [[layer] for layer in layers]


def _rank(layer: NISTLinear) -> Callable[[torch.Tensor], torch.Tensor]:
    """The order of a layer's connections at positions: by input, then output."""

    def rank(positions: torch.Tensor) -> torch.Tensor:
        inputs, outputs = layer.storage.at(layer, positions)
        return inputs * layer.out_features + outputs

    return rank


def _budgets(layers: list[NISTLinear], sparsity: float, scope: str) -> list[int]:
    """Number of weights that a prune keeps of each group. Raises ``ValueError`` as ``prune``."""
    if scope not in SCOPES:
        raise ValueError(f"unknown scope {scope!r}; there are {', '.join(SCOPES)}")
    if scope == "uniform":
        return shared_out(_budget(layers, sparsity), [layer.active_weights for layer in layers])
    return [_budget(group, sparsity) for group in _groups(layers, scope)]


def _budget(layers: list[NISTLinear], sparsity: float) -> int:
    """Number of weights that a prune of ``layers`` together keeps."""
    n_keep = kept_weights(sum(layer.dense_weights for layer in layers), sparsity)
    n_active = sum(layer.active_weights for layer in layers)
    if n_keep > n_active:
        raise ValueError(f"sparsity {sparsity} would keep {n_keep} weights, but only {n_active} are active")
    return n_keep


class PruneOnce:
    """Calls ``prune`` once, at the end of an epoch or as soon as accuracy reaches a share of its plateau (section 3.1).

    The paper prunes after about 10 % of the epochs, or at about 50 % of the eventual peak accuracy; as that peak is not
    known beforehand, ``plateau`` is the one expected, such as that of a dense network.

    Parameters: ``module``, ``sparsity`` and ``scope`` as in ``prune``; ``epoch``, counted from 1, or ``plateau``, a
    fraction in (0, 1], with ``share``. It keeps no state of its own: a model that is loaded pruned stays as it is, and
    one that is loaded after that epoch and is not pruned yet is pruned at the next call.
    Raises ``ValueError`` unless exactly one of ``epoch`` and ``plateau`` is given and they make sense, and for a
    sparsity, a scope or a module that ``prune`` would not take, as far as the module has its NIST layers already.
    """

    def __init__(
        self,
        module: nn.Module,
        sparsity: float,
        *,
        epoch: int | None = None,
        plateau: float | None = None,
        share: float = 0.5,
        scope: str = "global",
    ) -> None:
        if (epoch is None) == (plateau is None):
            raise ValueError("give the epoch at which to prune, or the accuracy of the plateau, and not both")
        if epoch is not None and epoch < 1:
            raise ValueError(f"epochs count from 1, got {epoch}")
        if plateau is not None and not (0 < plateau <= 1 and 0 < share <= 1):
            raise ValueError(f"plateau and share must be fractions in (0, 1], got {plateau} and {share}")
        check_changeable(module, "prune")
        layers = nist_layers(module)
        kept_weights(0, sparsity)  # for its error, also where there is no layer yet
        _budgets([] if any(layer.is_pruned for layer in layers) else layers, sparsity, scope)
        self.module, self.sparsity, self.scope = module, sparsity, scope
        self.epoch, self.threshold = epoch, None if plateau is None else share * plateau

    def __call__(
        self, epoch: int, accuracy: float | None = None, optimizer: torch.optim.Optimizer | None = None
    ) -> int | None:
        """Call at the end of each epoch, with its validation accuracy as a fraction; the weights kept, if it pruned.

        Raises ``ValueError`` as ``prune`` does, for an accuracy that is no fraction, or if a plateau is waited for and
        none is given.
        """
        if self.threshold is not None and accuracy is None:
            raise ValueError(f"call with the epoch's accuracy: the prune waits for {self.threshold:g}")
        if accuracy is not None and not 0 <= accuracy <= 1:
            raise ValueError(f"accuracy must be a fraction in [0, 1], got {accuracy}")
        at_epoch = self.epoch is not None and epoch >= self.epoch
        at_accuracy = self.threshold is not None and accuracy is not None and accuracy >= self.threshold
        layers = nist_layers(self.module)
        if not (at_epoch or at_accuracy) or any(layer.is_pruned for layer in layers):
            return None
        if sum(_budgets(layers, self.sparsity, self.scope)) == sum(layer.active_weights for layer in layers):
            return None  # as many as are to be kept from the start
        return prune(self.module, self.sparsity, optimizer, self.scope)

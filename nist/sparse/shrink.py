"""A copy of a model with fewer features between its layers: without those that a prune left constant or unused."""

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from nist.sparse.checks import check_changeable, has_hooks
from nist.sparse.effective import Linear, lay_out, runs, sequentials
from nist.sparse.linear import NISTLinear
from nist.sparse.narrowing import Matrix, can_be_narrowed, narrowed
from nist.sparse.random_masks import GivenMask
from nist.sparse.sparsify import replaced


def shrink(model: nn.Module) -> nn.Module:
    """A smaller copy of a pruned ``model``, to train on or to use.

    Where linear layers follow each other in an ``nn.Sequential``, with nothing but functions of single numbers between
    them, a feature that no weight leads to is constant: it goes into the bias of the next layer. One that no weight
    leads on from is left out. What remains lies on a path from an input to an output, and the layers are as narrow.

    In evaluation the copy gives the same outputs, to rounding, if ``model`` only calls these layers in order. If it
    also normalises, adds or returns the features between them, compare outputs. In training, constant features are part
    of a bias: dropout no longer drops them, and they give no gradient to the slope of a ``PReLU``. ``model`` itself is
    left as it is.

    Layers that follow each other keep their widths if a module among them has a hook; if a layer is shared,
    parametrized, in half precision, or has over 8 million active weights; if a function has a parameter for each
    feature, as ``PReLU`` can; or if no path leads from an input to an output. Parameters are new ones, so make the
    optimizer afterwards. A state dict has shapes of its own, so save the module as a whole. Raises ``ValueError`` for a
    wrapped replica, a sharded model, and in inference mode.
    """
    check_changeable(model, "shrink")
    small = copy.deepcopy(model)
    smaller: dict[nn.Module, nn.Module] = {}
    for sequential in sequentials(small):
        for run in runs(sequential):
            if any(isinstance(each, NISTLinear) for each in run) and can_be_narrowed(run) and not _is_seen(run, small):
                smaller |= _smaller(run)
    for wide in smaller:
        wide.register_forward_pre_hook(_refuse)
    small = replaced(small, smaller)
    lay_out(small)
    return small


def _is_seen(run: Sequence[nn.Module], model: nn.Module) -> bool:
    """Whether something has a hook on a layer of a run, holds the layer too, or a parameter of it."""
    places = Counter(module for _, module in model.named_modules(remove_duplicate=False))
    owners = Counter(parameter for module in model.modules() for parameter in module._parameters.values())
    layers = [each for each in run if isinstance(each, Linear)]
    is_shared = any(places[each] > 1 or any(owners[own] > 1 for own in each.parameters()) for each in layers)
    return is_shared or any(map(has_hooks, run))


def _smaller(run: Sequence[nn.Module]) -> dict[nn.Module, nn.Module]:
    """What takes the place of the layers of a run that become narrower."""
    modes = {each: each.training for each in run if not isinstance(each, Linear)}
    for function in modes:
        function.training = False  # a constant feature is one without dropout
    matrices = narrowed(run, with_zeros=True)
    for function, training in modes.items():
        function.training = training
    if not all(len(matrix.weight) for matrix in matrices.values()):
        return {}
    return {
        layer: _with(layer, matrix)
        for layer, matrix in matrices.items()
        if (matrix.n_in, len(matrix.bias)) != (layer.in_features, layer.out_features)
    }


@torch.no_grad()
def _with(layer: Linear, matrix: Matrix) -> nn.Module:
    """A layer of the same kind with the weights and the biases of ``matrix``."""
    like = {"device": matrix.weight.device, "dtype": matrix.weight.dtype}
    has_bias = layer.bias is not None or bool(matrix.bias.any())  # constant features have a sum
    small: nn.Module = nn.utils.skip_init(nn.Linear, matrix.n_in, len(matrix.bias), bias=has_bias, **like)
    weight = small.get_parameter("weight").zero_()
    weight[matrix.outputs, matrix.inputs] = matrix.weight
    if has_bias:
        small.get_parameter("bias").copy_(matrix.bias)
    own = layer.stored if isinstance(layer, NISTLinear) else layer.weight
    if isinstance(layer, NISTLinear):
        form = "auto" if layer.is_automatic else layer.form
        inputs, order = matrix.inputs.sort(stable=True)
        edges = (each.cpu().numpy() for each in (inputs, matrix.outputs[order]))
        mask = GivenMask(matrix.n_in, len(matrix.bias), *edges)
        small = NISTLinear.from_dense(small, mask, form, layer.rows)
        small.was_pruned = layer.is_pruned
    weight.requires_grad_(own.requires_grad)
    if has_bias:
        small.get_parameter("bias").requires_grad_((own if layer.bias is None else layer.bias).requires_grad)
    return small.train(layer.training)


def _refuse(wide: nn.Module, _inputs: tuple) -> None:
    """A hook on a layer that was replaced: the copy's parameters are not its own."""
    raise ValueError(f"this {type(wide).__name__} has been shrunk, and is used where the narrower one is not")

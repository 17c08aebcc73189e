"""A copy of a model with fewer features between its layers: without those that a prune left constant or unused."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from nist.sparse.effective import Linear, lay_out, runs, sequentials
from nist.sparse.linear import NISTLinear
from nist.sparse.narrowing import Matrix, can_be_narrowed, narrowed
from nist.sparse.random_masks import GivenMask
from nist.sparse.sharded import plain_copy
from nist.sparse.sparsify import replaced


def shrink(model: nn.Module) -> nn.Module:
    """A smaller copy of ``model`` that computes the same in evaluation, and can be trained.

    Where linear layers follow each other in an ``nn.Sequential``, with nothing but functions of single numbers between
    them, a feature that no weight leads to is constant: it goes into the bias of the next layer. One that no weight
    leads on from is left out. What remains lies on a path from an input to an output, and the layers are as narrow.
    Dropout no longer acts on constant features. ``model`` itself is left as it is.

    Layers that a hook watches, that another module shares or that hold over 8 million weights stay as wide, and so do
    those in half precision. A model that calls the layers of its ``nn.Sequential`` one by one gets the narrow ones.

    Its parameters are new ones: make its optimizer afterwards. Its state dict has its own shapes, so save the module
    as a whole. Raises ``ValueError`` where no path is left, so that the model would compute a constant.
    """
    copy = plain_copy(model)
    modes = {each: each.training for each in copy.modules()}
    copy.eval()  # a constant feature is one without dropout
    smaller: dict[nn.Module, nn.Module] = {}
    for sequential in sequentials(copy):
        for run in runs(sequential):
            if can_be_narrowed(run) and not _shared(run, copy):
                smaller |= _smaller(run)
    for module, training in modes.items():
        smaller.get(module, module).training = training
    small = replaced(copy, smaller)
    lay_out(small)
    return small


def _shared(run: Sequence[nn.Module], model: nn.Module) -> bool:
    """Whether a layer of a run, or a parameter of one, has a second place in the model."""
    places = Counter(module for _, module in model.named_modules(remove_duplicate=False))
    owners = Counter(parameter for module in model.modules() for parameter in module._parameters.values())
    layers = [each for each in run if isinstance(each, Linear)]
    return any(places[each] > 1 or any(owners[own] > 1 for own in each.parameters()) for each in layers)


def _smaller(run: Sequence[nn.Module]) -> dict[nn.Module, nn.Module]:
    """What takes the place of the layers of a run that become narrower."""
    matrices = narrowed(run, with_zeros=True)
    if not all(len(matrix.weight) for matrix in matrices.values()):
        sizes = " → ".join(str(layer.in_features) for layer in matrices)
        raise ValueError(f"no path is left through the layers of {sizes} inputs: they compute a constant")
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
    dense = nn.utils.skip_init(nn.Linear, matrix.n_in, len(matrix.bias), bias=has_bias, **like)
    dense.weight.zero_()[matrix.outputs, matrix.inputs] = matrix.weight
    if dense.bias is not None:
        dense.bias.copy_(matrix.bias).requires_grad_(layer.bias is None or layer.bias.requires_grad)
    if not isinstance(layer, NISTLinear):
        dense.weight.requires_grad_(layer.weight.requires_grad)
        return dense
    mask = torch.zeros_like(dense.weight, dtype=torch.bool)
    mask[matrix.outputs, matrix.inputs] = True
    form = "auto" if layer.is_automatic else layer.form
    small = NISTLinear.from_dense(dense, GivenMask(mask.cpu().numpy()), form, layer.rows)
    small.stored.requires_grad_(layer.stored.requires_grad)
    return small

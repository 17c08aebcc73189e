"""Layers that follow each other, without constant and unused features between them.

After a prune, many outputs of a layer have no weight, so that they are constant, and many have no weight in the next
layer, so that they are unused. The former go into the next layer's bias, the latter are left out. The last layer's
outputs stay the same, to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from nist.sparse import csr
from nist.sparse.effective import Linear, marked
from nist.sparse.linear import NISTLinear

MOST = 2**23  # weights of a layer that are listed with their places, in 20 bytes each and several times that on the way


@dataclass(frozen=True, eq=False)
class Matrix:
    """Weights of a layer with their ``inputs`` and ``outputs``, sorted by output, then input; ``bias``, (n_out,)."""

    inputs: torch.Tensor
    outputs: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor
    n_in: int

    @cached_property
    def layout(self) -> csr.Layout:
        """Where the weights are, as products in CSR take it."""
        return csr.layouts(self.inputs, self.outputs)[0]

    def block(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The inputs that are used, and a dense weight of these alone: (n_out, used)."""
        used = marked(self.inputs, self.n_in)
        block = self.weight.new_zeros(len(self.bias), int(used.sum()))
        block[self.outputs, _among(used)[self.inputs]] = self.weight
        return used.nonzero().squeeze(1), block


def is_listed(layer: Linear) -> bool:
    """Whether a layer has few enough weights, of a type that products in CSR take."""
    count = layer.active_weights if isinstance(layer, NISTLinear) else layer.weight.numel()
    return count <= MOST and all(each.dtype in (torch.float32, torch.float64) for each in layer.parameters())


def of_layer(layer: Linear, with_zeros: bool = False) -> Matrix:
    """The matrix of a whole layer; ``with_zeros``, of an ``nn.Linear`` too, which will not stay zero in training."""
    if isinstance(layer, NISTLinear):
        (inputs, outputs), values, width = layer.connections(), layer.values(), layer.in_features
        order = torch.argsort(outputs * width + inputs)
        inputs, outputs, values = inputs[order], outputs[order], values[order]
    else:
        weight = layer.weight.detach()
        outputs, inputs = (torch.ones_like(weight) if with_zeros else weight).nonzero().T
        values = weight[outputs, inputs]
    bias = values.new_zeros(layer.out_features) if layer.bias is None else layer.bias.detach().clone()
    return Matrix(inputs, outputs, values, bias, layer.in_features)


def can_be_narrowed(run: Sequence[nn.Module]) -> bool:
    """Whether a run, of ``effective.runs``, computes the same with fewer features between its layers.

    A hook would see them, a layer that is there twice would have two widths, and a function with a number a feature has
    a width of its own.
    """
    layers = [each for each in run if isinstance(each, Linear)]
    functions = [each for each in run if not isinstance(each, Linear)]
    return (
        1 < len(layers) == len({*layers})
        and all(type(each) in (nn.Linear, NISTLinear) and is_listed(each) for each in layers)
        and not any(each._forward_hooks or each._forward_pre_hooks for each in run)
        and all(tensor.numel() == 1 for each in functions for tensor in (*each.parameters(), *each.buffers()))
    )


def narrowed(run: Sequence[nn.Module], with_zeros: bool = False) -> dict[Linear, Matrix]:
    """The matrix of each layer of a run that can be narrowed: layers, and the functions between them.

    ``with_zeros`` as in ``of_layer``.
    """
    layers, varying, values = {}, None, torch.empty(0)
    for module in run:
        if isinstance(module, Linear):
            matrix = of_layer(module, with_zeros)
            layers[module] = matrix if varying is None else _folded(matrix, varying, values)
            varying, values = marked(layers[module].outputs, module.out_features), layers[module].bias
        else:
            values = module(values.clone().unsqueeze(0)).squeeze(0)  # some change what they are given
    return _read(layers)


def _folded(matrix: Matrix, varying: torch.Tensor, values: torch.Tensor) -> Matrix:
    """The matrix of the inputs that are ``varying``; the others' ``values`` go into the bias."""
    vary = varying[matrix.inputs]
    fixed = values[matrix.inputs[~vary]] * matrix.weight[~vary]
    bias = matrix.bias.index_add(0, matrix.outputs[~vary], fixed)
    return Matrix(matrix.inputs[vary], matrix.outputs[vary], matrix.weight[vary], bias, matrix.n_in)


def _read(layers: dict[Linear, Matrix]) -> dict[Linear, Matrix]:
    """The matrices of the outputs that the next layer reads."""
    found: dict[Linear, Matrix] = {}
    wanted: torch.Tensor | None = None
    for place, (layer, matrix) in reversed([*enumerate(layers.items())]):
        inputs, outputs, n_in = matrix.inputs, matrix.outputs, matrix.n_in
        weight, bias = matrix.weight, matrix.bias
        if wanted is not None:
            kept = wanted[outputs]
            inputs, outputs, weight = inputs[kept], _among(wanted)[outputs[kept]], weight[kept]
            bias = bias[wanted]
        wanted = marked(inputs, n_in)
        if place > 0:
            inputs, n_in = _among(wanted)[inputs], int(wanted.sum())
        found[layer] = Matrix(inputs, outputs, weight, bias, n_in)
    return {layer: found[layer] for layer in layers}


def _among(wanted: torch.Tensor) -> torch.Tensor:
    """Of each, its place among those that are wanted."""
    return wanted.cumsum(0) - 1

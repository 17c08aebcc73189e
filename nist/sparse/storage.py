"""How a NIST layer keeps its weights: a class a form, of what is stored, multiplied and saved.

Each acts on a layer, whose parameter and buffers hold what is stored, and has no state of its own. A position is an
index of the flattened parameter.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from nist.sparse import csr, csr_gradients, gathering, kernels
from nist.sparse.random_masks import Connectivity, as_band
from nist.sparse.read_weight import COMPUTED

# Buffers of the compressed form that follow from its connections: two of csr's layouts, each tensor once.
LAYOUTS = ("starts", "columns", "order", "back_starts", "back_columns", "back_order", "used", "reached")
Connections = tuple[torch.Tensor, torch.Tensor]  # input and output index of each, 1-D


class Stored(nn.Module):
    """A layer whose weights are stored in one of the forms: its sizes, its connections, and the tensors it keeps."""

    is_copy = False  # of another layer, made by copy or pickle
    is_masking = False  # in the masked form: whether a product needs the mask
    by_feature = False  # whether outputs lie in memory feature by feature, in the compressed form
    was_pruned = False  # before it was made, with the connections that were left
    is_followed = False  # whether an optimizer's averages are zero outside the mask
    stepped: torch.Size | None = None  # the weight's shape in the last step of an optimizer that treats it as a whole

    replicated: torch.Tensor | None = None  # what nn.DataParallel gives a replica in place of the parameter
    in_features: int
    out_features: int
    k: int
    rows: int
    band: Connectivity
    form: str
    is_automatic: bool
    bias: torch.Tensor | None
    # Buffers, each of one form alone.
    mask: torch.Tensor
    inputs: torch.Tensor
    outputs: torch.Tensor

    @property
    def stored(self) -> torch.Tensor:
        """The parameter, as the layer's form lays it out; its name in the model is ``weight``."""
        try:
            return self._parameters["weight"]  # type: ignore[return-value]
        except KeyError:
            if self.replicated is not None:
                return self.replicated
            raise ValueError(COMPUTED) from None  # the older weight_norm takes it away

    def flat(self, dense: torch.Tensor) -> torch.Tensor:
        """``(n_out, n_in)`` from a tensor laid out as the dense layer that this one replaced lays out its weight."""
        return dense.flatten(1)

    def unflat(self, dense: torch.Tensor) -> torch.Tensor:
        """The way back from ``flat``."""
        return dense

    def layouts(self) -> tuple[csr.Layout, csr.Layout]:
        """Where the weights of the compressed form are, in the matrix and in the transposed one."""
        tensors: Any = [self._buffers[name] for name in LAYOUTS]
        starts, columns, order, back_starts, back_columns, back_order, used, reached = tensors
        forth = csr.Layout(starts, columns, order, used, reached)
        return forth, csr.Layout(back_starts, back_columns, back_order, reached, used)

    def is_gathered(self) -> bool:
        """Whether the compressed form is multiplied weight by weight, for the rows a batch that the layer is for."""
        return self.stored.is_cpu and self.rows <= gathering.most_rows_of(self.layouts()[0])

    @property
    def storage(self) -> "Storage":
        """The form that the layer is in."""
        return STORAGES[self.form]

    @property
    def dense_weights(self) -> int:
        """Number of weights of the layer without any mask."""
        return self.in_features * self.out_features

    def connections(self) -> Connections:
        """Input and output index of every active weight, in the order of ``values``."""
        return self.storage.at(self, self.storage.active(self))


class Storage(ABC):
    """One form of a NIST layer."""

    @abstractmethod
    def forward(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``, in the dtype that autocast gives a linear layer."""

    @abstractmethod
    def active(self, layer: Stored) -> torch.Tensor:
        """Positions of the active weights."""

    @abstractmethod
    def active_weights(self, layer: Stored) -> int:
        """Number of active weights."""

    @abstractmethod
    def at(self, layer: Stored, positions: torch.Tensor) -> Connections:
        """The connections at ``positions``."""

    @abstractmethod
    def arranged(self, layer: Stored, connections: Connections, values: torch.Tensor) -> torch.Tensor:
        """One value a connection, 1-D tensors, laid out as the parameter is; zero where there is none."""

    @abstractmethod
    def dense(self, layer: Stored, stored: torch.Tensor) -> torch.Tensor:
        """``stored``, laid out as the parameter is, as a masked dense weight ``(n_out, n_in)``."""

    @abstractmethod
    def register(self, layer: Stored, connections: Connections) -> None:
        """Give the layer the buffers that say which connections it has."""


class Masked(Storage):
    """A dense parameter of shape ``(n_out, n_in)`` and a boolean ``mask`` of the same shape (Eq. 2)."""

    def forward(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.dense(layer, layer.stored), layer.bias)

    def active(self, layer: Stored) -> torch.Tensor:
        return layer.mask.flatten().nonzero().squeeze(1)

    def active_weights(self, layer: Stored) -> int:
        return int(layer.mask.count_nonzero())  # a sum would make integers of it first

    def at(self, layer: Stored, positions: torch.Tensor) -> Connections:
        return positions % layer.in_features, positions // layer.in_features

    def arranged(self, layer: Stored, connections: Connections, values: torch.Tensor) -> torch.Tensor:
        return in_dense(layer, connections, values)

    def dense(self, layer: Stored, stored: torch.Tensor) -> torch.Tensor:
        return stored * layer.mask if layer.is_masking else stored

    def register(self, layer: Stored, connections: Connections) -> None:
        inputs = connections[0]
        there = torch.ones_like(inputs, dtype=torch.bool)
        layer.register_buffer("mask", self.arranged(layer, connections, there))
        layer.is_masking = layer.is_copy or len(inputs) < layer.dense_weights


class Compact(Storage):
    """A parameter that holds the active weights and nothing else."""

    def forward(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        result = self.affine(layer, x)
        device = x.device.type
        lowered = csr.is_autocast(device) and result.dtype != torch.float64  # which autocast leaves alone
        return result.to(torch.get_autocast_dtype(device)) if lowered else result

    @abstractmethod
    def affine(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        """The product with the weights, plus the bias."""

    def active(self, layer: Stored) -> torch.Tensor:
        return torch.arange(layer.stored.numel(), device=layer.stored.device)

    def active_weights(self, layer: Stored) -> int:
        return layer.stored.numel()

    def dense(self, layer: Stored, stored: torch.Tensor) -> torch.Tensor:
        return in_dense(layer, layer.connections(), stored.flatten())


class InBand(Compact):
    """A parameter of shape ``(parts * k, n_in)``, one number a connection, and no index: a whole band's alone."""

    def __init__(self, arithmetic: kernels.Arithmetic) -> None:
        self.arithmetic = arithmetic

    def affine(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        result = kernels.in_band(self.arithmetic, x, layer.stored, as_band(layer.band))
        return result if layer.bias is None else result + layer.bias

    def at(self, layer: Stored, positions: torch.Tensor) -> Connections:
        return as_band(layer.band).at(positions)

    def arranged(self, layer: Stored, connections: Connections, values: torch.Tensor) -> torch.Tensor:
        band = as_band(layer.band)
        return scattered(values, band.slots(*connections), band.parts * layer.k, layer.in_features)

    def register(self, layer: Stored, connections: Connections) -> None:
        """A whole band needs none."""


class Compressed(Compact):
    """A parameter of shape (active weights,), with its ``inputs`` and ``outputs``, sorted by output, then input."""

    def affine(self, layer: Stored, x: torch.Tensor) -> torch.Tensor:
        transforms = torch._C._functorch.maybe_current_level() is not None or forward_ad._current_level >= 0
        if torch.onnx.is_in_onnx_export() or transforms or x.is_meta:
            return F.linear(x, self.dense(layer, layer.stored), layer.bias)  # they know no operators of ours
        places = *layer.layouts(), (layer.inputs, layer.outputs)
        return csr_gradients.compressed(x, layer.stored, layer.bias, *places, layer.out_features, layer.by_feature)

    def at(self, layer: Stored, positions: torch.Tensor) -> Connections:
        return layer.inputs[positions], layer.outputs[positions]

    def arranged(self, layer: Stored, connections: Connections, values: torch.Tensor) -> torch.Tensor:
        inputs, outputs = connections
        return values[torch.argsort(outputs * layer.in_features + inputs)]

    def register(self, layer: Stored, connections: Connections) -> None:
        inputs, outputs = connections
        layer.register_buffer("inputs", self.arranged(layer, connections, inputs))
        layer.register_buffer("outputs", self.arranged(layer, connections, outputs))
        forth, back = csr.layouts(layer.inputs, layer.outputs)
        for name, tensor in zip(LAYOUTS, (*forth[:3], *back[:3], *forth[3:]), strict=True):
            layer.register_buffer(name, tensor, persistent=False)


STORAGES: dict[str, Storage] = {
    "masked": Masked(),
    "banded": InBand(kernels.banded),
    "blocked": InBand(kernels.blocked),
    "compressed": Compressed(),
}


def in_dense(layer: Stored, connections: Connections, values: torch.Tensor) -> torch.Tensor:
    """One value a connection in a dense ``(n_out, n_in)`` tensor, zeros elsewhere."""
    inputs, outputs = connections
    return scattered(values, outputs * layer.in_features + inputs, layer.out_features, layer.in_features)


def scattered(values: torch.Tensor, slots: torch.Tensor, n_rows: int, n_columns: int) -> torch.Tensor:
    """``values`` at ``slots`` of a flattened ``(n_rows, n_columns)`` tensor of zeros."""
    return values.new_zeros(n_rows * n_columns).index_put((slots,), values).view(n_rows, n_columns)

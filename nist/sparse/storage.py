"""How a NIST layer keeps its weights: a class a form, of what is stored, multiplied and saved.

Each acts on a layer, whose parameter ``weight`` and buffers hold what is stored, and has no state of its own.
"""

from abc import ABC, abstractmethod

import torch
from torch import nn

from nist.sparse import kernels
from nist.sparse.mask import Band
from nist.sparse.random_masks import RandomMask, as_band

Connections = tuple[torch.Tensor, torch.Tensor]  # input and output index of each, 1-D


class Stored(nn.Module):
    """A layer whose weights are stored in one of the forms: its sizes, its connections, and the tensors it keeps."""

    is_copy = False  # of another layer, made by copy or pickle
    is_masking = False  # in the masked form: whether a product needs the mask

    in_features: int
    out_features: int
    k: int
    band: Band | RandomMask
    form: str
    weight: torch.Tensor
    bias: torch.Tensor | None
    # Buffers, each of one form alone.
    mask: torch.Tensor
    inputs: torch.Tensor
    outputs: torch.Tensor
    row_starts: torch.Tensor

    @property
    def storage(self) -> "Storage":
        """The form that the layer is in."""
        return STORAGES[self.form]

    @property
    def dense_weights(self) -> int:
        """Number of weights of the layer without any mask."""
        return self.in_features * self.out_features

    def band_edges(self) -> Connections:
        """Input and output index of every connection before any prune, ordered by input."""
        inputs, outputs = self.band.edges()
        return torch.as_tensor(inputs, device=self.weight.device), torch.as_tensor(outputs, device=self.weight.device)

    def connections(self) -> Connections:
        """Input and output index of every active weight, in the order of ``values``."""
        return self.storage.connections(self)


class Storage(ABC):
    """One form of a NIST layer."""

    def forward(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        """Map ``(..., n_in)`` to ``(..., n_out)``, in the dtype that autocast gives a linear layer."""
        result = self.product(layer, x)
        result = result if layer.bias is None else result + layer.bias
        device = x.device.type
        lowered = torch.is_autocast_enabled(device) and result.dtype != torch.float64  # which autocast leaves alone
        return result.to(torch.get_autocast_dtype(device)) if lowered else result

    @abstractmethod
    def product(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        """The product with the weights, without the bias."""

    @abstractmethod
    def connections(self, layer: "Stored") -> Connections:
        """Every active connection, in the order of ``entries``."""

    @abstractmethod
    def arranged(self, layer: "Stored", connections: Connections, values: torch.Tensor) -> torch.Tensor:
        """One value a connection, 1-D tensors, laid out as the weight is; zero where there is none."""

    def entries(self, layer: "Stored", stored: torch.Tensor) -> torch.Tensor:
        """The entries of ``stored``, laid out as the weight is, at the active connections: 1-D."""
        return stored.flatten()

    def active_weights(self, layer: "Stored") -> int:
        """Number of active connections."""
        return layer.weight.numel()

    @abstractmethod
    def register(self, layer: "Stored", connections: Connections) -> None:
        """Give the layer the buffers that say which connections it has."""


class Masked(Storage):
    """A dense ``weight`` of shape ``(n_out, n_in)`` and a boolean ``mask`` of the same shape (Eq. 2)."""

    def forward(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        return kernels.masked(x, layer.weight, layer.mask if layer.is_masking else None, layer.bias)

    def product(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        return kernels.masked(x, layer.weight, layer.mask, None)

    def connections(self, layer: "Stored") -> Connections:
        outputs, inputs = layer.mask.nonzero(as_tuple=True)
        return inputs, outputs

    def arranged(self, layer: "Stored", connections: Connections, values: torch.Tensor) -> torch.Tensor:
        inputs, outputs = connections
        return scattered(values, outputs * layer.in_features + inputs, layer.out_features, layer.in_features)

    def entries(self, layer: "Stored", stored: torch.Tensor) -> torch.Tensor:
        return stored[layer.mask]

    def active_weights(self, layer: "Stored") -> int:
        return int(layer.mask.sum())

    def register(self, layer: "Stored", connections: Connections) -> None:
        inputs = connections[0]
        there = torch.ones_like(inputs, dtype=torch.bool)
        layer.register_buffer("mask", self.arranged(layer, connections, there))
        layer.is_masking = layer.is_copy or len(inputs) < layer.dense_weights


class InBand(Storage):
    """A ``weight`` of shape ``(parts * k, n_in)``, one number a connection, and no index: a whole band's alone."""

    def __init__(self, arithmetic: kernels.Arithmetic) -> None:
        self.arithmetic = arithmetic

    def product(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        return kernels.in_band(self.arithmetic, x, layer.weight, as_band(layer.band))

    def connections(self, layer: "Stored") -> Connections:
        inputs, outputs = layer.band_edges()
        order = torch.argsort(as_band(layer.band).slots(inputs, outputs))
        return inputs[order], outputs[order]

    def arranged(self, layer: "Stored", connections: Connections, values: torch.Tensor) -> torch.Tensor:
        band = as_band(layer.band)
        return scattered(values, band.slots(*connections), band.parts * layer.k, layer.in_features)

    def register(self, layer: "Stored", connections: Connections) -> None:
        """A whole band needs none."""


class Compressed(Storage):
    """A ``weight`` of shape (active weights,), with its ``inputs`` and ``outputs``, sorted by output, then input."""

    def product(self, layer: "Stored", x: torch.Tensor) -> torch.Tensor:
        return kernels.compressed(x, layer.weight, layer.row_starts, layer.inputs)

    def connections(self, layer: "Stored") -> Connections:
        return layer.inputs, layer.outputs

    def arranged(self, layer: "Stored", connections: Connections, values: torch.Tensor) -> torch.Tensor:
        inputs, outputs = connections
        return values[torch.argsort(outputs * layer.in_features + inputs)]

    def register(self, layer: "Stored", connections: Connections) -> None:
        inputs, outputs = connections
        layer.register_buffer("inputs", self.arranged(layer, connections, inputs))
        layer.register_buffer("outputs", self.arranged(layer, connections, outputs))
        counts = torch.bincount(outputs, minlength=layer.out_features)
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        layer.register_buffer("row_starts", starts, persistent=False)


STORAGES: dict[str, Storage] = {
    "masked": Masked(),
    "banded": InBand(kernels.banded),
    "blocked": InBand(kernels.blocked),
    "compressed": Compressed(),
}


def scattered(values: torch.Tensor, slots: torch.Tensor, n_rows: int, n_columns: int) -> torch.Tensor:
    """``values`` at ``slots`` of a flattened ``(n_rows, n_columns)`` tensor of zeros."""
    return values.new_zeros(n_rows * n_columns).index_put((slots,), values).view(n_rows, n_columns)

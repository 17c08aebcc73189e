"""The connections and weights in a saved state of a NIST layer, of any form, or of a dense ``nn.Linear``."""

import torch

from nist.sparse.mask import SCHEMES, Band
from nist.sparse.storage import Stored

# What a layer's state may hold beside weight and bias, by form, which is also how a saved state is told apart.
BUFFERS = ("mask", "inputs", "outputs", "band_numbers")
STORED = {"weight", *BUFFERS}


def band_numbers(band: Band) -> tuple[int, ...]:
    """A band as numbers, for a state to say which it is of."""
    return band.k, band.parts, band.channels, SCHEMES.index(band.scheme)


def connections_in(saved: dict[str, torch.Tensor], layer: Stored) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, outputs and values in a saved state; of a dense one, those at the connections that ``layer`` has.

    Raises ``ValueError``, ``KeyError``, ``IndexError`` or ``RuntimeError`` for one that does not fit the layer.
    """
    weight, theirs = saved["weight"], _band_in(saved, layer)
    if "inputs" in saved:
        inputs, outputs, values = saved["inputs"], saved["outputs"], weight
    elif theirs is not None and "mask" not in saved:
        inputs, outputs = (torch.as_tensor(index, device=weight.device) for index in theirs.edges())
        values = weight.flatten()[theirs.slots(inputs, outputs)]
    else:
        weight = weight if "mask" in saved else layer.flat(weight)
        if weight.shape != (layer.out_features, layer.in_features):
            raise ValueError(f"its weight has shape {tuple(weight.shape)}")
        outputs, inputs = saved["mask"].nonzero(as_tuple=True) if "mask" in saved else layer.connections()[::-1]
        values = weight[outputs.to(weight.device), inputs.to(weight.device)]
    _check(inputs, outputs, values, layer)
    return inputs, outputs, values


def _check(inputs: torch.Tensor, outputs: torch.Tensor, values: torch.Tensor, layer: Stored) -> None:
    if not inputs.shape == outputs.shape == values.shape:
        raise ValueError("its weights are not as many as its connections")
    inside = (inputs >= 0) & (inputs < layer.in_features) & (outputs >= 0) & (outputs < layer.out_features)
    if not (bool(inside.all()) and bool(layer.band.contains(inputs.cpu(), outputs.cpu()).all())):
        raise ValueError(f"its connections are not among those of factor {layer.k}")
    if len(torch.unique(outputs * layer.in_features + inputs)) < len(values):
        raise ValueError("it has a connection twice")


def _band_in(saved: dict[str, torch.Tensor], layer: Stored) -> Band | None:
    """The band that a saved state says it had before any prune; none if its mask comes from another method.

    Raises ``ValueError`` for a narrower one than the layer's: its state would count as pruned.
    """
    if "band_numbers" not in saved:
        return None
    k, parts, channels, scheme = saved["band_numbers"].tolist()
    theirs = Band(layer.in_features, layer.out_features, k, SCHEMES[scheme], parts, channels)
    if theirs.n_weights < layer.band.n_weights:
        raise ValueError(f"its band has {theirs.n_weights} weights, and {layer.band.n_weights} here")
    return theirs

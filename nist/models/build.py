"""Networks by name, and the classifier head that they share."""

import inspect
from importlib import import_module
from numbers import Integral
from types import ModuleType

import torch
from torch import nn

from nist.errors import InputError
from nist.models.parts import ACTIVATIONS
from nist.sparse.candidates import chosen_candidates
from nist.sparse.layers import bands
from nist.sparse.linear import NISTLinear
from nist.sparse.sparsify import sparsify
from nist.studies import model_code

MADE = {
    "backbone": ((nn.Module, Integral), "a network and the number of features that it hands over"),
    "network": ((nn.Module,), "a network"),
}


class Classifier(nn.Module):
    """A ``backbone`` that turns images into features, and a ``head`` that turns features into logits."""

    def __init__(self, backbone: nn.Module, head: nn.Module):
        super().__init__()
        self.backbone = backbone
        self.head = head

    @property
    def sparsified(self) -> nn.Module:
        """The module whose linear layers NIST sparsifies."""
        return self.head

    def forward(self, images):
        """Map ``(batch, channels, height, width)`` to logits ``(batch, classes)``."""
        return self.head(self.backbone(images))


class Transformer(nn.Module):
    """A whole ``model`` whose ``blocks`` hold the linear layers that NIST sparsifies; all else in it is dense (U24)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    @property
    def sparsified(self) -> nn.Module:
        """The module whose linear layers NIST sparsifies."""
        return self.model.get_submodule("blocks")

    def forward(self, images):
        """Map ``(batch, channels, height, width)`` to logits ``(batch, classes)``."""
        return self.model(images)


def build(
    model: dict, image_shape: tuple[int, int, int], weights: dict[str, torch.Tensor] | None = None
) -> Classifier | Transformer:
    """Build the network of a configuration's ``model`` for images of ``image_shape`` (channels, height, width).

    The backbone is built first, so that with the same random state it starts alike in every variant; ``weights``, its
    state by name, then replaces what was drawn. Raises ``InputError`` for an unknown model, options it does not take,
    one that makes no network, or a head, blocks or weights that do not fit it.
    """
    name, part = model["name"], "backbone" if "head" in model else "network"
    if not hasattr(_module(name), part):
        other = "blocks" if "head" in model else "head"
        raise InputError(f"model: {name} has no {part}; a study of it gives {other}")
    made = _made(name, part, image_shape, model["options"])
    _check_made(name, part, made)
    network, features = made if "head" in model else (made, None)
    if weights is not None:
        _load(network, weights, name)
    if "blocks" in model:
        return Transformer(_with_sparse_blocks(network, model))
    if features != model["head"]["n_in"]:
        raise InputError(f"model.head.n_in: is {model['head']['n_in']}, but {name} hands over {features} features")
    return Classifier(network, head(model))


def _made(name: str, part: str, image_shape: tuple[int, int, int], options: dict):
    """What a model's function ``part`` returns.

    Raises ``InputError`` for options that it does not take. Another exception in a model of this package is about the
    values of its options; in anyone else's it may be a mistake there, and is passed on.
    """
    function, refusal = getattr(_module(name), part), f"model.options: {name} refuses {options}"
    try:
        inspect.signature(function).bind_partial(image_shape, **options)  # a wrong name before one that is missing
        inspect.signature(function).bind(image_shape, **options)
    except TypeError as error:
        raise InputError(f"{refusal}: {error}") from None
    try:
        return function(image_shape, **options)
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        if "." in name:
            raise
        raise InputError(f"{refusal}: {error}") from None


def _check_made(name: str, part: str, made: object) -> None:
    """Raise ``InputError`` unless a model's function ``part`` returned the right types."""
    kinds, meant = MADE[part]
    found = made if isinstance(made, tuple) else (made,)
    if len(found) != len(kinds) or not all(map(isinstance, found, kinds)):
        there = ", ".join(type(each).__name__ for each in found)
        raise InputError(f"model.name: {part} of {name} returns {there}, and should return {meant}")


def _module(name: str) -> ModuleType:
    """The module of a model: one of this package or, with dots in its name, one of anyone's."""
    model_code.source(name)  # which says what is wrong with the name
    return import_module(name if "." in name else f"{__package__}.{name}")


def head(model: dict) -> nn.Sequential:
    """The classifier head of a configuration's ``model``: NIST layers if it gives factors, else plain linear ones."""
    configuration = model["head"]
    sparse, bias, dropout = configuration["factors"] is not None, configuration["bias"], configuration["dropout"]
    layers: list[nn.Module] = []
    shapes = bands(model, torch.initial_seed())  # which takes no draw from the streams that weights come from
    for position, band in enumerate(shapes, start=1):
        if layers:
            layers.append(ACTIVATIONS[configuration["activation"]]())
        if dropout and position < len(shapes):
            layers.append(nn.Dropout(dropout))
        layer = nn.Linear(band.n_in, band.n_out, bias)
        layers.append(NISTLinear.from_dense(layer, band, configuration["form"]) if sparse else layer)
    return nn.Sequential(*layers)


@torch.no_grad()
def initialise(module: nn.Module, kind: str) -> None:
    """Give the linear layers of ``module`` the initial values of ``kind``, by scaling those that torch has drawn.

    Torch draws from ±1/√n_in (U20). ``kaiming_uniform_masked_fan_in``: ±1/√fan-in, of each output inside its mask;
    ``glorot_uniform``: ±√(6 / (n_in + n_out)), and biases of zero, as Keras does (Glorot & Bengio 2010, Eq. 16).
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | NISTLinear)]
    for layer in layers if kind in ("kaiming_uniform_masked_fan_in", "glorot_uniform") else ():
        n_in, n_out = layer.in_features, layer.out_features
        if kind == "glorot_uniform":
            _scale(layer, torch.full((n_out,), (6 * n_in / (n_in + n_out)) ** 0.5), 0.0)
        elif isinstance(layer, NISTLinear):
            fan_in = torch.bincount(layer.connections()[1].cpu(), minlength=n_out).clamp(min=1)
            scales = (n_in / fan_in) ** 0.5
            _scale(layer, scales, scales)


def _scale(layer: nn.Linear | NISTLinear, weights: torch.Tensor, biases: torch.Tensor | float) -> None:
    """Multiply a layer's weights, by output, and its biases."""
    if isinstance(layer, NISTLinear):
        inputs, outputs = layer.connections()
        layer.stored.copy_(layer.arranged(inputs, outputs, layer.values() * weights.to(layer.stored)[outputs]))
    else:
        layer.weight.mul_(weights[:, None])
    if layer.bias is not None:
        layer.bias.mul_(biases)


def _with_sparse_blocks(network: nn.Module, model: dict) -> nn.Module:
    """``network`` with NIST layers in its blocks, starting from the model's own values inside their masks."""
    blocks = model["blocks"]
    found = {name: [*each.sizes] for name, each in chosen_candidates(network, "blocks.*", ()).items()}
    expected = {
        f"blocks.{position}.{name}": shape
        for position in range(blocks["count"])
        for name, shape in blocks["layers"].items()
    }
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            there, wanted = (
                f"is {' → '.join(map(str, one[name]))}" if name in one else "is none" for one in (found, expected)
            )
            raise InputError(f"model.blocks: {name} {there} in {model['name']} and {wanted} in the study")
    if blocks["density"] is None:
        return network
    return sparsify(
        network,
        density=blocks["density"],
        include="blocks.*",
        scheme=blocks["scheme"],
        split={f"blocks.*.{name}": parts for name, parts in blocks["parts"].items()},
        form=blocks["form"],
    )


def _load(network: nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    """Take the state of ``network`` from ``weights``, which may hold more than that, such as another head."""
    state = network.state_dict()
    for key, value in state.items():
        if key not in weights:
            raise InputError(f"model.weights: no {key} among them; are they weights of {name}?")
        if weights[key].shape != value.shape:
            found, wanted = tuple(weights[key].shape), tuple(value.shape)
            raise InputError(f"model.weights: {key} has shape {found}, but {name} needs {wanted}")
    network.load_state_dict({key: weights[key] for key in state})

"""Backbones by name, and the classifier head they share."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from torch import nn

from nist.errors import InputError
from nist.linear import NISTLinear
from nist.study import layer_shapes

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Classifier(nn.Module):
    """A ``backbone`` that turns images into features, and a ``head`` that turns features into logits."""

    def __init__(self, backbone: nn.Module, head: nn.Module):
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images):
        """Map ``(batch, channels, height, width)`` to logits ``(batch, classes)``."""
        return self.head(self.backbone(images))


def build(model: dict, image_shape: tuple[int, int, int]) -> Classifier:
    """Build the network of a configuration's ``model`` for images of ``image_shape`` (channels, height, width).

    The backbone is built first, so that with the same random state it starts alike in every variant.
    Raises ``InputError`` for an unknown model, options it does not take, or a head that does not fit it.
    """
    name = model["name"]
    if find_spec(f"{__name__}.{name}") is None:
        known = ", ".join(module.name for module in iter_modules(__path__))
        raise InputError(f"model.name: unknown model {name!r}; there are {known}")
    try:
        backbone, features = import_module(f"{__name__}.{name}").backbone(image_shape, **model["options"])
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"model.options: {name} refuses {model['options']}: {error}") from None
    if features != model["head"]["n_in"]:
        raise InputError(f"model.head.n_in: is {model['head']['n_in']}, but {name} hands over {features} features")
    return Classifier(backbone, head(model["head"]))


def head(configuration: dict) -> nn.Sequential:
    """The classifier head: NIST layers where the configuration gives factors, else plain linear ones."""
    sparse, bias, dropout = configuration["factors"] is not None, configuration["bias"], configuration["dropout"]
    options = {"form": configuration["form"], "scheme": configuration["scheme"]}
    layers: list[nn.Module] = []
    shapes = layer_shapes(configuration)
    for position, (n_in, n_out, k) in enumerate(shapes, start=1):
        if layers:
            layers.append(ACTIVATIONS[configuration["activation"]]())
        if dropout and position < len(shapes):
            layers.append(nn.Dropout(dropout))
        linear = NISTLinear(n_in, n_out, k, bias, **options) if sparse else nn.Linear(n_in, n_out, bias)
        layers.append(linear)
    return nn.Sequential(*layers)

"""What networks and their heads share."""

from torch import nn

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def pooling(name: str) -> list[nn.Module]:
    """What stands between a backbone's last maps and the features: nothing, or the average of each map.

    Raises ``ValueError`` unless ``name`` is "none" or "average".
    """
    if name not in ("none", "average"):
        raise ValueError(f"unknown pooling {name!r}; there are none, average")
    return [nn.AdaptiveAvgPool2d(1)] if name == "average" else []

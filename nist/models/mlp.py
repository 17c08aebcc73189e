"""A multilayer perceptron: all of its layers are the head, and pixels are the features."""

from math import prod

from torch import nn


def backbone(image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """``(batch, channels, height, width)`` to ``(batch, pixels)``, a feature for each channel of each pixel."""
    return nn.Flatten(), prod(image_shape)

"""VGG16 (Simonyan & Zisserman 2015, configuration D) up to its head, with torchvision's convolutions."""

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

FEATURES = 512


class ChannelsLastFlatten(nn.Module):
    """Flatten a map position by position, all channels of one next to each other, as TensorFlow does (U25)."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, channels, height, width)`` to ``(batch, height · width · channels)``."""
        return maps.permute(0, 2, 3, 1).flatten(1)


def backbone(image_shape: tuple[int, int, int], *, frozen_blocks: int) -> tuple[nn.Module, int]:
    """Convolutional part: ``(batch, 3, height, width)`` to ``(batch, height / 32 · width / 32 · 512)``.

    14,714,688 parameters; those of the first ``frozen_blocks`` of its five blocks are not trained (C12). They have the
    names of torchvision and timm, ``features.0.weight`` and so on, and start as torchvision's do. Raises ``ValueError``
    for images without three channels or smaller than 32 pixels, or for more blocks than there are.
    """
    channels, height, width = image_shape
    if channels != 3 or min(height, width) < 32:
        raise ValueError(f"takes colour images of at least 32×32 pixels, not {channels} channels of {height}×{width}")
    features = make_layers(cfgs["D"])
    ends = [position for position, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    if not 0 <= frozen_blocks <= len(ends):
        raise ValueError(f"frozen_blocks is {frozen_blocks}; there are {len(ends)} blocks")
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in features[: ends[frozen_blocks - 1] + 1] if frozen_blocks else ():
        layer.requires_grad_(False)
    layers = OrderedDict(features=features, flatten=ChannelsLastFlatten())
    return nn.Sequential(layers), height // 32 * (width // 32) * FEATURES

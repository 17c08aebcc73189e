"""DeiT-Small (Touvron et al. 2021), timm's."""

import timm
from torch import nn


def network(image_shape: tuple[int, int, int], *, classes: int, patch_size: int, drop_path: float) -> nn.Module:
    """The whole network, without distillation token (U45): ``(batch, channels, side, side)`` to ``(batch, classes)``.

    21,704,164 parameters for 100 classes and patches of 16 pixels of 224 (E3); ``drop_path`` is the rate of stochastic
    depth in the last block. Raises ``ValueError`` for images that are not square or not whole patches.
    """
    channels, height, width = image_shape
    if height != width or height % patch_size:
        raise ValueError(f"takes square images of whole patches of {patch_size} pixels, not {height}×{width}")
    return timm.create_model(
        "deit_small_patch16_224",
        num_classes=classes,
        img_size=height,
        patch_size=patch_size,
        in_chans=channels,
        drop_path_rate=drop_path,
    )

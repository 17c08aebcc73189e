"""AlexNet for CIFAR-10 as the counts of section A.4.2 imply it: five 3×3 convolutions and 4,096 features."""

from torch import nn

from nist.models import parts

# Output channels, and whether a 2×2 maximum is taken after it (U38): three halvings of 32 leave 256 maps of 4×4.
CONVOLUTIONS = ((64, True), (192, True), (384, False), (256, False), (256, True))
SIDE = 4  # of the last maps


def backbone(image_shape: tuple[int, int, int], *, pooling: str = "none") -> tuple[nn.Module, int]:
    """Convolutional part for 32×32 images: ``(batch, channels, 32, 32)`` to ``(batch, 4096)``.

    2,251,584 parameters for three channels, no batch normalisation (U37); flattened channels-first (U25). With
    ``pooling="average"``, a control, each of the last maps is averaged to one feature: ``(batch, 256)``.
    Raises ``ValueError`` for another image size or an unknown pooling.
    """
    n_in, *size = image_shape
    if size != [32, 32]:
        raise ValueError(f"takes images of 32×32 pixels, not {size[0]}×{size[1]}")
    layers: list[nn.Module] = []
    for n_out, pooled in CONVOLUTIONS:
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(inplace=True)]
        if pooled:
            layers.append(nn.MaxPool2d(2))
        n_in = n_out
    averaged = parts.pooling(pooling)
    return nn.Sequential(*layers, *averaged, nn.Flatten()), n_in if averaged else n_in * SIDE**2

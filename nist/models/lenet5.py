"""LeNet-5 as section A.4.1 describes it: three convolutions, two poolings and 120 features."""

from torch import nn

from nist.models.parts import ACTIVATIONS


def backbone(image_shape: tuple[int, int, int], *, activation: str) -> tuple[nn.Module, int]:
    """Convolutional part for 32×32 images: ``(batch, channels, 32, 32)`` to ``(batch, 120)``.

    Every map of C3 sees all six of S2, and pooling is a plain average without LeCun's coefficients; with the paper's
    head that gives 62,006 parameters for three channels and 61,706 for one (assumption N1, U16).
    Raises ``ValueError`` for another image size: C5 is 5×5 on exactly 5×5.
    """
    channels, height, width = image_shape
    if (height, width) != (32, 32):
        raise ValueError(f"takes images of 32×32 pixels, not {height}×{width}")
    nonlinearity = ACTIVATIONS[activation]
    layers = nn.Sequential(
        nn.Conv2d(channels, 6, 5),
        nonlinearity(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nonlinearity(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5),
        nonlinearity(),
        nn.Flatten(),
    )
    return layers, 120

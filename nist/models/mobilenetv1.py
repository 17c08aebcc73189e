"""MobileNetV1 (Howard et al. 2017, Table 1): one convolution and a stack of depthwise separable ones."""

from torch import nn

from nist.models import parts

STEM = 32
FEATURES = 1024


def backbone(
    image_shape: tuple[int, int, int], *, width: float, stem_stride: int, blocks: list[list[int]], pooling: str = "none"
) -> tuple[nn.Module, int]:
    """Convolutional part: ``(batch, channels, height, width)`` to ``(batch, 1024)``.

    ``blocks`` lists output channels at width 1 and stride of each separable convolution. ``width`` below 1 thins every
    layer but the last, which keeps its 1,024 channels, so that the heads of section A.5 stay the paper's own to the
    weight. Maps of 1×1 are flattened (assumption U39); larger ones are averaged first, with ``pooling`` "average".
    Raises ``ValueError`` for another ``pooling``, or where the strides leave larger maps and it is "none".
    """
    channels, *size = image_shape
    plan = [(max(8, round(n_out * width)), stride) for n_out, stride in blocks]
    plan[-1] = (FEATURES, plan[-1][1])
    n_in = max(8, round(STEM * width))
    layers = [_convolution(channels, n_in, kernel=3, stride=stem_stride)]
    size = [_shrink(side, stem_stride) for side in size]
    for n_out, stride in plan:
        layers.append(_convolution(n_in, n_in, kernel=3, stride=stride, groups=n_in))
        layers.append(_convolution(n_in, n_out, kernel=1, stride=1))
        size = [_shrink(side, stride) for side in size]
        n_in = n_out
    averaged = parts.pooling(pooling)
    if not averaged and size != [1, 1]:
        raise ValueError(f"the strides leave {size[0]}×{size[1]} pixels of the image, not 1×1")
    return nn.Sequential(*layers, *averaged, nn.Flatten()), FEATURES


def _shrink(side: int, stride: int) -> int:
    """Side of a map after a 3×3 convolution with padding 1."""
    return (side - 1) // stride + 1


def _convolution(n_in: int, n_out: int, *, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )

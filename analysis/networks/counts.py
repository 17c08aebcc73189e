"""Shapes and counts of the paper's five networks, from its text, Eq. 1 and the prune alone; no torch, no study.

A head is the layers that NIST sparsifies: the classifier of a CNN, the 48 linear layers of DeiT-Small's blocks (U24).
Counts are of weights without biases (N2) unless a function says otherwise.
"""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np

from nist.sparse.mask import Band, kept_weights, neuroseed_mask

HEADS = {
    "lenet5": ((120, 84), (84, 10)),
    "alexnet": ((256 * 4 * 4, 4096), (4096, 4096), (4096, 10)),
    "vgg16": ((512 * 7 * 7, 4096), (4096, 4096), (4096, 100)),
    "mobilenetv1": ((1024, 10),),
    "mobilenetv1-100-classes": ((1024, 100),),
    "mobilenetv1-1000-classes": ((1024, 1000),),
    "mobilenetv1-three-layers": ((1024, 100), (100, 200), (200, 10)),
    "deit-small": ((384, 3 * 384), (384, 384), (384, 1536), (1536, 384)) * 12,
}
CHANNELS = {  # of 3×3 convolutions in turn, the image's first
    "alexnet": (3, 64, 192, 384, 256, 256),
    "vgg16": (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
}
LECUN_C3 = 6 * 3 + 9 * 4 + 6  # pairs of maps that C3 of LeCun et al. (1998, Table I) connects; 96 are possible


def active(network: str, factors: tuple[int, ...] = (), sparsity: float | None = None, layer: int | None = None) -> int:
    """Weights of a head: dense without ``factors``, within Eq. 1 with them, and what a prune to ``sparsity`` keeps.

    ``layer`` counts from 1 and restricts the count to one layer.
    """
    shapes = HEADS[network]
    degrees = factors or tuple(n_out for _, n_out in shapes)
    if layer is not None:
        return shapes[layer - 1][0] * degrees[layer - 1]
    if sparsity is not None:
        return kept_weights(active(network), sparsity)
    return sum(n_in * k for (n_in, _), k in zip(shapes, degrees, strict=True))


def parameters(network: str) -> int:
    """Weights and biases of the dense head."""
    return active(network) + sum(n_out for _, n_out in HEADS[network])


def sparsity(network: str, factors: tuple[int, ...] = (), sparsity: float | None = None) -> Fraction:
    """Share of the dense head's weights that are not active."""
    return 1 - Fraction(active(network, factors, sparsity), active(network))


def density_after(network: str, sparsity: float) -> Fraction:
    """Share of the head's dense weights that a prune keeps."""
    return Fraction(active(network, sparsity=sparsity), active(network))


def compression(network: str, factors: tuple[int, ...] = (), sparsity: float | None = None) -> Fraction:
    """Dense weights over active weights; 1 for the dense head (N6)."""
    return Fraction(active(network), active(network, factors, sparsity))


def density(network: str, factors: tuple[int, ...], layer: int) -> Fraction:
    """Share of one layer's weights that Eq. 1 connects."""
    return Fraction(factors[layer - 1], HEADS[network][layer - 1][1])


def half_density(network: str) -> Fraction:
    """Share of the head's weights within Eq. 1 where every factor is half the layer's outputs, rounded down (U23)."""
    return 1 - sparsity(network, tuple(n_out // 2 for _, n_out in HEADS[network]))


def density_step(network: str, factors: tuple[int, ...]) -> Fraction:
    """Least rise in density from a layer to the next; above zero if every layer is denser than the one before."""
    densities = [density(network, factors, layer) for layer in range(1, len(factors) + 1)]
    return min(after - before for before, after in pairwise(densities))


def growth(network: str, factors: tuple[int, ...], sparsity: float) -> int:
    """Weights that training adds to those of Eq. 1: what is left at the end less what it began with."""
    return active(network, factors, sparsity) - active(network, factors)


def outputs_without_input(n_in: int, n_out: int, k: int) -> int:
    """Outputs without any input, counted on the mask of Eq. 1 (D8)."""
    return int((~neuroseed_mask(n_in, n_out, k).any(axis=0)).sum())


def edges(n_in: int, n_out: int, k: int) -> int:
    """Connections, counted on the mask of Eq. 1."""
    return int(neuroseed_mask(n_in, n_out, k).sum())


@cache  # several claims, and every ledger, ask for the same
def inputs_without_output(largest: int, k: int) -> int:
    """Inputs without any output, over all layers of up to ``largest`` inputs and outputs."""
    sizes = range(1, largest + 1)
    return sum(int((~neuroseed_mask(n, m, k).any(axis=1)).sum()) for n in sizes for m in sizes if m >= k)


@cache
def mask_errors(largest: int) -> int:
    """Places at which our mask departs from Eq. 1 read literally, over all layers of up to ``largest`` units."""
    sizes, errors = range(1, largest + 1), 0
    for n_in, n_out, k in ((n, m, k) for n in sizes for m in sizes for k in range(1, m + 1)):
        equation = np.zeros((n_in, n_out), dtype=bool)
        for i in range(n_in):
            equation[i, [(i + t) % n_out for t in range(k)]] = True
        errors += int((neuroseed_mask(n_in, n_out, k) != equation).sum())
    return errors


@cache
def degree_errors(largest: int) -> int:
    """Inputs that do not feed exactly k outputs under Eq. 1, over all layers of up to ``largest`` units."""
    sizes = range(1, largest + 1)
    layers = [Band(n_in, n_out, k) for n_in in sizes for n_out in sizes for k in range(1, n_out + 1)]
    return sum(int((neuroseed_mask(b.n_in, b.n_out, b.k).sum(axis=1) != b.k).sum()) for b in layers)


def convolution(n_in: int, n_out: int, size: int) -> int:
    """Weights and biases of a convolution with square kernels."""
    return (n_in * size**2 + 1) * n_out


def backbone(network: str, channels: int = 3, c3: str = "dense") -> int:
    """Parameters outside the head, biases included.

    LeNet-5 takes images of ``channels`` channels; its C3 sees all maps, or those of LeCun's table with ``c3=lecun``.
    """
    if network == "lenet5":
        third = convolution(6, 16, 5) if c3 == "dense" else LECUN_C3 * 5**2 + 16
        return convolution(channels, 6, 5) + third + convolution(16, 120, 5)
    if network == "deit-small":
        width, patches = 384, (224 // 16) ** 2
        biases = sum(n_out for _, n_out in HEADS[network])
        norms, tokens = (2 * 12 + 1) * 2 * width, (1 + patches + 1) * width  # tokens: class, and positions with it
        return convolution(3, width, 16) + biases + norms + tokens + (width + 1) * 100
    return sum(convolution(n_in, n_out, 3) for n_in, n_out in pairwise(CHANNELS[network]))


def total(
    network: str,
    factors: tuple[int, ...] = (),
    sparsity: float | None = None,
    biases: bool = False,
    channels: int = 3,
    c3: str = "dense",
) -> int:
    """Parameters of the whole network, with the head's ``biases`` or without, as the paper counts in either way."""
    head = active(network, factors, sparsity) + biases * (parameters(network) - active(network))
    return backbone(network, channels, c3) + head


def total_compression(network: str, sparsity: float, biases: bool = False) -> Fraction:
    """Parameters of the dense network over those after a prune, ``biases`` of the head counted in the dense one."""
    return Fraction(total(network, biases=biases), total(network, sparsity=sparsity))


def total_sparsity(network: str, sparsity: float, biases: bool = False) -> Fraction:
    """Share of the dense network's parameters that a prune of the head removes."""
    return 1 - 1 / total_compression(network, sparsity, biases)


def head_share(network: str, biases: bool = False, channels: int = 3, c3: str = "dense") -> Fraction:
    """Share of the network's parameters that are the dense head's."""
    head = parameters(network) if biases else active(network)
    return Fraction(head, total(network, biases=biases, channels=channels, c3=c3))


def weight_layers(network: str) -> int:
    """Convolutions and linear layers of a network whose convolutions are all 3×3."""
    return len(CHANNELS[network]) - 1 + len(HEADS[network])


def kept(dense: int, sparsity: float) -> int:
    """Weights that a prune to ``sparsity`` keeps of ``dense``, to see which count a printed figure came from."""
    return kept_weights(dense, sparsity)

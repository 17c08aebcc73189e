"""What training takes by arithmetic: multiply-accumulates, and bytes of state, from the shapes of five networks."""

from itertools import pairwise
from typing import NamedTuple

from analysis.networks.counts import CHANNELS
from nist.data.catalog import DATASETS
from nist.sparse.layers import MASK_KEY, bands, sparsified_part

ALEXNET_SIDES = (32, 16, 8, 8, 8)  # of the maps of each convolution
VGG16_HALVINGS = (0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4)  # of the image's side, before each convolution
VGG16_BLOCKS = (0, 2, 4, 7, 10, 13)  # convolutions in the first none, one, two, … of its blocks
DEIT_WIDTH, DEIT_DEPTH = 384, 12
FLOAT = 4  # bytes
FLOPS_PER_MAC = 2
LARGEST_STACKED = 5_000_000  # parameters: that of nist.training.seed_block, which needs torch


class Layer(NamedTuple):
    """A layer: multiply-accumulates of one image forward, numbers that are ``trained`` and others that are ``kept``."""

    macs: int
    trained: int
    kept: int = 0
    frozen: bool = False


def layers(configuration: dict) -> list[Layer]:
    """All layers of a configuration's network that have weights, and the products of DeiT's attention.

    Layers that NIST sparsifies count as dense in their masked form, which computes with every weight, and else as what
    Eq. 1 connects. Raises ``KeyError`` for a model that is not one of the paper's five.
    """
    return [*others(configuration), *sparsified(configuration["model"], configuration["data"])]


def others(configuration: dict) -> list[Layer]:
    """Those of ``layers`` that NIST leaves as they are. Raises ``KeyError`` as ``layers`` does."""
    model, data = configuration["model"], configuration["data"]
    channels = DATASETS[data["dataset"]].shape[2] if data["dataset"] in DATASETS else 3
    return BACKBONES[model["name"]](channels, data["image_size"], model["options"])


def sparsified(model: dict, data: dict) -> list[Layer]:
    """The layers that NIST sparsifies; a mask is one byte an entry, a quarter of a number."""
    part, times = sparsified_part(model), rows(model, data)
    is_masked = model[part]["form"] == "masked"
    has_masks = is_masked and model[part][MASK_KEY[part]] is not None
    found = []
    for band in bands(model):
        dense = band.n_in * band.n_out
        weights = dense if is_masked else band.n_weights
        found.append(Layer(weights * times, weights + band.n_out, dense // 4 if has_masks else 0))
    return found


def rows(model: dict, data: dict) -> int:
    """Rows of one image that the layers that NIST sparsifies take: tokens in blocks, one in a head."""
    return _tokens(data["image_size"], model["options"]) if sparsified_part(model) == "blocks" else 1


def forward(configuration: dict) -> int:
    """Multiply-accumulates of one image forward."""
    return sum(layer.macs for layer in layers(configuration))


def training_step(configuration: dict) -> int:
    """Multiply-accumulates of training on one image: forward, and twice as many back where a layer is trained."""
    return _training(layers(configuration))


def with_active(configuration: dict, active_weights: int) -> tuple[int, int]:
    """Multiply-accumulates of one image, forward and in training, with so many weights where NIST sparsifies.

    Raises ``KeyError`` as ``layers`` does.
    """
    of_weights = Layer(active_weights * rows(configuration["model"], configuration["data"]), active_weights)
    network = [*others(configuration), of_weights]
    return sum(layer.macs for layer in network), _training(network)


def _training(network: list[Layer]) -> int:
    return sum(layer.macs * (1 if layer.frozen else 3) for layer in network)


def state_bytes(configuration: dict) -> int:
    """Bytes of a run's state without random streams: its numbers, and two of Adam's for each trained one."""
    numbers = sum(layer.trained * (1 if layer.frozen else 3) + layer.kept for layer in layers(configuration))
    return FLOAT * numbers


def checkpoint_bytes(configuration: dict, size: int) -> int:
    """Bytes of the checkpoint of ``size`` seeds at most: states of runs that advance together, all if small."""
    is_small = sum(layer.trained for layer in layers(configuration)) <= LARGEST_STACKED
    return state_bytes(configuration) * (size if is_small else 1)


def _convolution(n_in: int, n_out: int, kernel: int, side: int, frozen: bool = False) -> Layer:
    weights = n_in * n_out * kernel**2
    return Layer(weights * side**2, weights + n_out, 0, frozen)


def _lenet5(channels: int, side: int, options: dict) -> list[Layer]:
    return [_convolution(channels, 6, 5, 28), _convolution(6, 16, 5, 10), _convolution(16, 120, 5, 1)]


def _alexnet(channels: int, side: int, options: dict) -> list[Layer]:
    return [
        _convolution(*ends, 3, size) for ends, size in zip(pairwise(CHANNELS["alexnet"]), ALEXNET_SIDES, strict=True)
    ]


def _vgg16(channels: int, side: int, options: dict) -> list[Layer]:
    frozen = VGG16_BLOCKS[options["frozen_blocks"]]
    shapes = zip(pairwise(CHANNELS["vgg16"]), VGG16_HALVINGS, strict=True)
    return [_convolution(*ends, 3, side >> n, position < frozen) for position, (ends, n) in enumerate(shapes)]


def _mobilenetv1(channels: int, side: int, options: dict) -> list[Layer]:
    def normalised(weights: int, n_out: int) -> Layer:  # batch normalisation: two numbers trained, two kept
        return Layer(weights * side**2, weights + 2 * n_out, 2 * n_out)

    plan = [(max(8, round(n_out * options["width"])), stride) for n_out, stride in options["blocks"]]
    plan[-1] = (1024, plan[-1][1])
    n_in, side = max(8, round(32 * options["width"])), -(-side // options["stem_stride"])
    found = [normalised(channels * n_in * 9, n_in)]
    for n_out, stride in plan:
        side = -(-side // stride)
        found += [normalised(n_in * 9, n_in), normalised(n_in * n_out, n_out)]
        n_in = n_out
    return found


def _deit_small(channels: int, side: int, options: dict) -> list[Layer]:
    tokens, patch = _tokens(side, options), options["patch_size"]
    attention = 2 * tokens**2 * DEIT_WIDTH * DEIT_DEPTH  # queries by keys, and what they attend to
    others = (2 * DEIT_DEPTH + 1) * 2 * DEIT_WIDTH + (tokens + 1) * DEIT_WIDTH  # norms; positions and the class's token
    ends = [
        _convolution(channels, DEIT_WIDTH, patch, side // patch),
        _convolution(DEIT_WIDTH, options["classes"], 1, 1),
    ]
    return [*ends, Layer(attention, others)]


def _tokens(side: int, options: dict) -> int:
    """Patches of an image, and the class's token."""
    return (side // options["patch_size"]) ** 2 + 1


BACKBONES = {
    "lenet5": _lenet5,
    "alexnet": _alexnet,
    "vgg16": _vgg16,
    "mobilenetv1": _mobilenetv1,
    "deit_small": _deit_small,
    "mlp": lambda _channels, _side, _options: [],  # all of it is the head
}

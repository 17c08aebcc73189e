"""Which layers of a model NIST sparsifies, and how: from a configuration's ``model`` alone, without torch.

A model has either a ``head``, a classifier of linear layers whose sizes a variant gives, or ``blocks``, layers that
repeat in every block of a transformer and are sparsified to one density (assumptions U23, U24).
"""

from nist.sparse.mask import Band, factor
from nist.sparse.random_masks import Connectivity, band

# What a variant says of these layers, and which of its keys is null where they are dense.
VARIANT_KEYS = {"head": ("sizes", "factors"), "blocks": ("density", "scheme", "parts")}
MASK_KEY = {"head": "factors", "blocks": "density"}


def sparsified_part(model: dict) -> str:
    """Which part of a study's or configuration's ``model`` holds the layers that NIST sparsifies: head or blocks."""
    return next(part for part in VARIANT_KEYS if part in model)


def bands(model: dict, seed: int = 0) -> list[Connectivity]:
    """The connections of every layer that NIST sparsifies, in order, for a configuration's ``model``.

    A dense layer has k = n_out. ``seed`` is for a control, whose connections are drawn. Raises ``ValueError`` where a
    factor, a scheme or parts do not fit a layer.
    """
    if "head" in model:
        head = model["head"]
        inputs, factors = [head["n_in"], *head["sizes"][:-1]], head["factors"] or head["sizes"]
        layers = enumerate(zip(inputs, head["sizes"], factors, strict=True))
        return [band(*layer, head["scheme"], (seed, position)) for position, layer in layers]
    return [
        _block_band(n_in, n_out, model["blocks"], model["blocks"]["parts"].get(name, 1))
        for _ in range(model["blocks"]["count"])
        for name, (n_in, n_out) in model["blocks"]["layers"].items()
    ]


def _block_band(n_in: int, n_out: int, blocks: dict, parts: int) -> Band:
    density = 1 if blocks["density"] is None else blocks["density"]
    return Band(n_in, n_out, factor(density, n_out // parts), blocks["scheme"], parts)


def dense_weights(model: dict) -> int:
    """Weights of the layers that NIST sparsifies without any mask, biases not counted."""
    return sum(band.n_in * band.n_out for band in bands(model))


def initial_weights(model: dict) -> int:
    """Weights inside their masks before any prune: n_in · k a layer with Eq. 1."""
    return sum(band.n_weights for band in bands(model))


def class_count(model: dict) -> int:
    """Number of classes that a configuration's ``model`` tells apart."""
    return model["head"]["sizes"][-1] if "head" in model else model["options"]["classes"]

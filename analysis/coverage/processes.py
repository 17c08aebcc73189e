"""Runs of known truth, whose epochs remember the one before: with short tails, with long ones, or collapsing.

Units are the SD of a run that does not collapse.
"""

from typing import NamedTuple

import numpy as np

KINDS = ("normal", "lognormal", "collapsing")
AUTOCORRELATIONS = (0.0, 0.7, 0.9)
EPOCHS, IMAGES = 30, 400
COLLAPSE, FALL = 0.15, 10.0  # share of runs that collapse, and by how many SDs they fall, from some epoch on


class Truth(NamedTuple):
    """Mean by epoch, and variance at the last one, of runs of one kind."""

    mean: np.ndarray
    variance: float


def truth(kind: str, epochs: int = EPOCHS) -> Truth:
    """What runs of a kind are drawn from."""
    if kind == "lognormal":
        return Truth(np.full(epochs, np.exp(0.5)), float(np.e * (np.e - 1)))
    if kind == "collapsing":
        return Truth(-FALL * COLLAPSE * np.arange(1, epochs + 1) / epochs, 1 + FALL**2 * COLLAPSE * (1 - COLLAPSE))
    return Truth(np.zeros(epochs), 1.0)


def runs(kind: str, rho: float, shape: tuple[int, ...], rng: np.random.Generator, epochs: int = EPOCHS) -> np.ndarray:
    """Independent runs, shape (*shape, epochs): a stationary normal AR(1) process with autocorrelation ``rho``.

    Of the kind ``lognormal`` its exponential; of ``collapsing``, ``COLLAPSE`` of the runs fall by ``FALL`` at an epoch
    that is drawn at random, and stay there.
    """
    found = rng.standard_normal((*shape, epochs))
    found[..., 1:] *= np.sqrt(1 - rho**2)
    for epoch in range(1, epochs):
        found[..., epoch] += rho * found[..., epoch - 1]
    if kind == "lognormal":
        return np.exp(found)
    if kind == "collapsing":
        falls, first = rng.random(shape) < COLLAPSE, rng.integers(epochs, size=shape)
        found -= FALL * (falls[..., np.newaxis] & (np.arange(epochs) >= first[..., np.newaxis]))
    return found


def hits(scores: np.ndarray, difficulty: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which of the images runs get right, shape (*scores.shape, images), from ``scores``, one a run.

    ``difficulty`` is that of the images, for all runs of a study the same: shape (..., 1, images).
    """
    noise = rng.standard_normal((*scores.shape, difficulty.shape[-1]), dtype=np.float32)
    return difficulty + 0.2 * np.clip(scores, -5, 5)[..., np.newaxis] + 0.7 * noise > 0

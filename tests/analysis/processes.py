"""Runs whose epochs are not independent, of known truth, for tests of what statistics say of them."""

from collections.abc import Iterator

import numpy as np


def autoregressive_arms(
    rho: float, n: int, epochs: int, times: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield two arms of ``n`` independent runs each, ``times`` times, shape (n, epochs): arms that do not differ.

    Each run is a stationary normal AR(1) process over epochs with autocorrelation ``rho`` and variance 1.
    """
    for _ in range(times):
        noise = rng.standard_normal((epochs, 2 * n))
        noise[1:] *= np.sqrt(1 - rho**2)
        for epoch in range(1, epochs):
            noise[epoch] += rho * noise[epoch - 1]
        yield noise.T[:n], noise.T[n:]

"""Every random stream of a run, from one integer."""

from typing import NamedTuple

import numpy as np
import torch


class Streams(NamedTuple):
    """Independent 63-bit seeds of one run, one for each thing that is drawn at random."""

    initialisation: int
    data_order: int
    augmentation: int
    dropout: int
    method: int  # what another method than NIST draws, or a prune at random


def streams(seed: int) -> Streams:
    """Derive the streams of run ``seed`` with ``numpy.random.SeedSequence`` spawning.

    They depend on the seed alone: every variant of a study sees the same data order under the same seed, and layers
    built first and alike start alike, so that runs can be paired by seed.
    """
    children = np.random.SeedSequence(seed).spawn(len(Streams._fields))
    return Streams(*(int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children))


def generator(seed: int) -> torch.Generator:
    """A CPU generator for one stream; draws made with it are the same whatever device trains."""
    return torch.Generator().manual_seed(seed)

"""Images that stay on the host, memory-mapped or augmented there one by one, and are read by worker processes."""

import multiprocessing
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from nist.data.augmentation import Augmentation
from nist.data.deit_augmentation import Recipe, seeded
from nist.data.on_device import batches
from nist.runtime.interruption import leave_to_parent


class LoadedSplit:
    """Images of one split, uint8 of shape (n, height, width, channels), and labels; batches go to ``device``.

    A run reads it as it reads a ``nist.data.on_device.Split``. ``workers`` processes read ahead; with 0 the training
    process reads. Batches do not depend on their number.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, device: torch.device, workers: int = 0):
        self.images, self.labels, self.device, self.workers = images, labels, device, workers

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        height, width, channels = self.images.shape[1:]
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    def shuffled(
        self,
        batch_size: int,
        drop_last: bool,
        order: torch.Generator,
        augmentation: Augmentation | Recipe | None = None,
    ) -> Iterator:
        """Batches of one epoch in a fresh random order, the very one that ``Split.shuffled`` draws."""
        permutation = torch.randperm(len(self), generator=order)
        draws = augmentation.draw(len(self)) if augmentation else permutation
        on_host = augmentation if isinstance(augmentation, Recipe) else None
        keys = list(zip(permutation.tolist(), draws.tolist(), strict=True))
        places = list(batches(len(self), batch_size, drop_last))
        read = self._read([keys[batch] for batch in places], on_host)
        for batch, (images, labels) in zip(places, read, strict=True):
            if isinstance(augmentation, Augmentation):
                images = augmentation.apply(images, draws[batch].to(self.device))
            yield images, labels

    def in_order(self, batch_size: int) -> Iterator:
        """All images in large batches, for evaluation."""
        keys = [(index, None) for index in range(len(self))]
        yield from self._read([keys[batch] for batch in batches(len(self), batch_size)], None)

    def _read(self, batches: list, recipe: Recipe | None) -> Iterator:
        loader = DataLoader(
            Samples(self.images, self.labels, recipe),
            batch_sampler=batches,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=leave_to_parent,
            generator=torch.Generator(),  # or it would draw from the run's own stream
            # Forked workers share the memory map; it would be copied into them otherwise.
            multiprocessing_context=multiprocessing.get_context("fork") if self.workers else None,
        )
        for images, labels in loader:
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)


class Samples(Dataset):
    """One image and its label by (index, draw); the draw seeds what ``recipe`` does to it."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, recipe: Recipe | None):
        self.images, self.labels, self.recipe = images, labels, recipe

    def __getitem__(self, key: tuple[int, int | None]) -> tuple[torch.Tensor, int]:
        index, draw = key
        image = np.array(self.images[index])
        if self.recipe is None or draw is None:
            return torch.from_numpy(image).permute(2, 0, 1), int(self.labels[index])
        with seeded(draw):
            return self.recipe.transform(Image.fromarray(image)), int(self.labels[index])

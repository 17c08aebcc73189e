"""Images that fit on the training device: one upload, then batches by index, augmented and normalised there."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image

from nist.data.augmentation import Augmentation
from nist.errors import InputError


def batches(n: int, batch_size: int, drop_last: bool = False) -> Iterator[slice]:
    """The batches of ``n`` images, as places in their order; without a last one that is short with ``drop_last``."""
    end = n - n % batch_size if drop_last else n
    return (slice(start, min(start + batch_size, end)) for start in range(0, end, batch_size))


class Split:
    """Images of one split, uint8 of shape (n, channels, height, width), and labels, on one device."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, device: torch.device):
        self.images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)
        self.labels = torch.from_numpy(labels).to(device)

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.images.device

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """The images and labels at ``index``."""
        return self.images[index], self.labels[index]

    def order(
        self, order: torch.Generator, augmentation: Augmentation | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """A fresh random order of one epoch, int64 of shape (n,), and what ``augmentation`` draws for each place in it.

        Both are drawn on the CPU, so that every device sees the same ones.
        """
        permutation = torch.randperm(len(self), generator=order).to(self.device)
        return permutation, augmentation.draw(len(self)).to(self.device) if augmentation else None

    def batches(self, batch_size: int, drop_last: bool) -> Iterator[slice]:
        """The batches of one epoch, as places in its order."""
        return batches(len(self), batch_size, drop_last)

    def shuffled(
        self, batch_size: int, drop_last: bool, order: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator:
        """Batches of one epoch in a fresh random order."""
        permutation, draws = self.order(order, augmentation)
        for batch in self.batches(batch_size, drop_last):
            images, labels = self.take(permutation[batch])
            if augmentation and draws is not None:
                images = augmentation.apply(images, draws[batch])
            yield images, labels

    def in_order(self, batch_size: int) -> Iterator:
        """All images in large batches, for evaluation."""
        for batch in self.batches(batch_size, drop_last=False):
            yield self.take(batch)


def resized(images: np.ndarray, size: int, how: str) -> np.ndarray:
    """Square images of shape (n, side, side, channels) at ``size`` pixels a side, as uint8.

    ``how`` is ``none``, ``pad`` (a border of zeros, the odd pixel at the bottom right) or ``bilinear``.
    Raises ``InputError`` where the method does not lead to that size.
    """
    side = images.shape[1]
    if how == "none" and side == size:
        return images
    if how == "pad" and side <= size:
        before = (size - side) // 2
        border = (before, size - side - before)
        return np.pad(images, ((0, 0), border, border, (0, 0)))
    if how == "bilinear":
        return np.stack([_interpolated(image, size) for image in images])
    raise InputError(f"data.resize: {how!r} cannot turn images of {side} pixels into data.image_size {size}")


def _interpolated(image: np.ndarray, size: int) -> np.ndarray:
    channels = [
        Image.fromarray(channel).resize((size, size), Image.Resampling.BILINEAR) for channel in image.transpose(2, 0, 1)
    ]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)

"""A data set as tensors on the training device: one upload, then batches by index, normalised there."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import nn

from nist.augmentation import Augmentation
from nist.data import Images
from nist.errors import InputError


class Split:
    """Images of one split, uint8 of shape (n, channels, height, width), and labels, on one device."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, device: torch.device):
        self.images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)
        self.labels = torch.from_numpy(labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """The images and labels at ``index``."""
        return self.images[index], self.labels[index]

    def shuffled(
        self, batch_size: int, drop_last: bool, order: torch.Generator, augmentation: Augmentation | None = None
    ) -> Iterator:
        """Batches of one epoch in a fresh random order, drawn on the CPU so that every device sees the same one."""
        permutation = torch.randperm(len(self), generator=order).to(self.images.device)
        draws = augmentation.draw(len(self)).to(self.images.device) if augmentation else None
        end = len(self) - len(self) % batch_size if drop_last else len(self)
        for start in range(0, end, batch_size):
            batch = slice(start, start + batch_size)
            images, labels = self.take(permutation[batch])
            yield (images if draws is None else augmentation.apply(images, draws[batch])), labels

    def in_order(self, batch_size: int) -> Iterator:
        """All images in large batches, for evaluation."""
        for start in range(0, len(self), batch_size):
            yield self.take(slice(start, start + batch_size))


class Normalise(nn.Module):
    """Map uint8 images to floats with mean 0 and SD 1 over the training images, channel by channel."""

    def __init__(self, training: Split):
        super().__init__()
        moments = np.array([_moments(channel) for channel in training.images.cpu().numpy().swapaxes(0, 1)])
        for name, value in (("mean", moments[:, 0]), ("sd", moments[:, 1])):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32).view(1, -1, 1, 1))
        self.to(training.images.device)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map ``(batch, channels, height, width)`` uint8 to float32 of the same shape."""
        return (images.float() - self.mean) / self.sd


def _moments(pixels: np.ndarray) -> tuple[float, float]:
    """Mean and SD of uint8 pixels, exactly and without a float copy of them all: from their histogram."""
    counts = sum(np.bincount(image.ravel(), minlength=256) for image in pixels)
    levels = np.arange(256)
    mean = np.average(levels, weights=counts)
    return mean, np.sqrt(np.average((levels - mean) ** 2, weights=counts))


def splits(images: Images, image_size: int, resize: str, device: torch.device) -> tuple[Split, Split]:
    """Training and validation images at ``image_size`` on ``device``; the test images validate (U1)."""
    return (
        Split(resized(images.train_images, image_size, resize), images.train_labels, device),
        Split(resized(images.test_images, image_size, resize), images.test_labels, device),
    )


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

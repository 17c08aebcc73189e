"""Random changes of training images, on the device that holds them, drawn from a run's own stream."""

import torch


class Augmentation:
    """Horizontal flips, and crops after padding with black, as is usual for CIFAR-10 (U13).

    ``settings`` are those of a study's ``data.augmentation``; draws come from ``generator``, on the CPU, so that every
    device sees the same ones.
    """

    def __init__(self, settings: dict, generator: torch.Generator):
        self.flip, self.padding, self.generator = settings["flip"], settings["crop_padding"], generator

    def draw(self, n: int) -> torch.Tensor:
        """Draws for ``n`` images, int64 of shape (n, 3): flipped or not, and the crop's row and column."""
        flips = torch.randint(2, (n, 1), generator=self.generator) * self.flip
        corners = torch.randint(2 * self.padding + 1, (n, 2), generator=self.generator)
        return torch.cat([flips, corners], 1)

    def apply(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """Change images of shape (n, channels, height, width) as ``draws`` say; shape and type stay."""
        n, _, height, width = images.shape
        padded = torch.nn.functional.pad(images, [self.padding] * 4)
        flips, top, left = draws.T[:, :, None]
        columns = torch.arange(width, device=images.device)
        columns = left + torch.where(flips == 1, width - 1 - columns, columns)
        rows = top + torch.arange(height, device=images.device)
        picture = torch.arange(n, device=images.device)
        # Advanced indices around a slice put their own dimensions first.
        return padded[picture[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

"""The augmentation that vision transformers need: DeiT's, made of timm's parts (U15)."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image

LARGEST_DRAW = 2**32  # what numpy's generator can be seeded with


class Recipe:
    """Random crops, flips and RandAugment of each image; erasing, mixup and CutMix of normalised batches.

    ``settings`` are those of a study's ``data.augmentation``, ``mean`` that of pixels in 0 … 255, a channel each:
    what geometric changes leave empty is filled with it. Every draw comes from ``generator``, but for the noise in
    erased rectangles, which comes from the device's own.
    """

    def __init__(
        self,
        settings: dict,
        generator: torch.Generator,
        *,
        size: int,
        mean: tuple[float, ...],
        n_classes: int,
        label_smoothing: float,
        device: torch.device,
    ):
        from timm.data import Mixup, create_transform  # takes seconds to import, and most studies do without
        from timm.data.random_erasing import RandomErasing

        self.generator = generator
        # Without normalisation, which the device does: pixels travel as bytes.
        self.transform = create_transform(
            size,
            is_training=True,
            scale=tuple(settings["resized_crop"]),
            hflip=0.5 * settings["flip"],
            color_jitter=None,  # type: ignore[arg-type]  # its annotation leaves out the None that it takes
            auto_augment=settings["randaugment"],
            interpolation=settings["interpolation"],
            mean=tuple(value / 255 for value in mean),
            normalize=False,
        )
        _let_posterize_keep_no_bits(self.transform)
        self.erase = RandomErasing(settings["erasing"], mode="pixel", device=device)
        mixing = settings["mixup"] + settings["cutmix"] > 0
        self.mix = (
            Mixup(settings["mixup"], settings["cutmix"], label_smoothing=label_smoothing, num_classes=n_classes)
            if mixing
            else None
        )

    def draw(self, n: int) -> torch.Tensor:
        """A seed for each of ``n`` images, int64 of shape (n,)."""
        return torch.randint(LARGEST_DRAW, (n,), generator=self.generator)

    def finish(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Change a normalised batch, and turn labels (n,) into shares (n, n_classes) where it mixes images."""
        with seeded(int(self.draw(1)), noise=False):
            images = self.erase(images)
            return self.mix(images, labels) if self.mix else (images, labels)


def _let_posterize_keep_no_bits(transform) -> None:
    """At its greatest magnitude timm's Posterize keeps 0 bits, which Pillow took to mean black and now refuses."""
    from timm.data.auto_augment import RandAugment, posterize

    def keep(image, bits, **options):
        return posterize(image, bits, **options) if bits > 0 else Image.new(image.mode, image.size)

    for step in transform.transforms:
        for operation in step.ops if isinstance(step, RandAugment) else ():
            if operation.name.startswith("Posterize"):
                operation.aug_fn = keep


@contextmanager
def seeded(seed: int, noise: bool = True) -> Iterator[None]:
    """Seed the global generators that timm and torchvision draw from, and put them back as they were.

    Without ``noise``, torch's is left alone.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002, timm draws from it
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if noise:
        torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        if noise:
            torch.set_rng_state(states[2])

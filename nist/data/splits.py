"""Decoded images made ready for a run: training and validation split on the device, normalised."""

from typing import NamedTuple

import numpy as np
import torch

from nist.data import normalisation
from nist.data.normalisation import Affine, Normalise
from nist.data.on_device import Split, resized
from nist.data.on_host import LoadedSplit
from nist.data.packed import Images
from nist.errors import InputError


class Prepared(NamedTuple):
    """What all runs of a configuration share."""

    training: Split | LoadedSplit
    validation: Split | LoadedSplit
    affine: Affine
    normalise: Normalise


def prepare(images: Images, settings: dict, device: torch.device, workers: int = 0) -> Prepared:
    """Images as a study's ``data`` wants them; the test images validate (U1).

    Memory-mapped images, and those of a recipe that changes them one by one, stay on the host and are read by
    ``workers`` processes. Raises ``InputError`` where images and settings do not fit.
    """
    recipe = is_recipe(settings["augmentation"])
    if recipe and images.train_images.shape[-1] != 3:
        raise InputError(f"data.augmentation: RandAugment is for colour images, not those of {settings['dataset']}")
    training, validation = (_resized(array, settings) for array in (images.train_images, images.test_images))
    affine = _affine(training, settings["normalisation"])
    return Prepared(
        _split(training, images.train_labels, device, workers, on_host=recipe),
        _split(validation, images.test_labels, device, workers),
        affine,
        Normalise(affine, device),
    )


def is_recipe(augmentation: dict | str) -> bool:
    """Whether a study's ``data.augmentation`` is that of ``nist.data.deit_augmentation``."""
    return "resized_crop" in augmentation


def _resized(array: np.ndarray, settings: dict) -> np.ndarray:
    if isinstance(array, np.memmap):  # decoded at that size
        return array
    return resized(array, settings["image_size"], settings["resize"])


def _affine(training: np.ndarray, name: str) -> Affine:
    if name == "mean_sd":
        return normalisation.of_images(training)
    affine = normalisation.PUBLISHED[name]
    if len(affine.order) != training.shape[-1]:
        raise InputError(f"data.normalisation: {name} is for {len(affine.order)} channels, not {training.shape[-1]}")
    return affine


def _split(images: np.ndarray, labels: np.ndarray, device: torch.device, workers: int, on_host: bool = False):
    if on_host or isinstance(images, np.memmap):
        return LoadedSplit(images, labels, device, workers)
    return Split(images, labels, device)

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

HELD_OUT = 10  # one image of so many of each class


class Prepared(NamedTuple):
    """What all runs of a configuration share; ``test`` where the validation images are not the test images."""

    training: Split | LoadedSplit
    validation: Split | LoadedSplit
    affine: Affine
    normalise: Normalise
    test: Split | None = None


def prepare(images: Images, settings: dict, device: torch.device, workers: int = 0) -> Prepared:
    """Images as a study's ``data`` wants them; the test images validate (U1), or a part of the training images.

    Memory-mapped images, and those of a recipe that changes them one by one, stay on the host and are read by
    ``workers`` processes. Raises ``InputError`` where images and settings do not fit.
    """
    recipe, test = is_recipe(settings["augmentation"]), None
    if recipe and images.train_images.shape[-1] != 3:
        raise InputError(f"data.augmentation: RandAugment is for colour images, not those of {settings['dataset']}")
    if settings["validation"] == "holdout":
        if recipe or isinstance(images.train_images, np.memmap):
            raise InputError("data.validation: holdout is for images that fit into memory, and for no recipe")
        test = Split(_resized(images.test_images, settings), images.test_labels, device)
        images = _without_held_out(images)
    training, validation = (_resized(array, settings) for array in (images.train_images, images.test_images))
    affine = _affine(training, settings["normalisation"])
    return Prepared(
        _split(training, images.train_labels, device, workers, on_host=recipe),
        _split(validation, images.test_labels, device, workers),
        affine,
        Normalise(affine, device),
        test,
    )


def _without_held_out(images: Images) -> Images:
    """Training images without those held out, which take the place of the test images."""
    held = held_out(images.train_labels)
    if not held.any():
        raise InputError(
            f"data.validation: holdout takes one image of {HELD_OUT} of each class, and no class has as many"
        )
    split = [array[part] for part in (~held, held) for array in (images.train_images, images.train_labels)]
    return Images(*split)


def held_out(labels: np.ndarray) -> np.ndarray:
    """Which training images validate: a tenth of each class, drawn once, the same for every run, so that runs pair."""
    rng, held = np.random.default_rng(0), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held[rng.choice(places, len(places) // HELD_OUT, replace=False)] = True
    return held


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

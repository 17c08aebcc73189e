"""Batches read on the host, beside those of ``Split``; and DeiT's recipe."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.auto_augment import RandAugment

from nist.data import splits
from nist.data.augmentation import Augmentation
from nist.data.deit_augmentation import Recipe, seeded
from nist.data.normalisation import PUBLISHED
from nist.data.on_device import Split
from nist.data.on_host import LoadedSplit
from nist.data.packed import Images
from nist.errors import InputError
from nist.studies import study
from nist.training import loop
from nist.training.seeds import generator

CPU = torch.device("cpu")
RECIPE = {
    "flip": True, "resized_crop": [0.3, 1], "interpolation": "bicubic", "randaugment": "rand-m9-mstd0.5-inc1",
    "erasing": 0.5, "mixup": 0.8, "cutmix": 1.0,
}  # fmt: skip


@pytest.fixture
def arrays(tmp_path):
    """Memory-mapped images, as a cache of class folders has them, and labels."""
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (22, 16, 16, 3))
    images[:] = np.random.default_rng(0).integers(0, 256, images.shape)
    return images, np.arange(22)


def recipe(seed=0, **changes):
    options = {"size": 16, "mean": (124.0, 116.0, 104.0), "n_classes": 22, "label_smoothing": 0.1, "device": CPU}
    return Recipe({**RECIPE, **changes}, generator(seed), **options)


def epoch(split, augmentation=None, drop_last=False):
    """All images and labels of an epoch."""
    parts = zip(*split.shuffled(4, drop_last, generator(5), augmentation), strict=True)
    return [torch.cat(part) for part in parts]


@pytest.mark.parametrize("augmentation", [None, {"flip": True, "crop_padding": 2}])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_are_those_of_images_on_the_device(arrays, augmentation, drop_last):
    makers = [Augmentation(augmentation, generator(1)) if augmentation else None for _ in range(2)]
    ours, theirs = (
        epoch(kind(*arrays, CPU), each, drop_last) for kind, each in zip((LoadedSplit, Split), makers, strict=True)
    )
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    for one, other in zip(LoadedSplit(*arrays, CPU).in_order(9), Split(*arrays, CPU).in_order(9), strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_what_a_recipe_does_depends_on_its_generator_alone(arrays):
    first, second, other = (
        epoch(LoadedSplit(*arrays, CPU, workers), recipe(seed)) for seed, workers in ((0, 0), (0, 2), (1, 0))
    )
    assert all(torch.equal(one, another) for one, another in zip(first, second, strict=True))
    assert torch.equal(first[1], other[1])  # the order of images is another stream
    assert not torch.equal(first[0], other[0])
    assert first[0].dtype == torch.uint8
    assert not torch.equal(first[0], epoch(LoadedSplit(*arrays, CPU))[0])


def test_global_generators_are_left_as_they_were(arrays):
    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before, made = state(), recipe(erasing=0)
    images, labels = epoch(LoadedSplit(*arrays, CPU), made)
    made.finish(images.float(), labels)
    assert state() == before
    with seeded(3):
        first = random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002
    with seeded(3):
        assert first == (random.random(), float(np.random.rand()), float(torch.rand(())))  # noqa: NPY002
    assert state() == before


def test_mixing_turns_labels_into_shares_of_classes():
    images, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 3])
    mixed, shares = recipe(erasing=0).finish(images.clone(), labels)
    assert shares.shape == (4, 22)
    torch.testing.assert_close(shares.sum(1), torch.ones(4))
    assert shares.min() == pytest.approx(0.1 / 22)
    # A batch is mixed with itself backwards, so each image's share is what its partner lacks.
    share = shares[0, 0] - 0.1 / 22
    assert shares[0, 3] == pytest.approx(0.9 + 0.2 / 22 - 0.1 / 22 - float(share), abs=1e-6)
    assert not torch.equal(mixed, images)


def test_without_mixing_labels_stay():
    images, labels = torch.zeros(2, 3, 16, 16), torch.tensor([4, 9])
    found, same = recipe(mixup=0, cutmix=0, erasing=1).finish(images.clone(), labels)
    assert torch.equal(same, labels)
    assert (found != 0).any((1, 2, 3)).all()  # a rectangle of noise in each


def test_every_magnitude_of_every_operation_works(arrays):
    made = recipe(randaugment="rand-m10-n15-mstd5-inc1")
    image = Image.fromarray(np.array(arrays[0][0]))
    for seed in range(40):
        with seeded(seed):
            assert made.transform(image).shape == (3, 16, 16)


def test_settings_that_do_not_fit_the_images_are_named():
    gray = Images(*(np.zeros((4, 16, 16, 1), np.uint8), np.zeros(4, int)) * 2)
    settings = {"dataset": "digits", "image_size": 16, "resize": "none", "validation": "test"}
    with pytest.raises(InputError, match="RandAugment is for colour images, not those of digits"):
        splits.prepare(gray, {**settings, "normalisation": "mean_sd", "augmentation": RECIPE}, CPU)
    with pytest.raises(InputError, match="normalisation: caffe is for 3 channels, not 1"):
        splits.prepare(gray, {**settings, "augmentation": "none", "normalisation": "caffe"}, CPU)


def test_a_recipe_fills_with_the_mean_of_the_pixels_whatever_order_they_are_normalised_in():
    configuration = study.load("deit-small-imagenet100").configuration("dense")
    run = SimpleNamespace(
        configuration=configuration,
        prepared=SimpleNamespace(affine=PUBLISHED["caffe"]),
        training=SimpleNamespace(image_shape=(3, 32, 32)),
        device=CPU,
    )
    made = loop.Run._augmentation(run, generator(0))
    (changes,) = (step for step in made.transform.transforms if isinstance(step, RandAugment))
    assert changes.ops[0].hparams["img_mean"] == (124, 117, 104)  # red, green, blue

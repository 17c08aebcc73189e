import numpy as np
import pytest
import torch

from nist.data.on_device import Split, resized
from nist.errors import InputError
from nist.training.seeds import generator

CPU = torch.device("cpu")


@pytest.fixture
def split():
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), dtype=np.uint8)
    return Split(images, np.arange(10), CPU)


def test_an_epoch_shows_every_image_once_with_its_label(split):
    batches = list(split.shuffled(4, drop_last=False, order=generator(0)))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    labels = torch.cat([labels for _, labels in batches])
    assert sorted(labels.tolist()) == list(range(10))
    assert torch.equal(torch.cat([images for images, _ in batches]), split.images[labels])


def test_the_order_follows_the_generator(split):
    order = generator(3)
    first, second = ([b.tolist() for _, b in split.shuffled(4, False, order)] for _ in range(2))
    assert first != second
    assert [b.tolist() for _, b in split.shuffled(4, False, generator(3))] == first


def test_an_incomplete_batch_can_be_dropped(split):
    assert [len(labels) for _, labels in split.shuffled(4, drop_last=True, order=generator(0))] == [4, 4]


def test_evaluation_keeps_the_order(split):
    assert torch.cat([labels for _, labels in split.in_order(3)]).tolist() == list(range(10))


def test_padding_puts_a_black_border_around(split):
    images = np.full((2, 28, 28, 1), 7, dtype=np.uint8)
    padded = resized(images, 32, "pad")
    assert padded.shape == (2, 32, 32, 1)
    assert (padded[:, 2:-2, 2:-2] == 7).all()
    assert padded.sum() == images.sum()


def test_interpolation_keeps_flat_images_flat():
    images = np.full((2, 8, 8, 3), 100, dtype=np.uint8)
    enlarged = resized(images, 32, "bilinear")
    assert enlarged.shape == (2, 32, 32, 3)
    assert (enlarged == 100).all()


@pytest.mark.parametrize("how", ["none", "pad"])
def test_a_method_that_does_not_reach_the_size_is_refused(how):
    with pytest.raises(InputError, match=f"data.resize: '{how}' cannot turn images of 8 pixels into data.image_size 4"):
        resized(np.zeros((1, 8, 8, 1), dtype=np.uint8), 4, how)

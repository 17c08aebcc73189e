import numpy as np
import pytest
import torch

from nist.data.augmentation import Augmentation
from nist.training.seeds import generator


def augmentation(flip=True, crop_padding=4, seed=0):
    return Augmentation({"flip": flip, "crop_padding": crop_padding}, generator(seed))


def one_by_one(images, draws, padding):
    """Each image on its own: padded, mirrored or not as it will be seen, and cut out."""
    results = []
    for image, (flip, top, left) in zip(images.numpy(), draws.tolist(), strict=True):
        height, width = image.shape[1:]
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        crop = padded[:, top : top + height, left : left + width]
        results.append(crop[:, :, ::-1] if flip else crop)
    return np.stack(results)


def test_every_image_is_cropped_and_mirrored_as_drawn():
    images = torch.randint(256, (40, 3, 8, 6), dtype=torch.uint8)
    change = augmentation()
    draws = change.draw(40)
    changed = change.apply(images, draws)
    assert changed.dtype == torch.uint8
    np.testing.assert_array_equal(changed.numpy(), one_by_one(images, draws, 4))


def test_draws_cover_their_ranges_and_nothing_else():
    draws = augmentation(crop_padding=2).draw(2000)
    assert [sorted(set(column.tolist())) for column in draws.T] == [[0, 1], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    assert abs(draws[:, 0].double().mean() - 0.5) < 0.05


def test_what_is_switched_off_does_not_happen():
    images = torch.randint(256, (200, 1, 5, 5), dtype=torch.uint8)
    nothing = augmentation(False, 0)
    assert torch.equal(nothing.apply(images, nothing.draw(200)), images)
    assert not augmentation(False, 4).draw(200)[:, 0].any()


def test_the_same_seed_draws_the_same():
    assert torch.equal(augmentation(seed=3).draw(50), augmentation(seed=3).draw(50))
    assert not torch.equal(augmentation(seed=3).draw(50), augmentation(seed=4).draw(50))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_every_device_sees_the_same_images():
    images = torch.randint(256, (40, 3, 8, 8), dtype=torch.uint8)
    change = augmentation()
    draws = change.draw(40)
    assert torch.equal(change.apply(images.cuda(), draws.cuda()).cpu(), change.apply(images, draws))

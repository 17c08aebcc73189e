import numpy as np
import pytest
import torch
from torch import nn

from nist.data import normalisation
from nist.data.normalisation import PUBLISHED, Normalise, converted

CPU = torch.device("cpu")


def test_moments_are_those_of_the_pixels():
    images = np.random.default_rng(0).integers(0, 256, (5, 7, 7, 3), dtype=np.uint8)
    affine = normalisation.of_images(images)
    np.testing.assert_allclose(affine.mean, images.mean((0, 1, 2)))
    np.testing.assert_allclose(affine.sd, images.std((0, 1, 2)))
    normalised = Normalise(affine, CPU)(torch.from_numpy(images).permute(0, 3, 1, 2))
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def test_caffe_is_bgr_less_the_mean():
    pixel = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    found = Normalise(PUBLISHED["caffe"], CPU)(pixel).flatten().tolist()
    assert found == pytest.approx([30 - 103.939, 20 - 116.779, 10 - 123.68])


def test_imagenet_is_what_torchvision_does():
    from torchvision.transforms import v2

    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 4, 4), dtype=np.uint8))
    theirs = v2.functional.normalize(image / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(Normalise(PUBLISHED["imagenet"], CPU)(image), theirs)


@pytest.mark.parametrize(("trained", "used"), [("imagenet", "caffe"), ("caffe", "imagenet"), ("caffe", "caffe")])
def test_a_converted_convolution_computes_the_same(trained, used):
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 8, 3, dtype=torch.float64)
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 9, 9), dtype=np.uint8))
    weight, bias = converted(
        convolution.weight.detach(), convolution.bias.detach(), PUBLISHED[trained], PUBLISHED[used]
    )
    expected = convolution(Normalise(PUBLISHED[trained], CPU).double()(images))
    found = nn.functional.conv2d(Normalise(PUBLISHED[used], CPU).double()(images), weight, bias)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)  # normalised in float32

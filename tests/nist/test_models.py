import pytest
import torch
from torch import nn

from nist import NISTLinear, models, study
from nist.errors import InputError
from nist.loop import sparsified_weights
from nist.seeds import streams


def model_of(name, variant):
    return study.load(name).configuration(variant)["model"]


def build(name, variant, shape, seed=0):
    torch.manual_seed(streams(seed).initialisation)
    return models.build(model_of(name, variant), shape)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("name", "channels", "total"), [("lenet5-cifar10", 3, 62_006), ("lenet5-fmnist", 1, 61_706)])
def test_lenet5_has_the_papers_parameters(name, channels, total):
    # Audit N1: 62,006 on CIFAR-10 and 61,706 on Fashion-MNIST, 11,014 of them in the head (section A.4.1).
    network = build(name, "dense", (channels, 32, 32))
    assert parameters(network) == total
    assert parameters(network.head) == 11_014


def test_lenet5_takes_only_32_pixels():
    with pytest.raises(InputError, match="lenet5 refuses .* takes images of 32×32 pixels, not 28×28"):
        models.build(model_of("lenet5-fmnist", "dense"), (1, 28, 28))


@pytest.mark.parametrize(("variant", "weights"), [("dense-1", 10_240), ("sparse-1", 5_120), ("sparse-3", 9_048)])
def test_mobilenetv1_has_the_published_parameters_and_heads(variant, weights):
    network = build("mobilenetv1-cifar10", variant, (3, 32, 32))
    # Howard et al.'s network has 4,231,976 trainable parameters, 1,025,000 of them in its head of 1,000 classes.
    assert parameters(network.backbone) == 4_231_976 - 1_025_000
    assert sparsified_weights(network.sparsified)[0] == weights


@pytest.mark.parametrize(
    ("variant", "weights"),
    [("dense", 33_595_392), ("nist-1-4096-10-p98", 16_822_272), ("nist-1-2-10-p99.99", 53_248)],
)
def test_alexnet_has_the_papers_parameters_and_heads(variant, weights):
    network = build("alexnet-cifar10", variant, (3, 32, 32))
    # Audit B3: the published total counts the convolutions' biases and not the head's.
    assert parameters(network.backbone) == 2_251_584
    assert parameters(network.backbone) + sparsified_weights(network.sparsified)[1] == 35_846_976
    assert sparsified_weights(network.sparsified) == (weights, 33_595_392)


def test_alexnet_takes_only_32_pixels():
    with pytest.raises(InputError, match="alexnet refuses .* takes images of 32×32 pixels, not 28×28"):
        models.build(model_of("alexnet-cifar10", "dense"), (3, 28, 28))


@pytest.mark.parametrize(("dropout", "layers"), [(0, 5), (0.5, 7)])
def test_dropout_stands_before_every_layer_of_a_head_but_the_last(dropout, layers):
    model = model_of("lenet5-digits", "dense")
    head = models.head({"head": {**model["head"], "sizes": [84, 20, 10], "dropout": dropout}})
    assert len(head) == layers
    assert [isinstance(layer, nn.Dropout) for layer in head[-2:]] == [False, False]


def test_mobilenetv1_must_shrink_the_image_to_one_pixel():
    model = model_of("mobilenetv1-digits", "dense-1")
    with pytest.raises(InputError, match="the strides leave 2×2 pixels"):
        models.build(model, (1, 32, 32))


@pytest.mark.parametrize("name", ["lenet5-digits", "mobilenetv1-digits"])
def test_backbones_start_alike_in_every_variant(name):
    experiment = study.load(name)
    size = experiment.content["data"]["image_size"]
    first, *others = [build(name, variant, (1, size, size), seed=5) for variant in experiment.variants]
    for other in others:
        for ours, theirs in zip(first.backbone.parameters(), other.backbone.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_sparse_layers_start_as_their_dense_counterparts_masked():
    dense, sparse = (build("lenet5-digits", variant, (1, 32, 32)).head for variant in ("dense", "nist-1-10-p98"))
    assert torch.equal(sparse[0].weight, dense[0].weight * sparse[0].mask)
    assert isinstance(sparse[1], nn.Tanh)
    assert isinstance(sparse[0], NISTLinear)
    assert not isinstance(dense[0], NISTLinear)


def test_logits_have_one_column_a_class():
    assert build("lenet5-digits", "dense", (1, 32, 32))(torch.zeros(3, 1, 32, 32)).shape == (3, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"name": "lenet6"},
            "model.name: unknown model 'lenet6'; there are alexnet, deit_small, lenet5, mobilenetv1, vgg16",
        ),
        ({"options": {"activation": "gelu"}}, "model.options: lenet5 refuses"),
        ({"options": {"depth": 3}}, "model.options: lenet5 refuses .* unexpected keyword argument 'depth'"),
    ],
)
def test_a_model_that_does_not_fit_is_named(change, message):
    with pytest.raises(InputError, match=message):
        models.build({**model_of("lenet5-digits", "dense"), **change}, (1, 32, 32))


def test_a_head_that_does_not_fit_the_backbone_is_named():
    model = model_of("lenet5-digits", "dense")
    with pytest.raises(InputError, match="model.head.n_in: is 84, but lenet5 hands over 120 features"):
        models.build({**model, "head": {**model["head"], "n_in": 84}}, (1, 32, 32))

import pytest
import torch
import torchvision
from timm.optim import param_groups_weight_decay
from torch import nn

from nist import NISTLinear
from nist.errors import InputError
from nist.models import alexnet, vgg16
from nist.models import build as builder
from nist.sparse import layers as layout
from nist.studies import study
from nist.training import optimizers, session
from nist.training.loop import sparsified_weights
from nist.training.seeds import streams


def model_of(name, variant):
    return study.load(name).configuration(variant)["model"]


def build(name, variant, shape, seed=0):
    torch.manual_seed(streams(seed).initialisation)
    return builder.build(model_of(name, variant), shape)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("name", "channels", "total"), [("lenet5-cifar10", 3, 62_006), ("lenet5-fmnist", 1, 61_706)])
def test_lenet5_has_the_papers_parameters(name, channels, total):
    # Audit N1: 62,006 on CIFAR-10 and 61,706 on Fashion-MNIST, 11,014 of them in the head (section A.4.1).
    network = build(name, "dense", (channels, 32, 32))
    assert parameters(network) == total
    assert parameters(network.head) == 11_014


@pytest.mark.parametrize(("name", "channels"), [("lenet5-fmnist", 1), ("alexnet-cifar10", 3)])
def test_lenet5_and_alexnet_take_only_32_pixels(name, channels):
    with pytest.raises(InputError, match="refuses .* takes images of 32×32 pixels, not 28×28"):
        builder.build(model_of(name, "dense"), (channels, 28, 28))


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


def test_average_pooling_leaves_alexnet_the_mean_of_each_map():
    flat, averaged = ({"pooling": pooling} for pooling in ("none", "average"))
    networks = []
    for options in ({}, flat, averaged):
        torch.manual_seed(0)
        networks.append(alexnet.backbone((3, 32, 32), **options))
    images = torch.randn(2, 3, 32, 32)
    (plain, features), (same, _), (pooled, maps) = networks
    assert (features, maps) == (4096, 256)
    assert torch.equal(plain(images), same(images))
    torch.testing.assert_close(pooled(images), plain(images).view(2, 256, 16).mean(2))
    assert parameters(pooled) == parameters(plain) == 2_251_584


def test_alexnet_knows_two_poolings():
    model = {**model_of("alexnet-cifar10", "dense"), "options": {"pooling": "maximum"}}
    with pytest.raises(InputError, match="alexnet refuses .* unknown pooling 'maximum'; there are none, average"):
        builder.build(model, (3, 32, 32))


@pytest.mark.parametrize(("dropout", "layers"), [(0, 5), (0.5, 7)])
def test_dropout_stands_before_every_layer_of_a_head_but_the_last(dropout, layers):
    model = model_of("lenet5-digits", "dense")
    head = builder.head({"head": {**model["head"], "sizes": [84, 20, 10], "dropout": dropout}})
    assert len(head) == layers
    assert [isinstance(layer, nn.Dropout) for layer in head[-2:]] == [False, False]


def test_mobilenetv1_must_shrink_the_image_to_one_pixel():
    model = model_of("mobilenetv1-digits", "dense-1")
    with pytest.raises(InputError, match="the strides leave 2×2 pixels"):
        builder.build(model, (1, 32, 32))


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"name": "lenet6"},
            "model.name: unknown model 'lenet6'; there are alexnet, deit_small, lenet5, mlp, mobilenetv1",
        ),
        ({"options": {"activation": "gelu"}}, "model.options: lenet5 refuses"),
        ({"options": {"depth": 3}}, "model.options: lenet5 refuses .* unexpected keyword argument 'depth'"),
    ],
)
def test_a_model_that_does_not_fit_is_named(change, message):
    with pytest.raises(InputError, match=message):
        builder.build({**model_of("lenet5-digits", "dense"), **change}, (1, 32, 32))


def test_a_head_that_does_not_fit_the_backbone_is_named():
    model = model_of("lenet5-digits", "dense")
    with pytest.raises(InputError, match="model.head.n_in: is 84, but lenet5 hands over 120 features"):
        builder.build({**model, "head": {**model["head"], "n_in": 84}}, (1, 32, 32))


def test_vgg16_has_torchvisions_convolutions_and_freezes_four_blocks():
    model = model_of("vgg16-imagenet100", "nist-1-2-100")
    network = builder.build(model, (3, 224, 224))
    assert parameters(network.backbone) == 14_714_688  # audit C10
    assert parameters(network.backbone) + layout.dense_weights(model) == 134_661_952  # and 8,292 biases: 134,670,244
    trained = sum(p.numel() for p in network.backbone.parameters() if p.requires_grad)
    assert trained == 7_079_424  # audit C12: block 5
    theirs = torchvision.models.vgg16(weights=None).features
    assert [*network.backbone.features.state_dict()] == [*theirs.state_dict()]
    assert sparsified_weights(network.sparsified) == (442_880, 119_947_264)  # audit C2


def test_vgg16_counts_features_channels_last():
    backbone, features = vgg16.backbone((3, 64, 96), frozen_blocks=0)
    images = torch.randn(1, 3, 64, 96)
    maps = backbone.features(images)
    assert features == 2 * 3 * 512
    assert torch.equal(backbone(images)[0, :512], maps[0, :, 0, 0])
    assert torch.equal(backbone(images)[0, 512:1024], maps[0, :, 0, 1])


@pytest.mark.parametrize("layer", [0, 2, 26])
def test_frozen_blocks_start_and_stay_as_they_are(layer):
    torch.manual_seed(0)
    model = {**model_of("vgg16-imagenet100", "nist-1-2-100")}
    model["head"] = {**model["head"], "n_in": 512, "sizes": [8, 10], "factors": [1, 10]}
    network = builder.build(model, (3, 32, 32)).train()
    settings = study.load("vgg16-imagenet100").content["training"]["optimizers"][0]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = optimizers.create(settings, network)
    network(torch.randn(2, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    name = f"backbone.features.{layer}.weight"
    assert torch.equal(network.state_dict()[name], before[name]) == (layer < 24)
    # He et al. 2015, Eq. 10 with the fan-out, as torchvision draws them.
    n_out = before[name].shape[0]
    assert before[name].std().item() == pytest.approx((2 / (9 * n_out)) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [
        ((1, 224, 224), 4, "at least 32×32 pixels, not 1 channels of 224×224"),
        ((3, 16, 224), 4, "not 3 channels of 16×224"),
        ((3, 32, 32), 6, "frozen_blocks is 6; there are 5 blocks"),
    ],
)
def test_vgg16_refuses_what_it_cannot_do(shape, blocks, message):
    with pytest.raises(ValueError, match=message):
        vgg16.backbone(shape, frozen_blocks=blocks)


DEIT = {"dense": (21_233_664, 21_704_164), "nist-p50": (10_616_832, 11_087_332)}  # audit E3


@pytest.mark.parametrize("variant", DEIT)
def test_deit_small_has_the_papers_counts(variant):
    network = builder.build(model_of("deit-small-imagenet100", variant), (3, 224, 224))
    active, dense = sparsified_weights(network.sparsified)
    assert (active, dense) == (DEIT[variant][0], 21_233_664)
    other = session.parameter_counts(network)["other"]
    assert (other, other + active) == (470_500, DEIT[variant][1])


def test_deit_small_starts_from_the_same_values_dense_and_masked():
    states = []
    for variant in DEIT:
        torch.manual_seed(0)
        model = model_of("deit-small-imagenet100", variant)
        model["options"] = {**model["options"], "drop_path": 0.0}
        states.append(builder.build(model, (3, 32, 32)))
    dense, sparse = states
    for name, layer in sparse.named_modules():
        if isinstance(layer, NISTLinear):
            inputs, outputs = layer.connections()
            assert torch.equal(layer.dense_weight()[outputs, inputs], dense.get_submodule(name).weight[outputs, inputs])
    torch.testing.assert_close(sparse.model.pos_embed, dense.model.pos_embed)


def test_deit_small_decays_what_timm_decays():
    torch.manual_seed(0)
    network = builder.build(model_of("deit-small-imagenet100", "dense"), (3, 32, 32))
    settings = study.load("deit-small-imagenet100").content["training"]["optimizers"][0]
    ours = optimizers.create(settings, network).param_groups
    theirs = param_groups_weight_decay(network.model, 0.05, no_weight_decay_list=network.model.no_weight_decay())
    decays = [{id(p): group["weight_decay"] for group in groups for p in group["params"]} for groups in (ours, theirs)]
    assert decays[0] == decays[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": {"count": 11}}, "blocks.11.attn.proj is 384 → 384 in deit_small and is none in the study"),
        (
            {"blocks": {"layers": {"attn.qkv": [384, 384]}}},
            "blocks.0.attn.proj is 384 → 384 .* and is none in the study",
        ),
        ({"options": {"patch_size": 15}}, "takes square images of whole patches of 15 pixels, not 32×32"),
        ({"options": {"patch_size": 0}}, "deit_small refuses .*zero"),
        ({"options": {"depth": 3}}, "deit_small refuses .*depth"),
        ({"name": "lenet5"}, "lenet5 has no network; a study of it gives head"),
    ],
)
def test_blocks_that_do_not_fit_are_named(change, message):
    model = model_of("deit-small-imagenet100", "nist-p50")
    for key, value in change.items():
        model[key] = {**model[key], **value} if isinstance(value, dict) else value
    with pytest.raises(InputError, match=message):
        builder.build(model, (3, 32, 32))


OWN = """
from torch import nn

def mistaken(image_shape, *, width):
    return nn.Linear(64, len(width)), width

def two_layers(image_shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64))

def whole(image_shape):
    return nn.Flatten(), 64
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Build a model of one's own, whose function is one of those above."""

    def build(function, part, options):
        package = tmp_path / f"own_{function}_{part}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "small.py").write_text(f"{OWN}\n{part} = {function}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        model = {"name": f"{package.name}.small", "options": options, "head" if part == "backbone" else "blocks": {}}
        return builder.build(model, (1, 8, 8))

    return build


def test_a_mistake_in_a_model_of_ones_own_is_shown_as_it_is(own):
    with pytest.raises(TypeError, match="has no len") as error:
        own("mistaken", "backbone", {"width": 3})
    assert error.traceback[-1].name == "mistaken"


@pytest.mark.parametrize(
    ("function", "part", "options", "message"),
    [
        ("mistaken", "backbone", {"depth": 3}, r"model.options: .*small refuses .* unexpected .*'depth'"),
        ("mistaken", "backbone", {}, r"model.options: .*small refuses .* missing .*'width'"),
        ("two_layers", "backbone", {}, "backbone of .*small returns Sequential, and should return a network and the"),
        ("whole", "network", {}, "network of .*small returns Flatten, int, and should return a network$"),
    ],
)
def test_a_model_of_ones_own_that_does_not_fit_is_named(own, function, part, options, message):
    with pytest.raises(InputError, match=message):
        own(function, part, options)

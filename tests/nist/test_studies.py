"""Every study of the paper that there is, trained for two epochs on a little of its real data; and one step by hand."""

import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from nist import data, layout, models, optimizers, record, study, train
from nist.mask import kept_weights, neuroseed_mask

PAPER = ["lenet5-fmnist", "lenet5-cifar10", "mobilenetv1-cifar10", "alexnet-cifar10"]
EVERY = [*PAPER, "lenet5-digits", "mobilenetv1-digits"]
# Layers of a network that has seen a few pictures have different scales; a prune may take all of one.
pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")


@pytest.fixture(scope="module")
def decoded(data_root, tmp_path_factory):
    """A function that loads a real data set, decoded once, and takes a little of it."""
    cache = tmp_path_factory.mktemp("images")

    def take(name):
        images = data.load(name, data_root, cache)
        return data.Images(*(array[:n] for array, n in zip(images, (192, 192, 100, 100), strict=True)))

    return take


@pytest.mark.xdist_group("real data")
@pytest.mark.parametrize("name", PAPER)
def test_every_variant_is_trained_end_to_end(decoded, name, load_study, tmp_path):
    content = study.load(name).content
    content["training"]["epochs"] = 2
    content["data"]["augmentation"] = {"flip": True, "crop_padding": 4} if "cifar" in name else "none"
    for variant in content["variants"].values():
        if variant["prune"]:
            variant["prune"]["epoch"] = 1
    experiment, images = load_study(content), decoded(content["data"]["dataset"])
    for variant, entry in experiment.variants.items():
        rows, description = train.train_block(experiment, variant, range(1), images, torch.device("cpu"))
        record.write(tmp_path / f"{variant}.parquet", rows, description)
        model = experiment.configuration(variant)["model"]
        final = layout.initial_weights(model)
        if entry["prune"]:
            final = kept_weights(layout.dense_weights(model), entry["prune"]["sparsity"])
        assert [row["active_weights"] for row in rows] == [layout.initial_weights(model), final]
        assert rows[0]["train_loss"] > 0


def head_by_hand(parameters, head, activation, features):
    """The classifier head from its shapes alone: a mask, a product, an activation."""
    shapes = layout.bands({"head": head})
    for position, band in enumerate(shapes):
        weight = parameters[f"head.{2 * position}.weight"]
        mask = torch.from_numpy(neuroseed_mask(band.n_in, band.n_out, band.k).T)
        features = F.linear(features, weight * mask, parameters[f"head.{2 * position}.bias"])
        features = activation(features) if position < len(shapes) - 1 else features
    return features


@pytest.mark.parametrize(
    ("name", "variant"),
    [(name, variant) for name in EVERY for variant in study.load(name).variants if "4096" not in variant],
)
def test_one_step_is_that_of_adam_by_hand(name, variant):
    # Kingma & Ba 2015, Algorithm 1, after one step: the averages' corrections leave g and |g|.
    configuration = study.load(name).configuration(variant)
    model, size = configuration["model"], configuration["data"]["image_size"]
    channels = 3 if "cifar" in name else 1
    torch.manual_seed(0)
    model["head"]["form"] = "masked"
    network = models.build(model, (channels, size, size)).double().train()
    images, labels = torch.randn(4, channels, size, size, dtype=torch.float64), torch.tensor([3, 1, 4, 1])
    parameters = {name: value.detach().clone().requires_grad_() for name, value in network.named_parameters()}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    backbone = {key.removeprefix("backbone."): value for key, value in (parameters | buffers).items()}
    features = functional_call(network.backbone, {k: v for k, v in backbone.items() if "head." not in k}, (images,))
    activation = {"tanh": torch.tanh, "relu": torch.relu}[model["head"]["activation"]]
    loss = F.cross_entropy(head_by_hand(parameters, model["head"], activation, features), labels)
    expected = torch.autograd.grad(loss, parameters.values())
    settings = configuration["training"]["optimizers"][0]
    optimizer = optimizers.create(settings, network)
    F.cross_entropy(network(images), labels).backward()
    optimizer.step()
    for (key, before), gradient in zip(parameters.items(), expected, strict=True):
        after = before - settings["learning_rate"] * gradient / (gradient.abs() + settings["epsilon"])
        found = network.get_parameter(key)
        np.testing.assert_allclose(found.detach().numpy(), after.detach().numpy(), rtol=1e-7, atol=1e-9, err_msg=key)

"""Every study of the paper and what stands beside it, for two epochs on a little real data; and one step by hand."""

import hashlib
from copy import deepcopy

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch.func import functional_call
from torch.nn import functional as F

from nist import data, digest, layout, loop, models, optimizers, record, study, train
from nist.errors import StoppedError
from nist.mask import kept_weights, neuroseed_mask
from nist.models import vgg16

PACKED = ["lenet5-fmnist", "lenet5-cifar10", "mobilenetv1-cifar10", "alexnet-cifar10"]
BESIDE = ["alexnet-cifar10-pilot", "alexnet-cifar10-controls", "vgg16-cifar10", "deit-small-cifar10"]
FOLDERS = ["vgg16-imagenet100", "vgg16-imagenet100-low", "deit-small-imagenet100"]
HEADS = [*PACKED, "vgg16-imagenet100", "lenet5-digits", "mobilenetv1-digits"]
# Layers of a network that has seen a few pictures have different scales; a prune may take all of one.
pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")


@pytest.fixture(scope="module")
def decoded(data_root, image_cache):
    """A function that loads a real data set, decoded once, and takes a little of it."""

    def take(name):
        images = data.load(name, data_root, image_cache)
        return data.Images(*(array[:n] for array, n in zip(images, (192, 192, 100, 100), strict=True)))

    return take


def two_epochs(name):
    """A study of the paper, pruned after the first of two epochs."""
    content = study.load(name).content
    content["training"]["epochs"] = 2
    for variant in content["variants"].values():
        if variant["prune"]:
            variant["prune"]["epoch"] = 1
    return content


def unlike(experiment):
    """The variants that a study trains; of those that differ in sparsity alone the last one, which is the sparsest."""
    last = {}
    for variant in experiment.trained:
        configuration = deepcopy(experiment.configuration(variant))
        (configuration["prune"] or {}).pop("sparsity", None)
        last[digest.of_configuration(configuration)] = variant
    return list(last.values())


@pytest.mark.xdist_group("real data")
@pytest.mark.parametrize("name", PACKED)
def test_the_papers_studies_are_trained_end_to_end(decoded, name, load_study):
    content = two_epochs(name)
    content["data"]["augmentation"] = {"flip": True, "crop_padding": 4} if "cifar" in name else "none"
    experiment, images = load_study(content), decoded(content["data"]["dataset"])
    for variant in unlike(experiment):
        assert_trained(experiment, variant, images)


def assert_trained(experiment, variant, images):
    """Train one seed for two epochs, and check that it has the weights of its masks and then of its prune."""
    rows, _ = train.train_block(experiment, variant, range(1), images, torch.device("cpu"))
    configuration = experiment.configuration(variant)
    model, prune = configuration["model"], configuration["prune"]
    initial = final = layout.initial_weights(model)
    if prune:
        final = kept_weights(layout.dense_weights(model), prune["sparsity"])
    assert [row["active_weights"] for row in rows] == [initial, final]
    assert rows[0]["train_loss"] > 0


@pytest.mark.slow
@pytest.mark.xdist_group("real data")
@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_papers_studies_is_trained_end_to_end(decoded, name, load_study):
    trained, content = unlike(study.load(name)), two_epochs(name)
    content["training"].update(batch_size=4, precision="float32")  # of 8 images; bfloat16 is emulated on many CPUs
    for variant in content["variants"].values():
        variant.pop("runs_of", None)  # whose study has its own test
    experiment, images = load_study(content), data.Images(*(array[:8] for array in decoded("cifar10")))
    for variant in trained:
        assert_trained(experiment, variant, images)


@pytest.fixture(scope="module")
def class_folders(tmp_path_factory):
    """A data root with a hundred class folders of two training images and a validation one, and VGG16's weights."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in (f"n{label:08}" for label in range(100)):
        for split, index in (("train.X1", 0), ("train.X2", 1), ("val.X", 0)):
            path = root / "imagenet100" / split / name / f"{name}_{index}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    torch.manual_seed(0)
    (root / "weights").mkdir()
    torch.save(vgg16.backbone((3, 32, 32), frozen_blocks=0)[0].state_dict(), root / "weights/vgg.pth")
    return root


@pytest.fixture
def command(class_folders, load_study, tmp_path):
    """Train a variant of a study of ImageNet-100 on the generated images, at 32 pixels, and return its metrics."""

    def load(name, epochs=2):
        content = two_epochs(name)
        content["training"]["epochs"] = epochs
        content["training"]["precision"] = "float32"  # bfloat16 is emulated on many CPUs
        content["data"]["image_size"] = 32
        if "head" in content["model"]:
            sha256 = hashlib.sha256((class_folders / "weights/vgg.pth").read_bytes()).hexdigest()
            content["model"]["weights"] = {"file": "vgg.pth", "sha256": sha256, "trained_on": "imagenet"}
            content["model"]["head"]["n_in"] = 512
        return load_study(content)

    def run(experiment, variant, *options):
        out = tmp_path / f"{variant}.parquet"
        out.unlink(missing_ok=True)  # what is complete would not be trained again
        places = ["--data-root", class_folders, "--cache", class_folders / "cache", "--checkpoints", tmp_path / "kept"]
        words = ["--study", experiment.path, "--variant", variant, "--seeds", "0-0", "--out", out, *places, *options]
        train.main([str(word) for word in words])
        return record.read(out)

    run.load = load
    return run


@pytest.mark.slow
@pytest.mark.xdist_group("class folders")
@pytest.mark.parametrize("name", FOLDERS)
def test_class_folders_are_trained_on_end_to_end(command, name):
    experiment = command.load(name)
    for variant in unlike(experiment):
        entry = experiment.variants[variant]
        table, description = command(experiment, variant, "--workers", 1)
        model = experiment.configuration(variant)["model"]
        final = layout.initial_weights(model)
        if entry["prune"]:
            final = kept_weights(layout.dense_weights(model), entry["prune"]["sparsity"])
        assert table["active_weights"].to_pylist() == [layout.initial_weights(model), final]
        assert description["classes"] == [f"n{label:08}" for label in range(100)]
        assert (description["training_images"], description["validation_images"]) == (200, 100)
        frozen = 7_635_264 if "head" in model else 0  # audit C12: 14,714,688 - 7,079,424
        assert description["parameters"]["frozen"] == frozen


@pytest.mark.slow
@pytest.mark.xdist_group("class folders")
@pytest.mark.parametrize(
    ("name", "variant"), [("vgg16-imagenet100", "nist-1-2-100-p99.9"), ("deit-small-imagenet100", "nist-p60")]
)
def test_a_stopped_run_on_class_folders_goes_on_to_the_same_bits(command, name, variant, monkeypatch):
    experiment, measured = command.load(name, epochs=3), loop.Run.measured_epoch
    whole, _ = command(experiment, variant)
    for stopped_after in (1, 2):  # before the prune and after it

        def stop(run, stopped_after=stopped_after):
            if run.epoch > stopped_after:
                raise KeyboardInterrupt
            return measured(run)

        with monkeypatch.context() as patch:
            patch.setattr(loop.Run, "measured_epoch", stop)
            with pytest.raises(StoppedError, match="stopped at once; resumable"):
                command(experiment, variant, "--minutes", 0)
    again, description = command(experiment, variant)
    assert again.drop(["seconds"]).equals(whole.drop(["seconds"]))
    assert len(description["sessions"]) == 3


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
    [(name, variant) for name in HEADS for variant in study.load(name).variants if "4096" not in variant],
)
def test_one_step_is_that_of_adam_by_hand(name, variant):
    # Kingma & Ba 2015, Algorithm 1, after one step: the averages' corrections leave g and |g|.
    configuration = study.load(name).configuration(variant)
    model, size = configuration["model"], configuration["data"]["image_size"]
    channels = 1 if "fmnist" in name or "digits" in name else 3
    torch.manual_seed(0)
    model["head"] = {**model["head"], "form": "masked"}
    if "vgg16" in name:  # a map of one pixel in place of 7×7
        model["head"]["n_in"], size = 512, 32
    network = models.build(model, (channels, size, size)).double().train()
    images, labels = torch.randn(4, channels, size, size, dtype=torch.float64), torch.tensor([3, 1, 4, 1])
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    parameters = {name: value.detach().clone().requires_grad_() for name, value in trained.items()}
    frozen = {name: value.detach().clone() for name, value in network.named_parameters() if name not in trained}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    backbone = {key.removeprefix("backbone."): value for key, value in (parameters | frozen | buffers).items()}
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
    assert all(torch.equal(network.get_parameter(key), value) for key, value in frozen.items())


@pytest.mark.parametrize("variant", ["dense", "nist-p50"])
def test_one_step_of_deit_is_that_of_adamw_by_hand(variant):
    # Loshchilov & Hutter 2019, Algorithm 2, after one step; attention and the rest of the network are timm's.
    configuration = study.load("deit-small-imagenet100").configuration(variant)
    model, settings = configuration["model"], configuration["training"]["optimizers"][0]
    model["options"] = {**model["options"], "drop_path": 0.0}
    torch.manual_seed(0)
    network = models.build(model, (3, 32, 32)).double().train()
    plain = timm.create_model("deit_small_patch16_224", num_classes=100, img_size=32).double().train()
    images, labels = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.tensor([3, 1, 4, 99])
    leaves = {name: network.get_parameter(f"model.{name}").detach().clone() for name, _ in plain.named_parameters()}
    parameters = {name: value.requires_grad_() for name, value in leaves.items()}
    masked = dict(parameters)
    if variant != "dense":
        for name, weight in parameters.items():
            if name.startswith("blocks.") and weight.dim() == 2:
                n_out, n_in = weight.shape
                masked[name] = weight * torch.from_numpy(neuroseed_mask(n_in, n_out, n_out // 2).T)
    loss = F.cross_entropy(functional_call(plain, masked, (images,)), labels)
    expected = dict(zip(parameters, torch.autograd.grad(loss, parameters.values()), strict=True))
    optimizer = optimizers.create(settings, network)
    F.cross_entropy(network(images), labels).backward()
    optimizer.step()
    for name, before in parameters.items():
        gradient, rate = expected[name], settings["learning_rate"]
        decayed = before.dim() > 1 and name not in ("cls_token", "pos_embed")
        kept = before * (1 - rate * settings["weight_decay"]) if decayed else before
        after = kept - rate * gradient / (gradient.abs() + settings["epsilon"])
        found = network.get_parameter(f"model.{name}")
        np.testing.assert_allclose(found.detach().numpy(), after.detach().numpy(), rtol=1e-6, atol=1e-8, err_msg=name)

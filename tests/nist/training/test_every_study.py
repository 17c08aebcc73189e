"""The first steps of every study; trainings from class folders, to their end; and one step by hand."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch.func import functional_call
from torch.nn import functional as F

from nist import digest, metrics_file, train
from nist.data import packed
from nist.data.catalog import DATASETS
from nist.errors import StoppedError
from nist.models import lenet5, vgg16
from nist.models.build import build
from nist.sparse import layers
from nist.sparse.mask import kept_weights, neuroseed_mask
from nist.studies import study
from nist.training import loop, optimizers
from tests.nist.training.block import train_block

EVERY = sorted(path.stem for path in study.FOLDER.glob("*.yaml"))
HEADS = ["lenet5-fmnist", "lenet5-cifar10", "mobilenetv1-cifar10", "alexnet-cifar10", "vgg16-imagenet100",
         "lenet5-digits", "mobilenetv1-digits"]  # fmt: skip
LARGE = ("alexnet", "vgg16", "deit")  # networks of which a step takes seconds where the head or the blocks are dense
# Layers of a network that has seen a few pictures have different scales; a prune may take all of one.
pytestmark = pytest.mark.filterwarnings("ignore:the prune left nothing of")


def two_epochs(name):
    """A study, pruned after the first of two epochs."""
    content = study.load(name).content
    content["training"].update(epochs=2, precision="float32")  # bfloat16 is emulated on many CPUs
    for variant in content["variants"].values():
        if variant["prune"]:
            variant["prune"]["epoch"] = 1
    return content


def unlike(experiment, of_prune=bool):
    """The variants that a study trains; of those that differ in when or how far they are pruned the last one."""
    last = {}
    for variant in experiment.trained:
        configuration = experiment.configuration(variant)
        last[digest.of_configuration({**configuration, "prune": of_prune(configuration["prune"])})] = variant
    return list(last.values())


def pictures(settings, folder):
    """Two training images and a validation one as a study's ``data`` has them, mapped where it has class folders."""
    rng, size = np.random.default_rng(0), settings["image_size"]
    shape = (size, size, 3) if "classes" in settings else DATASETS[settings["dataset"]].shape
    arrays = [rng.integers(0, 256, (n, *shape), dtype=np.uint8) for n in (2, 1)]
    if "classes" in settings:
        for split, array in enumerate(arrays):
            np.save(folder / f"{split}.npy", array)
        arrays = [np.load(folder / f"{split}.npy", mmap_mode="r") for split in (0, 1)]
    return packed.Images(arrays[0], np.array([3, 1]), arrays[1], np.array([4]))


def take_first_steps(content, load_study, tmp_path, which):
    """Train variants for two epochs of one step, and check that they have the weights of their masks, then prunes."""
    content["training"]["batch_size"] = 2
    for variant in content["variants"].values():
        variant.pop("runs_of", None)  # whose study takes the same steps
        if "images" in variant.get("method", {}):
            variant["method"]["images"] = 2
    images = pictures(content["data"], tmp_path)
    if content["data"]["validation"] == "holdout":  # a tenth of each class
        content["training"]["batch_size"] = 18
        images = packed.Images(*(each.repeat(10, axis=0) for each in images))
    experiment = load_study(content)
    for variant in which:
        rows, _ = train_block(experiment, variant, range(1), images, torch.device("cpu"))
        before, after = (row["active_weights"] for row in rows)
        initial, kept = weights(experiment, variant)
        assert before == initial
        if experiment.configuration(variant)["training"]["pruning"].get("mask") == "stays":
            assert kept < after <= initial  # they train again
        else:
            assert after == kept
        assert all(0 < row["train_loss"] < 100 for row in rows)


def weights(experiment, variant):
    """Active weights before a variant's prune and after it, if any."""
    configuration = experiment.configuration(variant)
    model, prune = configuration["model"], configuration["prune"]
    if "method" in configuration:
        return [kept_weights(layers.dense_weights(model), configuration["method"]["sparsity"])] * 2
    initial = layers.initial_weights(model)
    return [initial, kept_weights(layers.dense_weights(model), prune["sparsity"]) if prune else initial]


@pytest.mark.parametrize("name", EVERY)
def test_every_study_takes_its_first_steps(name, load_study, tmp_path):
    trained = unlike(study.load(name))
    take_first_steps(two_epochs(name), load_study, tmp_path, trained[-1:] if name.startswith(LARGE) else trained)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EVERY if name.startswith(LARGE)])
def test_every_variant_of_the_large_networks_takes_its_first_steps(name, load_study, tmp_path):
    take_first_steps(two_epochs(name), load_study, tmp_path, unlike(study.load(name))[:-1])


CLASSES = [f"n{label:08}" for label in range(10)]


@pytest.fixture(scope="module")
def class_folders(tmp_path_factory):
    """A data root with ten class folders of two training images and a validation one, and weights of two networks."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in CLASSES:
        for split, index in (("train.X1", 0), ("train.X2", 1), ("val.X", 0)):
            path = root / "imagenet100" / split / name / f"{name}_{index}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    torch.manual_seed(0)
    (root / "weights").mkdir()
    torch.save(vgg16.backbone((3, 32, 32), frozen_blocks=0)[0].state_dict(), root / "weights/vgg16.pth")
    torch.save(lenet5.backbone((3, 32, 32), activation="tanh")[0].state_dict(), root / "weights/lenet5.pth")
    return root


@pytest.fixture
def command(class_folders, load_study, tmp_path):
    """Train a variant of a study on the generated images of ten classes, at 32 pixels, and return its metrics."""

    def run(experiment, variant, *options):
        out = tmp_path / f"{variant}.parquet"
        out.unlink(missing_ok=True)  # what is complete would not be trained again
        places = ["--data-root", class_folders, "--cache", class_folders / "cache", "--checkpoints", tmp_path / "kept"]
        words = ["--study", experiment.path, "--variant", variant, "--seeds", "0-0", "--out", out, *places, *options]
        train.main([str(word) for word in words])
        return metrics_file.read(out)

    return run


def on_class_folders(name, weights=None, **data):
    """A study for three epochs on the generated images of ten classes at 32 pixels."""
    content = two_epochs(name)
    content["training"].update(epochs=3, batch_size=10)
    content["data"] |= {
        "dataset": "imagenet100",
        "classes": len(CLASSES),
        "image_size": 32,
        "resize": "stretch",
        **data,
    }
    if weights:
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        content["model"]["weights"] = {"file": weights.name, "sha256": sha256, "trained_on": "imagenet"}
    return content


def lenet5_with_a_recipe(root):
    recipe = study.load("deit-small-imagenet100").content["data"]["augmentation"]
    content = on_class_folders(
        "lenet5-cifar10", root / "weights/lenet5.pth", normalisation="imagenet", augmentation=recipe
    )
    content["training"]["drop_last"] = True
    content["model"]["head"]["dropout"] = 0.5
    return content


def vgg16_at_32_pixels(root):
    content = on_class_folders("vgg16-imagenet100", root / "weights/vgg16.pth")
    content["model"]["head"]["n_in"] = 512
    for variant in content["variants"].values():
        variant.update(sizes=[4096, 4096, 10], factors=[1, 2, 10])
    return content


def deit_at_32_pixels(root):
    content = on_class_folders("deit-small-imagenet100")
    content["model"]["options"]["classes"] = len(CLASSES)
    return content


@pytest.mark.parametrize(
    ("make", "variant", "frozen"),
    [
        (lenet5_with_a_recipe, "nist-1-10-p98", 0),
        pytest.param(vgg16_at_32_pixels, "nist-1-2-100-p99.9", 7_635_264, marks=pytest.mark.slow),  # audit C12
        pytest.param(deit_at_32_pixels, "nist-p60", 0, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_on_class_folders_goes_on_to_the_same_bits(
    class_folders, command, load_study, monkeypatch, make, variant, frozen
):
    experiment, measured = load_study(make(class_folders)), loop.Run.measured_epoch
    whole, _ = command(experiment, variant, "--workers", 1)
    before, after = weights(experiment, variant)
    assert whole["active_weights"].to_pylist() == [before, after, after]
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
    assert description["classes"] == CLASSES
    assert (description["training_images"], description["validation_images"]) == (20, 10)
    assert description["parameters"]["frozen"] == frozen


def test_a_run_starts_from_the_weights_that_its_study_names(class_folders, command, load_study):
    content = lenet5_with_a_recipe(class_folders)
    named, _ = command(load_study(content), "dense", "--epochs", 1)
    content["model"]["weights"] = "random"
    random, _ = command(load_study(content), "dense", "--epochs", 1)
    assert named["val_loss"] != random["val_loss"]


def head_by_hand(parameters, head, activation, features):
    """The classifier head from its shapes alone: a mask, a product, an activation."""
    shapes = layers.bands({"head": head})
    for position, band in enumerate(shapes):
        weight = parameters[f"head.{2 * position}.weight"]
        mask = torch.from_numpy(neuroseed_mask(band.n_in, band.n_out, band.k).T)
        features = F.linear(features, weight * mask, parameters[f"head.{2 * position}.bias"])
        features = activation(features) if position < len(shapes) - 1 else features
    return features


@pytest.mark.parametrize("name", HEADS)
def test_one_step_is_that_of_adam_by_hand(name):
    experiment = study.load(name)
    for variant in unlike(experiment, of_prune=lambda prune: None):
        assert_one_step(name, experiment.configuration(variant))


def assert_one_step(name, configuration):
    """Kingma & Ba 2015, Algorithm 1, after one step: the averages' corrections leave g and |g|."""
    model, size = configuration["model"], configuration["data"]["image_size"]
    channels = 1 if "fmnist" in name or "digits" in name else 3
    torch.manual_seed(0)
    model["head"] = {**model["head"], "form": "masked"}
    for key in ("sizes", "factors"):
        model["head"][key] = model["head"][key] and [64 if n == 4096 else n for n in model["head"][key]]
    if "vgg16" in name:  # a map of one pixel in place of 7×7
        model["head"]["n_in"], size = 512, 32
    network = build(model, (channels, size, size)).double().train()
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
        found = dict(network.named_parameters())[key]
        np.testing.assert_allclose(found.detach().numpy(), after.detach().numpy(), rtol=1e-7, atol=1e-9, err_msg=key)
    assert all(torch.equal(dict(network.named_parameters())[key], value) for key, value in frozen.items())


@pytest.mark.parametrize("variant", ["dense", "nist-p50"])
def test_one_step_of_deit_is_that_of_adamw_by_hand(variant):
    import timm  # which takes seconds

    # Loshchilov & Hutter 2019, Algorithm 2, after one step; attention and the rest of the network are timm's.
    configuration = study.load("deit-small-imagenet100").configuration(variant)
    model, settings = configuration["model"], configuration["training"]["optimizers"][0]
    model["options"] = {**model["options"], "drop_path": 0.0}
    torch.manual_seed(0)
    network = build(model, (3, 32, 32)).double().train()
    plain = timm.create_model("deit_small_patch16_224", num_classes=100, img_size=32).double().train()
    images, labels = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.tensor([3, 1, 4, 99])
    own = dict(network.named_parameters())
    leaves = {name: own[f"model.{name}"].detach().clone() for name, _ in plain.named_parameters()}
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
        found = own[f"model.{name}"]
        np.testing.assert_allclose(found.detach().numpy(), after.detach().numpy(), rtol=1e-6, atol=1e-8, err_msg=name)

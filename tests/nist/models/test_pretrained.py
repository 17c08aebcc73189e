import hashlib
import sys

import pytest
import torch
from safetensors.torch import save_file

from nist.data.normalisation import PUBLISHED, Normalise
from nist.errors import InputError
from nist.models import pretrained, vgg16
from nist.models.build import build
from nist.studies import study


@pytest.fixture(scope="module")
def configuration():
    return study.load("vgg16-imagenet100").configuration("nist-1-2-100")


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return vgg16.backbone((3, 32, 32), frozen_blocks=4)[0]


@pytest.fixture
def given(tmp_path, configuration, backbone):
    """Write weights, as torchvision or as safetensors has them, and return a configuration that names them."""

    def give(suffix=".pth", content=None, **changes):
        path = tmp_path / "weights" / f"vgg{suffix}"
        path.parent.mkdir(exist_ok=True)
        tensors = backbone.state_dict() | {"classifier.6.bias": torch.zeros(1000)}
        if content is not None:
            path.write_bytes(content)
        elif suffix == ".safetensors":
            save_file(tensors, path)
        else:
            torch.save(tensors, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        weights = {"file": path.name, "sha256": digest, "trained_on": "caffe", **changes}
        return {**configuration, "model": {**configuration["model"], "weights": weights}}

    return give


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_network_starts_from_the_file(tmp_path, given, backbone, suffix):
    tensors = pretrained.load(given(suffix), tmp_path)
    model = {"name": "vgg16", "options": {"frozen_blocks": 4}, "head": small_head()}
    network = build(model, (3, 32, 32), tensors)
    for name, value in backbone.state_dict().items():
        assert torch.equal(network.backbone.state_dict()[name], value), name


def small_head():
    shared = {"activation": "relu", "dropout": 0, "bias": True, "scheme": "literal", "form": "masked"}
    return {**shared, "n_in": 512, "sizes": [4], "factors": [1]}


def test_weights_for_other_pixels_are_converted(tmp_path, given, backbone):
    images = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    tensors = pretrained.load(given(trained_on="imagenet"), tmp_path)
    before = backbone.features[0](Normalise(PUBLISHED["imagenet"], torch.device("cpu"))(images))
    converted = vgg16.backbone((3, 32, 32), frozen_blocks=4)[0]
    converted.load_state_dict({name: tensors[name] for name in converted.state_dict()})
    after = converted.features[0](Normalise(PUBLISHED["caffe"], torch.device("cpu"))(images))
    inside = (..., slice(1, -1), slice(1, -1))  # at the border, padding is another grey
    torch.testing.assert_close(after[inside], before[inside], rtol=1e-3, atol=1e-4)


def test_a_start_of_the_digest_is_enough_and_a_wrong_one_is_named(tmp_path, given):
    whole = given()["model"]["weights"]["sha256"]
    assert pretrained.load(given(sha256=whole[:8]), tmp_path)
    with pytest.raises(InputError, match=r"weights/vgg.pth: SHA-256 .*, expected 0000000000000000…; fetch the file"):
        pretrained.load(given(sha256="0" * 64), tmp_path)


def test_a_missing_file_is_named(tmp_path, configuration):
    message = (
        r"weights/vgg16-397923af.pth: no such weights file; torchvision publishes it as VGG16_Weights.IMAGENET1K_V1"
    )
    with pytest.raises(InputError, match=message):
        pretrained.load(configuration, tmp_path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04K\x01."])
def test_a_file_without_weights_is_named(tmp_path, given, suffix, content):
    with pytest.raises(InputError, match=rf"vgg{suffix}: not readable weights \(.*; fetch the file again"):
        pretrained.load(given(suffix, content), tmp_path)


def test_nothing_is_unpickled(tmp_path, given):
    class Harm:
        def __reduce__(self):
            return (sys.exit, (1,))

    path = tmp_path / "harm.pth"
    torch.save({"features.0.weight": Harm()}, path)
    with pytest.raises(InputError, match="not readable weights"):
        pretrained.load(given(content=path.read_bytes()), tmp_path)


def test_weights_of_another_network_are_named(backbone):
    model = {"name": "vgg16", "options": {"frozen_blocks": 0}, "head": small_head()}
    with pytest.raises(InputError, match="no features.0.weight among them; are they weights of vgg16"):
        build(model, (3, 32, 32), {})
    state = backbone.state_dict() | {"features.2.bias": torch.zeros(3)}
    with pytest.raises(InputError, match=r"features.2.bias has shape \(3,\), but vgg16 needs \(64,\)"):
        build(model, (3, 32, 32), state)


def test_timm_is_asked_by_name(tmp_path, configuration, backbone, monkeypatch):
    import timm

    def create(name, pretrained):
        assert (name, pretrained) == ("vgg16.tv_in1k", True)
        return backbone

    named = {**configuration, "model": {**configuration["model"], "weights": {"timm": "vgg16.tv_in1k"}}}
    named["model"]["weights"]["trained_on"] = "caffe"
    with monkeypatch.context() as patch:
        patch.setattr(timm, "create_model", create)
        assert torch.equal(pretrained.load(named, tmp_path)["features.0.bias"], backbone.features[0].bias)
    named["model"]["weights"]["timm"] = "vgg17"
    with pytest.raises(InputError, match=r"model.weights.timm: vgg17: .*; allow the download, or give a file"):
        pretrained.load(named, tmp_path)


def test_a_download_is_verified_and_kept(tmp_path, given, monkeypatch):
    configuration = given(torchvision="VGG16_Weights.IMAGENET1K_V1")
    path = tmp_path / "weights/vgg.pth"
    content = path.read_bytes()
    path.unlink()

    def fetch(url, destination, progress):
        assert url.endswith("vgg16-397923af.pth")
        with open(destination, "wb") as file:
            file.write(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(InputError, match="no such weights file"):
        pretrained.load(configuration, tmp_path, download=False)
    assert pretrained.load(configuration, tmp_path, download=True)
    assert path.read_bytes() == content


def test_a_study_that_starts_at_random_needs_nothing(tmp_path, capsys):
    assert pretrained.load(study.load("lenet5-digits").configuration("dense"), tmp_path) is None
    pretrained.main(["lenet5-digits"])
    assert capsys.readouterr().out == "lenet5-digits: starts at random\n"

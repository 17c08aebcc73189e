"""Published weights that a network starts from: a checked file below the data root, or timm's.

``python -m nist.pretrained vgg16-imagenet100 --data-root data --download`` fetches and checks those of a study,
for instance on a login node before jobs without network.
"""

import argparse
import os
from pathlib import Path

import torch
from safetensors.torch import load_file

from nist import digest
from nist.data import packed
from nist.data.normalisation import PUBLISHED, converted
from nist.errors import InputError, first_line
from nist.runtime.files import replacing
from nist.studies import study

FOLDER = "weights"


def load(configuration: dict, data_root: Path, download: bool = False) -> dict[str, torch.Tensor] | None:
    """The tensors that a configuration's network starts from, by name; ``None`` where it starts at random.

    The first convolution is converted where ``data.normalisation`` is not the one that the weights were trained on.
    Raises ``InputError`` for a missing, damaged or different file, or for weights that timm cannot get.
    """
    wanted = configuration["model"]["weights"]
    if wanted == "random":
        return None
    tensors = _from_timm(wanted["timm"], download) if "timm" in wanted else _from_file(wanted, data_root, download)
    trained, used = wanted["trained_on"], configuration["data"]["normalisation"]
    return tensors if trained == used else _converted(tensors, trained, used)


def _from_file(wanted: dict, data_root: Path, download: bool) -> dict[str, torch.Tensor]:
    path = data_root / FOLDER / wanted["file"]
    if not path.exists() and download and "torchvision" in wanted:
        _fetch(wanted["torchvision"], path)
    try:
        found = digest.of_file(path)
    except FileNotFoundError:
        published = f"; torchvision publishes it as {wanted['torchvision']}" if "torchvision" in wanted else ""
        raise InputError(f"{path}: no such weights file{published}: put it there, or allow the download") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if not found.startswith(wanted["sha256"]):
        raise InputError(f"{path}: SHA-256 {found[:16]}…, expected {wanted['sha256'][:16]}…; fetch the file again")
    try:
        # Never unpickles: safetensors has no code in it, and torch's reader takes tensors alone.
        tensors = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # of a damaged file torch's reader raises a dozen kinds, some without a message
        raise InputError(f"{path}: not readable weights ({first_line(error)}); fetch the file again") from None
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise InputError(f"{path}: no tensors by name; expected the state of a network")
    return tensors


def _fetch(name: str, path: Path) -> None:
    """Download torchvision's weights ``name`` to ``path``, whole or not at all."""
    from torchvision.models import get_weight

    try:
        url = get_weight(name).url
        with replacing(path) as temporary:
            torch.hub.download_url_to_file(url, str(temporary), progress=False)
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{path}: could not download {name} ({error}); put the file there by other means") from None


def _from_timm(name: str, download: bool) -> dict[str, torch.Tensor]:
    if not download:  # the hub's own cache may still have them
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import timm

    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # unknown names and a dozen kinds of network trouble
        raise InputError(
            f"model.weights.timm: {name}: {first_line(error)}; allow the download, or give a file"
        ) from None


def _converted(tensors: dict[str, torch.Tensor], trained: str, used: str) -> dict[str, torch.Tensor]:
    weight = next((name for name, value in tensors.items() if value.dim() == 4), None)
    bias = f"{(weight or '').removesuffix('weight')}bias"
    if weight is None or bias not in tensors:
        raise InputError(f"data.normalisation: {used}, but the weights are for {trained} and cannot be converted")
    parameters = converted(tensors[weight], tensors[bias], PUBLISHED[trained], PUBLISHED[used])
    return {**tensors, weight: parameters[0], bias: parameters[1]}


def main(argv: list[str] | None = None) -> None:
    """Fetch and check the weights that a study starts from."""
    parser = argparse.ArgumentParser(prog="python -m nist.pretrained", description=main.__doc__)
    parser.add_argument("study", type=study.load, help="name of a study in config/studies, or a path to its YAML file")
    packed.add_arguments(parser)
    arguments = parser.parse_args(argv)
    experiment = arguments.study
    tensors = load(experiment.configuration(experiment.baseline), arguments.data_root, arguments.download)
    print(f"{experiment.name}: {'starts at random' if tensors is None else f'{len(tensors)} tensors, checked'}")

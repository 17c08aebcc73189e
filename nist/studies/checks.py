"""What the keys of a study must satisfy together, beyond their schema; messages say the remedy."""

import json
from pathlib import Path

from nist.data.catalog import DATASETS, n_classes
from nist.errors import InputError
from nist.sparse.layers import (
    MASK_KEY,
    VARIANT_KEYS,
    bands,
    class_count,
    dense_weights,
    initial_weights,
    sparsified_part,
)
from nist.sparse.mask import kept_weights

OPTIMIZER_KEYS = {"adam": ("betas", "epsilon"), "adamw": ("betas", "epsilon", "undecayed"), "sgd": ("momentum",)}
SCORED, MOVING = ("images",), ("distribution", "every", "drop", "until")
METHOD_KEYS = {"uniform": (), "erk": (), "magnitude": (), "snip": SCORED, "grasp": SCORED, "synflow": SCORED}
METHOD_KEYS |= {"set": MOVING, "rigl": MOVING, "magnitude_after_training": ("rounds", "rewind")}
HEAD_INITIALISATIONS = ("kaiming_uniform_dense_fan_in", "kaiming_uniform_masked_fan_in", "glorot_uniform")
INITIALISATIONS = {"head": HEAD_INITIALISATIONS, "blocks": ("model",)}
RESIZES = {"packed": ("none", "pad", "bilinear"), "folders": ("stretch", "crop")}


def check(path: Path | str, content: dict) -> None:
    """Check the ``content`` of the study at ``path``. Raises ``InputError`` for the first thing that is wrong."""
    _check_data(path, content)
    _check_model(path, content)
    _check_optimizers(path, content["training"]["optimizers"])
    if content["statistics"]["baseline"] not in content["variants"]:
        raise InputError(f"{path}: statistics.baseline: no variant {content['statistics']['baseline']!r}")
    shares = sum(phase["share"] for phase in content["training"]["optimizers"])
    if abs(shares - 1) > 1e-9:
        raise InputError(f"{path}: training.optimizers: the shares add up to {shares}, not to 1")
    for name, entry in content["variants"].items():
        _check_keys(f"{path}: variants.{name}", entry, sparsified_part(content["model"]))


def _check_data(path: Path | str, content: dict) -> None:
    data, training = content["data"], content["training"]
    name, how = data["dataset"], data["resize"]
    folders = "classes" in data
    if folders and name in DATASETS:
        raise InputError(f"{path}: data.dataset: {name} has no class folders; leave data.classes away")
    if not folders and name not in DATASETS:
        known = f"there are {', '.join(DATASETS)}; class folders of another name need data.classes, their number"
        raise InputError(f"{path}: data.dataset: unknown data set {name!r}; {known}")
    allowed = RESIZES["folders" if folders else "packed"]
    if how not in allowed:
        raise InputError(f"{path}: data.resize: {how!r} is not for {name}; choose {', '.join(allowed)}")
    if folders and data["normalisation"] == "mean_sd":
        raise InputError(f"{path}: data.normalisation: mean_sd would read all of {name}; choose imagenet or caffe")
    changes = {} if data["augmentation"] == "none" else data["augmentation"]
    mixing = changes.get("mixup", 0) + changes.get("cutmix", 0) > 0
    if mixing and (training["batch_size"] % 2 or not training["drop_last"]):
        raise InputError(f"{path}: data.augmentation: mixes pairs; make batch_size even and drop_last true")


def _check_model(path: Path | str, content: dict) -> None:
    model = content["model"]
    parts = [part for part in VARIANT_KEYS if part in model]
    if len(parts) != 1:
        raise InputError(f"{path}: model: give either head or blocks, the layers that NIST is to sparsify")
    weights = model["weights"]
    if weights != "random" and ("timm" in weights) == ("file" in weights and "sha256" in weights):
        raise InputError(f"{path}: model.weights: give either timm, or file and sha256")
    if weights != "random" and content["data"]["normalisation"] == "mean_sd":
        raise InputError(
            f"{path}: data.normalisation: mean_sd is of these images, and the weights are for {weights['trained_on']}; "
            "choose imagenet or caffe"
        )
    if parts == ["blocks"] and not isinstance(model["options"].get("classes"), int):
        raise InputError(f"{path}: model.options.classes: give the number of classes; the model has its own last layer")
    there, done = content["training"]["initialisation"], INITIALISATIONS[parts[0]]
    if there not in done:
        known = " or ".join(done)
        raise InputError(f"{path}: training.initialisation: {there} is not for a model with {parts[0]}; give {known}")


def _check_optimizers(path: Path | str, optimizers: list[dict]) -> None:
    """The schema says what each must have; what another has would be read and do nothing."""
    for position, settings in enumerate(optimizers):
        own = OPTIMIZER_KEYS[settings["name"]]
        for key in sorted({key for keys in OPTIMIZER_KEYS.values() for key in keys if key in settings} - {*own}):
            where = f"training.optimizers.{position}.{key}"
            raise InputError(f"{path}: {where}: not for {settings['name']}, which has {', '.join(own)}")


def _check_keys(where: str, entry: dict, part: str) -> None:
    given = {name for names in VARIANT_KEYS.values() for name in names if name in entry}
    for name in sorted(given ^ {*VARIANT_KEYS[part]}):
        state = "missing" if name in VARIANT_KEYS[part] else f"not for a model with {part}"
        raise InputError(f"{where}.{name}: {state}; expected {', '.join(VARIANT_KEYS[part])}")
    if part == "head" and entry["factors"] and len(entry["factors"]) != len(entry["sizes"]):
        raise InputError(f"{where}.factors: {len(entry['factors'])} factors for {len(entry['sizes'])} layers")


def check_variant(path: Path, variant: str, configuration: dict) -> None:
    """Check the weights that the ``configuration`` of one variant asks for. Raises ``InputError``."""
    where, model, prune = f"{path}: variants.{variant}", configuration["model"], configuration["prune"]
    part = sparsified_part(model)
    classes, wanted = class_count(model), n_classes(configuration["data"])
    if classes != wanted:
        key = "variants." + variant + ".sizes: the last" if part == "head" else "model.options.classes"
        raise InputError(f"{path}: {key} is {classes}, but the data set has {wanted} classes")
    try:
        active = initial_weights(model)
    except ValueError as error:
        raise InputError(f"{where}.{MASK_KEY[part]}: {error}") from None
    if "method" in configuration:
        _check_method(where, configuration, part)
    if prune is None:
        return
    if model[part][MASK_KEY[part]] is None:
        raise InputError(f"{where}.prune: only NIST layers are pruned; give {MASK_KEY[part]} (n_out, or 1, for all)")
    kept = kept_weights(dense_weights(model), prune["sparsity"])
    if not 1 <= kept <= active:
        raise InputError(f"{where}.prune.sparsity: would keep {kept} weights of {active}; keep at least 1, at most all")
    pruning = configuration["training"]["pruning"]
    _check_pruning(f"{where}: training.pruning", configuration["model"], part, pruning)
    if pruning["scope"] != "layer":
        return
    for number, band in enumerate(bands(model), start=1):
        kept = kept_weights(band.n_in * band.n_out, prune["sparsity"])
        if kept > band.n_weights:
            raise InputError(
                f"{where}.prune.sparsity: would keep {kept} of the {band.n_weights} weights of layer {number}; "
                "prune further, or with training.pruning.scope: global"
            )


def _check_pruning(where: str, model: dict, part: str, pruning: dict) -> None:
    reading = pruning["magnitude"] not in ("raw", "random")
    if (reading or pruning.get("reachable")) and (part != "head" or pruning["scope"] != "global"):
        key = "magnitude" if reading else "reachable"
        raise InputError(f"{where}.{key}: {pruning[key]} is for a head and scope: global")
    if pruning.get("reachable") and pruning["magnitude"] != "raw":
        raise InputError(f"{where}.reachable: is for magnitude: raw")
    if pruning.get("mask") == "stays" and model[part]["form"] != "masked":
        raise InputError(f"{where}.mask: weights that train again need form: masked")


def _check_method(where: str, configuration: dict, part: str) -> None:
    method, own = configuration["method"], METHOD_KEYS[configuration["method"]["name"]]
    if part != "head" or configuration["model"]["head"]["factors"] or configuration["prune"]:
        raise InputError(
            f"{where}.method: takes the place of factors and prune, in a model with a head; leave these away"
        )
    may = {*own, "name", "sparsity"} | (
        {"check"} if method["name"] not in ("set", "rigl", "magnitude_after_training") else set()
    )
    for name in sorted((method.keys() - may) | ({*own} - method.keys())):
        state = "missing" if name in own else f"not for {method['name']}"
        raise InputError(f"{where}.method.{name}: {state}; expected {', '.join(['name', 'sparsity', *own])}")
    kept = kept_weights(dense_weights(configuration["model"]), method["sparsity"])
    if kept < 1:
        raise InputError(f"{where}.method.sparsity: would keep no weight; keep at least 1")


def first_difference(before: dict, now: dict, where: str = "") -> str:
    """The first key in which two configurations differ, with both values, in words."""
    as_json = {
        key: [json.dumps(side.get(key, "absent"), sort_keys=True) for side in (before, now)]
        for key in {**before, **now}
    }
    key = min(key for key, (one, other) in as_json.items() if one != other)
    if isinstance(before.get(key), dict) and isinstance(now.get(key), dict):
        return first_difference(before[key], now[key], f"{where}{key}.")
    return "{}{} was {}, is {}".format(where, key, *as_json[key])

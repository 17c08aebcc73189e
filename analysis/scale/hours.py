"""How long training takes: measured, where runs of the same model on the same data are published, and at least."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analysis.metrics import runs
from analysis.networks import macs
from nist.data.catalog import DATASETS
from nist.metrics_file import MetricsFile
from nist.studies import study

IMAGES_A_CLASS = {"imagenet100": {"train": 1300, "test": 50}}  # at most; its folders differ
LABEL = 8  # bytes
CPU = " (CPU, "  # in the name that a processor has in metadata


class Measured(NamedTuple):
    """Mean ``seconds`` of an epoch of one of ``n`` published runs, and the study and device that they are of."""

    seconds: float
    n: int
    study: str
    device: str


def images(data: dict) -> dict[str, int] | None:
    """Training and test images of a study's ``data``; ``None`` where that is not known without the data set."""
    name = data["dataset"]
    counts = IMAGES_A_CLASS.get(name) or (DATASETS[name].counts if name in DATASETS else None)
    if counts is None:
        return None
    classes = data["classes"] if "classes" in data else len(DATASETS[name].classes)
    return {split: classes * count for split, count in counts.items()}


def image_bytes(data: dict) -> int | None:
    """Bytes of the decoded images of a study's ``data`` and their labels; ``None`` where not known."""
    counts = images(data)
    if counts is None:
        return None
    side, name = data["image_size"], data["dataset"]
    pixels = int(np.prod(DATASETS[name].shape)) if name in DATASETS else 3 * side**2
    return sum(counts.values()) * (pixels + LABEL)


def training_flops(experiment: study.Study, n_seeds: int) -> float | None:
    """FLOPs of training and validating ``n_seeds`` seeds of a study; ``None`` where the images are not known.

    Two a multiply-accumulate; normalisations, activations, optimizers and augmentation are left out. Raises
    ``KeyError`` as ``macs.layers`` does.
    """
    counts = images(experiment.content["data"])
    if counts is None:
        return None
    total, trunks = 0, set()
    for variant in experiment.trained:
        configuration, trunk = experiment.configuration(variant), experiment.trunk(variant)
        step = counts["train"] * macs.training_step(configuration) + counts["test"] * macs.forward(configuration)
        shared = trunk.epoch if trunk and trunk.key in trunks else 0
        trunks |= {trunk.key} if trunk else set()
        total += macs.FLOPS_PER_MAC * n_seeds * step * (configuration["training"]["epochs"] - shared)
    return total


def measured(experiment: study.Study, blocks: Iterable[MetricsFile]) -> Measured | None:
    """What published runs of the study's data, model and batch size took an epoch.

    Those of the study itself where there are any, else of the others, and of these those of GPUs where there are any,
    as a mean of GPUs and CPUs would be of neither; ``None`` where there are none.
    """
    alike = [block for block in blocks if _setting(block.description["configuration"]) == _setting(experiment.content)]
    own = [block for block in alike if runs.name(block)[0] == experiment.name] or alike
    own = [block for block in own if not is_cpu(block.description["device"])] or own
    if not own:
        return None
    seconds = np.concatenate([block.table["seconds"].to_numpy() for block in own])
    return Measured(
        seconds=float(seconds.mean()),
        n=sum(len(block.description["seeds"]) for block in own),
        study=", ".join(sorted({runs.name(block)[0] for block in own})),
        device="; ".join(sorted({_device(block.description) for block in own})),
    )


def is_cpu(device: str) -> bool:
    """Whether ``device`` of a ``Measured`` is CPUs alone."""
    return all(CPU in name for name in device.split("; "))


def _device(description: dict) -> str:
    threads = description.get("threads") if is_cpu(description["device"]) else None
    return description["device"] + (f", {threads} thread{'s' * (threads > 1)} a run" if threads else "")


def _setting(content: dict) -> tuple:
    model = content["model"]
    return content["data"], model["name"], model["options"], content["training"]["batch_size"]

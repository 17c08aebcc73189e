"""The images of a study, whichever kind of data set it names: packed in shards, or class folders of large images."""

from pathlib import Path

from nist.data import folders, packed
from nist.data.catalog import DATASETS
from nist.data.packed import Images


def load(settings: dict, data_root: Path, cache: Path, download: bool = False) -> tuple[Images, list[str]]:
    """Images of a study's ``data``, from the cache where they are there, and the names of their classes by label.

    Errors are those of ``nist.data.packed.load`` and ``nist.data.folders.load``.
    """
    name = settings["dataset"]
    if "classes" not in settings:
        return packed.load(name, data_root, cache, download), list(DATASETS[name].classes)
    classes = data_root / name / settings["class_list"] if "class_list" in settings else None
    size, fit, count = settings["image_size"], settings["resize"], settings["classes"]
    return folders.load(name, data_root, cache, size, classes, n_classes=count, fit=fit)

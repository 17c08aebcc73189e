"""The images of a study, whichever kind of data set it names: packed in shards, or class folders of large images."""

from pathlib import Path

from nist import data, image_folder
from nist.data import Images
from nist.datasets import DATASETS, FOLDERS

ALL_FOLDERS = "folders"


def load(settings: dict, data_root: Path, cache: Path, download: bool = False) -> tuple[Images, list[str]]:
    """Images of a study's ``data``, from the cache where they are there, and the names of their classes by label.

    Errors are those of ``nist.data.load`` and ``nist.image_folder.load``.
    """
    name = settings["dataset"]
    if name not in FOLDERS:
        return data.load(name, data_root, cache, download), list(DATASETS[name].classes)
    chosen = settings["classes"]
    classes = None if chosen == ALL_FOLDERS else data_root / name / chosen
    size, fit = settings["image_size"], settings["resize"]
    images = image_folder.load(name, data_root, cache, size, classes, n_classes=FOLDERS[name], fit=fit)
    return images, image_folder.cached_classes(cache, name, size, fit)

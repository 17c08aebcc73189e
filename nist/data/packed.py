"""Data sets as uint8 arrays: from their shards, or from scikit-learn for the digits, decoded once and then cached.

``python -m nist.data cifar10`` prepares and verifies one, for instance on a login node before jobs without network.
"""

import argparse
import hashlib
import json
import os
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nist import digest
from nist.data import parquet
from nist.data.catalog import DATASETS, DIGITS, Dataset
from nist.errors import InputError
from nist.runtime.files import replacing

CACHE = Path("results/images")


class Images(NamedTuple):
    """A decoded data set: images are uint8 of shape (n, height, width, channels), labels int64 of shape (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(name: str, data_root: Path, cache: Path = CACHE, download: bool = False) -> Images:
    """Load a data set, from the cache if it was made from the very same files, and else from those files.

    Raises ``InputError`` for an unknown name, missing shards, or content that is not the data set's.
    """
    if name not in DATASETS:
        raise InputError(f"unknown data set {name!r}; there are {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if dataset is DIGITS:
        source, decode = {"scikit-learn": version("scikit-learn")}, digits
    else:
        found = parquet.find(dataset, data_root, download)
        source = {path.name: digest.of_file(path) for split in found.values() for path in split}
        decode = partial(_decode, dataset, found)
    images = _read_cache(cache / f"{name}.npz", source)
    if images is None:
        images = decode()
        check_content(dataset, images)
        with replacing(cache / f"{name}.npz") as temporary:
            np.savez(temporary, source=json.dumps(source), **images._asdict())
    return images


def _decode(dataset: Dataset, found: dict[str, list[Path]]) -> Images:
    return Images(*(array for split in parquet.SPLITS for array in parquet.decode(dataset, split, found[split])))


def digits() -> Images:
    """The 1,797 handwritten digits that come with scikit-learn, 8×8 pixels in 17 grey levels, spread over 0 … 255.

    Every third image of each class, in file order, is held out: 1,201 for training and 596 for validation, no draw.
    """
    from sklearn.datasets import load_digits  # takes seconds to import, and the cache makes it needless

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        held_out[np.flatnonzero(labels == label)[2::3]] = True
    return Images(images[~held_out], labels[~held_out], images[held_out], labels[held_out])


def content_digest(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256, in hex, of a set of labelled images: the same however they are encoded, sharded and ordered."""
    rows = sorted(
        hashlib.sha256(bytes([label]) + image.tobytes()).digest() for image, label in zip(images, labels, strict=True)
    )
    return hashlib.sha256(b"".join(rows)).hexdigest()


def check_content(dataset: Dataset, images: Images) -> None:
    """Raise ``InputError`` unless every split holds exactly the data set's images with their labels."""
    for split, expected in (dataset.digests or {}).items():
        found = content_digest(getattr(images, f"{split}_images"), getattr(images, f"{split}_labels"))
        if found != expected:
            raise InputError(
                f"{dataset.name}: {split}: pixels or labels are not the published ones (content digest "
                f"{found[:12]}…, expected {expected[:12]}…); fetch the files again"
            )


def _read_cache(path: Path, source: dict[str, str]) -> Images | None:
    """The cached arrays, or ``None`` if there are none, if they are damaged, or if they came from other files."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if json.loads(str(archive["source"])) != source:
                return None
            images = Images(*(archive[field] for field in Images._fields))
    except Exception:  # numpy, zipfile, zlib and json raise a dozen kinds; whatever it is, the files are there still
        return None
    kinds = [(array.dtype, array.ndim) for array in images]
    return images if kinds == [(np.dtype(np.uint8), 4), (np.dtype(np.int64), 1)] * 2 else None


def add_places(parser: argparse.ArgumentParser) -> None:
    """The settings that say where data are; shared by every command that loads some."""
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path(os.environ.get("NIST_DATA_ROOT", "data")),
        help="folder with one folder a data set (default: $NIST_DATA_ROOT, else data)",
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for decoded images (default: %(default)s)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The places, and whether what is not there may be downloaded."""
    add_places(parser)
    parser.add_argument("--download", action="store_true", help="download what is missing, at a pinned revision")


def main(argv: list[str] | None = None) -> None:
    """Prepare one data set and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m nist.data", description=main.__doc__)
    parser.add_argument("dataset", help=f"one of {', '.join(DATASETS)}")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    images = load(arguments.dataset, arguments.data_root, arguments.cache, arguments.download)
    for split in parquet.SPLITS:
        shape = getattr(images, f"{split}_images").shape
        print(f"{arguments.dataset} {split}: {shape[0]:,} images of {shape[1]}×{shape[2]}×{shape[3]}, verified")

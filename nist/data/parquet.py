"""Data sets in the public Parquet layout: shards of encoded images, found, downloaded if allowed, and decoded.

One or more files a split, ``train-*.parquet`` and ``test-*.parquet``, as ``nist.data.shards`` reads them.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from nist.data.catalog import Dataset
from nist.data.decoding import decoding, eight_bit
from nist.data.shards import Encoded, labels_of, row_groups
from nist.errors import InputError
from nist.runtime.files import replacing

SPLITS = ("train", "test")
MODES = {1: "L", 3: "RGB"}


def find(dataset: Dataset, data_root: Path, download: bool = False) -> dict[str, list[Path]]:
    """The shards of every split under ``data_root/<name>``, downloaded first if they are missing and may be.

    Raises ``InputError`` that says what is missing, where it was looked for and which command gets it.
    """
    folder = data_root / dataset.name
    shards = {split: sorted(folder.glob(f"{split}-*.parquet")) for split in SPLITS}
    missing = [split for split in SPLITS if not shards[split]]
    if missing and download:
        fetch(dataset, folder)
        return find(dataset, data_root)
    if missing:
        raise InputError(
            f"{dataset.name}: no {' and no '.join(missing)} shards: looked for "
            f"{', '.join(f'{split}-*.parquet' for split in missing)} in {folder.absolute()}; "
            f"get them with: python -m nist.data {dataset.name} --data-root {data_root} --download"
        )
    return shards


def fetch(dataset: Dataset, folder: Path) -> None:
    """Download the data set's files at its pinned revision into ``folder``, each whole or not at all."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    for name in dataset.files:
        try:
            cached = hf_hub_download(dataset.repository, name, repo_type="dataset", revision=dataset.revision)
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            raise InputError(
                f"{dataset.name}: could not download {name} from {dataset.repository}: {' '.join(str(error).split())}; "
                f"fetch it elsewhere and put it into {folder.absolute()}"
            ) from None
        with replacing(folder / Path(name).name) as temporary:
            shutil.copyfile(cached, temporary)


def decode(dataset: Dataset, split: str, shards: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 of shape (n, height, width, channels), and labels, int64 of shape (n,), of one split.

    Raises ``InputError`` that names the shard, and the row where there is one, if a file is cut off, an image does not
    decode to the data set's shape, a label is no class, or the classes are not as many as they should be.
    """
    images, by_shard = [], []
    for shard in shards:
        groups = row_groups(shard)
        by_shard.append(labels_of(shard, len(dataset.classes)))
        encoded = [image for group in groups for image in group.images()]
        with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
            pixels = pool.map(partial(_pixels, shape=dataset.shape), encoded)
            images += tqdm(pixels, total=len(encoded), desc=f"decoding {shard.name}", unit=" images", disable=None)
    if not images:
        raise InputError(f"{dataset.name}: {split}: no images in {', '.join(map(str, shards))}; fetch them again")
    labels = np.concatenate(by_shard)
    _check_counts(dataset, split, labels, shards)
    return np.stack(images), labels


def _pixels(encoded: Encoded, shape: tuple[int, int, int]) -> np.ndarray:
    name, file = encoded
    with decoding(name), Image.open(file) as image:
        if image.size[::-1] != shape[:2]:  # before its pixels are unpacked, however many it says they are
            raise InputError(f"{name}: image of {image.size[::-1]} pixels; expected {shape[:2]}")
        return np.asarray(eight_bit(image, MODES[shape[2]], name)).reshape(shape)


def _check_counts(dataset: Dataset, split: str, labels: np.ndarray, shards: list[Path]) -> None:
    if dataset.counts is None:
        return
    for label, found in enumerate(np.bincount(labels, minlength=len(dataset.classes))):
        if found != dataset.counts[split]:
            raise InputError(
                f"{dataset.name}: {split}: class {label} ({dataset.classes[label]}) has {found} images; expected "
                f"{dataset.counts[split]}: a shard of {', '.join(map(str, shards))} is missing, doubled or altered"
            )

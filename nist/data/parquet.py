"""Data sets in the public Parquet layout: shards of encoded images, found, downloaded if allowed, and decoded.

One or more files a split, ``train-*.parquet`` and ``test-*.parquet``; a struct column ``image`` or ``img`` of
``{bytes, path}`` with the encoded image; an integer column ``label``.
"""

import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tqdm import tqdm

from nist.data.catalog import Dataset
from nist.errors import InputError
from nist.runtime.files import replacing

SPLITS = ("train", "test")
IMAGE_COLUMNS = ("image", "img")
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
        encoded, shard_labels = _read(shard, len(dataset.classes))
        by_shard.append(shard_labels)
        with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
            pixels = pool.map(partial(_pixels, shape=dataset.shape, shard=shard), encoded, range(len(encoded)))
            images += tqdm(pixels, total=len(encoded), desc=f"decoding {shard.name}", unit=" images", disable=None)
    if not images:
        raise InputError(f"{dataset.name}: {split}: no images in {', '.join(map(str, shards))}; fetch them again")
    labels = np.concatenate(by_shard)
    _check_counts(dataset, split, labels, shards)
    return np.stack(images), labels


def _read(shard: Path, n_classes: int) -> tuple[list[bytes | None], np.ndarray]:
    with reading(shard):
        table = pq.read_table(shard)
        column = image_column(shard, table.schema)
        images, labels = table[column].to_pylist(), table["label"].to_pylist()
    return [(image or {}).get("bytes") for image in images], checked_labels(shard, labels, n_classes)


@contextmanager
def reading(shard: Path) -> Iterator[None]:
    """Raise ``InputError`` for a damaged file, of which pyarrow raises its own errors, OSError, UnicodeDecodeError …"""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{shard}: not a whole Parquet file ({reason}); fetch it again") from None


def image_column(shard: Path, schema: pa.Schema) -> str:
    """Name of the column of encoded images. Raises ``InputError`` unless the columns are the public layout's."""
    column = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
    if column is None or "label" not in schema.names:
        raise InputError(f"{shard}: columns {schema.names}; expected 'image' or 'img', and 'label'")
    kind = schema.field(column).type
    if not (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0):
        raise InputError(f"{shard}: column {column!r} should be a struct of bytes and path, as published")
    return column


def checked_labels(shard: Path, labels: list, n_classes: int) -> np.ndarray:
    """Labels as int64 of shape (n,). Raises ``InputError`` for the first that is no class."""
    for row, label in enumerate(labels):
        if not (isinstance(label, int) and 0 <= label < n_classes):
            raise InputError(f"{shard}: row {row}: label {label}; expected an integer from 0 to {n_classes - 1}")
    return np.array(labels, dtype=np.int64)


def _pixels(encoded: bytes | None, row: int, *, shape: tuple[int, int, int], shard: Path) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(encoded or b"")) as image:
            if image.size[::-1] != shape[:2]:  # before its pixels are unpacked, however many it says they are
                raise InputError(f"{shard}: row {row}: image of {image.size[::-1]} pixels; expected {shape[:2]}")
            return np.asarray(image.convert(MODES[shape[2]])).reshape(shape)
    except InputError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and more
        raise InputError(f"{shard}: row {row}: not a readable image ({error})") from None


def _check_counts(dataset: Dataset, split: str, labels: np.ndarray, shards: list[Path]) -> None:
    if dataset.counts is None:
        return
    for label, found in enumerate(np.bincount(labels, minlength=len(dataset.classes))):
        if found != dataset.counts[split]:
            raise InputError(
                f"{dataset.name}: {split}: class {label} ({dataset.classes[label]}) has {found} images; expected "
                f"{dataset.counts[split]}: a shard of {', '.join(map(str, shards))} is missing, doubled or altered"
            )

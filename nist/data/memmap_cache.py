"""Images of one size, decoded once into memory-mapped arrays; a killed decode goes on where it stopped.

A cache folder holds ``train.npy`` and ``test.npy``, uint8 of shape (n, size, size, 3), ``train_labels.npy`` and
``test_labels.npy``, int64 of shape (n,), and ``manifest.json``, which is written last: without it the cache is not
complete. ``progress.json`` stands in for it while images are decoded.
"""

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image
from tqdm import tqdm

from nist.data.decoding import decoding, eight_bit
from nist.data.packed import Images
from nist.data.parquet import SPLITS
from nist.digest import of_configuration
from nist.errors import InputError
from nist.runtime import locks
from nist.runtime.files import replacing

DECODING = 2  # raised when the same files come to give other pixels, as when 16 bits were scaled and EXIF was heeded
CHUNK = 1000  # images between two records of the progress
AT_ONCE = 100  # images that are held encoded, as they may be large
SECONDS = 1.0  # between two looks whether another process has decoded
LARGEST = 89_478_485  # pixels of an image, as Pillow warns of: a quarter of a gigabyte
FITS = ("crop", "stretch")
MANIFEST = "manifest.json"
RECORDS = (MANIFEST, "progress.json")
# What reading damaged JSON or .npy files raises; the last three come from JSON's parser and numpy's of headers.
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, SyntaxError, TokenError)


@dataclass(frozen=True)
class EncodedSplit:
    """One split on disk: its files as (path relative to the data set, bytes), and labels, int64 of shape (n,).

    ``encoded(start, stop)`` gives the images of that range, each as its name in messages and a path or file to open.
    """

    files: list[tuple[str, int]]
    labels: np.ndarray
    encoded: Callable[[int, int], Iterable[tuple[str, Path | BinaryIO]]]


@dataclass(frozen=True)
class Plan:
    """What a cache is to hold: images of ``size`` pixels a side, label i for the class ``classes[i]``."""

    name: str
    size: int
    fit: str
    classes: list[str]
    splits: dict[str, EncodedSplit]

    @cached_property
    def description(self) -> dict:
        """All that decides the content of the cache, as JSON can hold it."""
        return {
            **{key: getattr(self, key) for key in ("name", "size", "fit", "classes")},
            "decoding": DECODING,
            "chunk": CHUNK,
            "splits": {
                key: {
                    "images": len(split.labels),
                    "labels_sha256": _digest(split.labels),
                    "files": [[*file] for file in split.files],
                }
                for key, split in self.splits.items()
            },
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the description."""
        return of_configuration(self.description)


def load(folder: Path, plan: Plan, verify: bool = False) -> Images:
    """The images of ``plan``, read-only: from ``folder`` if it holds just them, undamaged, and else decoded into it.

    Of a damaged cache or a killed decode, only chunks that are missing or wrong are decoded. Processes that want the
    same cache wait for the first. Raises ``InputError`` for an unreadable image and for lack of space.
    """
    images = _matching(folder, plan, verify)
    if images is None:
        with _locked(folder) as alone:
            images = _matching(folder, plan, verify)  # another process may have made it in the meantime
            while images is None:
                _make(folder, plan)
                # Another one may have begun the arrays anew; it writes the same bytes.
                images = _matching(folder, plan, verify=not alone)
    return images


def read(folder: Path, verify: bool = False) -> tuple[dict, Images] | None:
    """The plan's description and the images of a complete cache; ``None`` if there is none or it is damaged.

    Sizes, shapes and labels are always checked, and with ``verify`` the digest of every chunk of pixels too.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        plan = manifest["plan"]
        arrays: dict[str, np.ndarray] = {}
        whole = of_configuration(plan) == manifest["plan_sha256"]
        for split in SPLITS:
            content = plan["splits"][split]
            images = _mapped(folder / f"{split}.npy", (content["images"], plan["size"], plan["size"], 3))
            labels = np.array(_mapped(folder / f"{split}_labels.npy", (content["images"],), np.int64))
            whole &= _digest(labels) == content["labels_sha256"]
            if verify:
                starts = range(0, len(images), plan["chunk"])
                chunks = [_digest(images[start : start + plan["chunk"]]) for start in starts]
                whole &= chunks == manifest["chunks_sha256"][split]
            arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    except DAMAGE:
        return None
    return (plan, Images(**arrays)) if whole else None


def _matching(folder: Path, plan: Plan, verify: bool = False) -> Images | None:
    found = read(folder, verify)
    return found[1] if found and found[0] == plan.description else None


def _make(folder: Path, plan: Plan) -> None:
    chunks = _known_chunks(folder, plan)
    record = partial(_record, folder / RECORDS[1], plan_sha256=plan.digest, chunks_sha256=chunks)
    record()
    (folder / MANIFEST).unlink(missing_ok=True)  # from here on the cache is not complete
    for split in SPLITS:
        with replacing(folder / f"{split}_labels.npy") as temporary:
            np.save(temporary, plan.splits[split].labels)
        _decode(folder / f"{split}.npy", plan, split, chunks[split], record)
    _record(
        folder / MANIFEST,
        plan=plan.description,
        plan_sha256=plan.digest,
        chunks_sha256=chunks,
        pillow=PIL.__version__,
    )
    (folder / RECORDS[1]).unlink(missing_ok=True)


def _known_chunks(folder: Path, plan: Plan) -> dict[str, list[str]]:
    """Digests of the chunks that were decoded by the very same plan; the arrays may have been damaged since."""
    for name in RECORDS:
        try:
            known = json.loads((folder / name).read_text(encoding="utf-8"))
            if known["plan_sha256"] == plan.digest:
                return {split: [*known["chunks_sha256"][split]] for split in SPLITS}
        except DAMAGE:
            continue
    return {split: [] for split in SPLITS}


def _record(path: Path, **content) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _decode(path: Path, plan: Plan, split: str, chunks: list[str], record: Callable[[], None]) -> None:
    """Fill the array at ``path``, keeping what has the digest in ``chunks``, and update that list as it goes."""
    array = _writable(path, (len(plan.splits[split].labels), plan.size, plan.size, 3), resume=bool(chunks))
    progress = tqdm(total=len(array), desc=f"decoding {plan.name} {split}", unit=" images", disable=None)
    with progress, ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
        for index, start in enumerate(range(0, len(array), CHUNK)):
            chunk = array[start : start + CHUNK]
            if index < len(chunks) and chunks[index] == _digest(chunk):
                progress.update(len(chunk))
                continue
            for row, image in enumerate(_decoded(pool, plan, split, start, start + len(chunk))):
                chunk[row] = image
                progress.update()
            array.flush()  # pixels reach the disk before the record that says so
            chunks[index : index + 1] = [_digest(chunk)]
            record()


def _decoded(pool: Executor, plan: Plan, split: str, start: int, stop: int) -> Iterator[np.ndarray]:
    """Images of a range in order. A pool takes in all that it is given, so it is given few at a time."""
    for first in range(start, stop, AT_ONCE):
        encoded = plan.splits[split].encoded(first, min(first + AT_ONCE, stop))
        yield from pool.map(partial(pixels, size=plan.size, fit=plan.fit), encoded)


def pixels(encoded: tuple[str, Path | BinaryIO], size: int, fit: str) -> np.ndarray:
    """One image as uint8 of shape (size, size, 3), upright and resized with antialiased bilinear interpolation.

    ``fit`` is ``crop`` (the shorter side to ``size``, then the centre) or ``stretch`` (both sides to ``size``).
    Raises ``InputError`` that names the image if it cannot be read, or would take gigabytes.
    """
    name, file = encoded
    with decoding(name), Image.open(file) as opened:
        width, height = _resized(opened.size, size, fit)
        largest = max(opened.width * opened.height, width * height)
        if largest > LARGEST:  # before a pixel is unpacked, and before a strip of one pixel's width is enlarged
            raise InputError(f"{name}: {largest:,} pixels; expected at most {LARGEST:,}, when it is resized too")
        upright = eight_bit(opened, "RGB", name)
        width, height = _resized(upright.size, size, fit)
        resized = upright.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def _resized(image: tuple[int, int], size: int, fit: str) -> tuple[int, int]:
    """Width and height that an image of that width and height is resized to."""
    width, height = image
    return (size, size) if fit == "stretch" else (width * size // min(image), height * size // min(image))


def _mapped(path: Path, shape: tuple[int, ...], dtype: type = np.uint8, mode: str = "r") -> np.memmap:
    """The array at ``path``; raises one of ``DAMAGE`` unless the file is whole and holds that type and shape."""
    array = np.lib.format.open_memmap(path, mode)
    if array.shape != shape or array.dtype != dtype or path.stat().st_size != array.offset + array.nbytes:
        raise ValueError(f"{path}: not a whole array of shape {shape}")
    return array


def _writable(path: Path, shape: tuple[int, ...], resume: bool) -> np.memmap:
    """The array at ``path`` to go on with, or else a new one: a new file, as others may have the old one mapped."""
    if resume:
        try:
            return _mapped(path, shape, mode="r+")
        except DAMAGE:
            pass
    try:
        with replacing(path) as temporary:
            np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            if hasattr(os, "posix_fallocate"):  # a full disk is an error now, and no crash on writing to the map later
                with temporary.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
    except OSError as error:
        needed = f"{np.prod(shape, dtype=float) / 1e9:,.1f} GB"
        raise InputError(f"{path}: needs {needed} ({error.strerror}); make room or choose another cache") from None
    return _mapped(path, shape, mode="r+")


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Let one process at a time write to ``folder``; the lock ends with its process, however that ends.

    Yields whether it does: not where the file system has no locks, which is a warning.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = False
    try:
        while (lock := locks.hold(folder / ".lock")) is None:
            if not said:
                print(f"{folder}: another process is decoding into this cache; waiting for it", file=sys.stderr)
                said = True
            time.sleep(SECONDS)
    except locks.NoLocksError as error:
        warnings.warn(
            f"{folder}: no locks on this file system ({error}), so nothing keeps two jobs from decoding at once; "
            "decode before they start",
            stacklevel=3,
        )
        yield False
        return
    with lock:
        yield True

"""ImageNet-100 and its like as users have them on disk, decoded once into a memory-mapped cache.

Under ``data_root/<name>`` there are either image folders, ``train`` or ``train.X1``, ``train.X2`` … and ``val`` or
``val.X``, each with one folder a class; or Parquet shards as ``nist.data.shards`` describes them, ``train-*.parquet``
and ``validation-*.parquet`` (or ``test-*.parquet``). Where a class list is missing, sorted folder names make one.

``python -m nist.image_folder imagenet100`` prepares it, for instance on a login node before jobs without the images.
"""

import argparse
import json
import stat
import warnings
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from nist.data import memmap_cache
from nist.data.catalog import cache_name
from nist.data.memmap_cache import FITS, EncodedSplit, Plan
from nist.data.packed import CACHE, Images, add_places
from nist.data.parquet import SPLITS
from nist.data.shards import Rows, labels_of
from nist.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
KINDS = 5  # of skipped files, that are named
EXPECTED = "image folders (train or train.*, and val or val.*) or train-*.parquet and validation-*.parquet shards"


def load(
    name: str,
    data_root: Path,
    cache: Path = CACHE,
    size: int = 224,
    classes: Iterable[str] | Path | str | None = None,
    *,
    n_classes: int = 100,
    fit: str = "stretch",
    verify: bool = False,
) -> tuple[Images, list[str]]:
    """Load ``data_root/<name>`` as images of ``size`` pixels a side, decoded at most once; pixels are memory-mapped.

    Returns them and the names of their classes, by label. ``classes`` picks class folders: their names, or a text file
    with one a line. ``fit`` is that of ``nist.data.memmap_cache.pixels``. ``verify`` checks every cached pixel. A whole
    cache serves where the images are absent. Raises ``InputError`` that names the file or folder for anything missing,
    doubled, unreadable or not as expected.
    """
    if not name or name == ".." or Path(name).name != name:
        raise InputError(f"data set {name!r}: expected the name of a folder in the data root")
    if fit not in FITS or size < 1:
        raise InputError(f"size {size}, fit {fit!r}: expected at least 1 pixel, and one of {', '.join(FITS)}")
    wanted = None if classes is None else class_list(classes, n_classes)
    class_file = Path(classes).name if isinstance(classes, (str, Path)) else None
    root, folder = data_root / name, cache / cache_name(name, size, fit, n_classes, class_file)
    found = find(root, wanted, n_classes)
    if found is None:
        expected = {"name": name, "size": size, "fit": fit} | ({} if wanted is None else {"classes": wanted})
        return _without_images(root, folder, expected, n_classes, verify)
    return memmap_cache.load(folder, Plan(name, size, fit, *found), verify), found[0]


def _without_images(root: Path, folder: Path, expected: dict, n_classes: int, verify: bool) -> tuple[Images, list[str]]:
    cached = memmap_cache.read(folder, verify)
    if cached is None:
        state = "damaged or not complete" if folder.exists() else "absent"
        raise InputError(f"{shown(root.absolute())}: no {EXPECTED}; and the cache {shown(folder)} is {state}")
    plan, images = cached
    if plan != plan | expected or len(plan["classes"]) != n_classes:
        raise InputError(
            f"{shown(folder)}: a cache of {plan['name']} at {plan['size']} ({plan['fit']}) with {len(plan['classes'])} "
            f"classes, not the {n_classes} asked for; no images to make it anew in {shown(root.absolute())}"
        )
    return images, plan["classes"]


def class_list(classes: Iterable[str] | Path | str, n_classes: int) -> list[str]:
    """Class names in the order of their labels: sorted. Raises ``InputError`` if one is doubled or the count is off."""
    origin = "class list"
    if isinstance(classes, (str, Path)):
        origin = shown(classes)
        try:
            lines = Path(classes).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, ValueError) as error:
            raise InputError(f"{origin}: not a readable class list ({error}); expected one name a line") from None
        classes = [line.strip() for line in lines if line.strip()]
    names = sorted(classes)
    doubled = next((name for name, after in pairwise(names) if name == after), None)
    if doubled is not None:
        raise InputError(f"{origin}: class {shown(doubled)} is there twice; expected {n_classes} different names")
    if len(names) != n_classes:
        raise InputError(f"{origin}: {len(names)} classes; expected {n_classes}")
    return names


def find(root: Path, wanted: list[str] | None, n_classes: int) -> tuple[list[str], dict[str, EncodedSplit]] | None:
    """Class names and splits of the data set in ``root``, or ``None`` if neither layout is there, not even in part."""
    folders = {split: _split_folders(root, stem) for split, stem in zip(SPLITS, ("train", "val"), strict=True)}
    # Beside a validation split, ImageNet's own test split has no labels.
    held_out = sorted(root.glob("validation-*.parquet")) or sorted(root.glob("test-*.parquet"))
    shards = {"train": sorted(root.glob("train-*.parquet")), "test": held_out}
    layouts = [layout for layout in (folders, shards) if any(layout.values())]
    if not layouts:
        return None
    if len(layouts) > 1 or not all(layouts[0].values()):
        there = [path.name for layout in layouts for split in layout.values() for path in split]
        raise InputError(f"{shown(root)}: found {_names(there)}; expected {EXPECTED}, one of the two and both splits")
    return (_from_folders if layouts[0] is folders else _from_shards)(root, layouts[0], wanted, n_classes)


def _split_folders(root: Path, stem: str) -> list[Path]:
    return sorted(path for path in root.glob(f"{stem}*") if path.is_dir() and path.name.split(".")[0] == stem)


def _from_folders(
    root: Path, folders: dict[str, list[Path]], wanted: list[str] | None, n_classes: int
) -> tuple[list[str], dict[str, EncodedSplit]]:
    others: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    found = {split: _class_folders(folders[split], others[split]) for split in SPLITS}
    places = {split: _names(folder.name for folder in folders[split]) for split in SPLITS}
    for split, other in (SPLITS, SPLITS[::-1]):
        missing = sorted(set(found[other] if wanted is None else wanted) - found[split].keys())
        if missing:
            origin = f"as in {places[other]}" if wanted is None else "as the class list has it"
            raise InputError(f"{shown(root)}: no class {shown(missing[0])} in {places[split]}; expected it {origin}")
    classes = sorted(found["train"]) if wanted is None else wanted
    if len(classes) != n_classes:
        raise InputError(
            f"{shown(root)}: {len(classes)} classes in {places['train']} and in {places['test']}; expected {n_classes}"
            f"{_unfound(root / 'Labels.json', classes)}"
        )
    splits = {split: _split(root, [found[split][name] for name in classes], others[split]) for split in SPLITS}
    for split in SPLITS:
        _say_skipped(root, places[split], others[split])
    return classes, splits


def _class_folders(folders: list[Path], others: Counter[str]) -> dict[str, list[Path]]:
    """Class name → its folders. Only this level is listed, so that no loop of links is ever followed."""
    found: dict[str, list[Path]] = {}
    for path in (path for folder in folders for path in sorted(_visible(folder))):
        if path.is_dir():
            found.setdefault(path.name, []).append(path)
        else:
            others[f"{_kind(path)} beside the class folders"] += 1
    return found


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, without the leftovers of file managers, whose names have a leading dot."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _kind(path: Path) -> str:
    return "folder(s)" if path.is_dir() else shown(path.suffix.lower()) or "without suffix"


def _say_skipped(root: Path, places: str, others: Counter[str]) -> None:
    """Warn of what is no image of a class, by suffix."""
    by_number = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    kinds = [f"{count:,} {kind}" for kind, count in by_number[:KINDS]]
    if rest := sum(count for _, count in by_number[KINDS:]):
        kinds.append(f"{rest:,} more")
    if kinds:
        skipped = f"skipped {', '.join(kinds)} in {places}"
        warnings.warn(f"{shown(root)}: {skipped}; images of a class end in {', '.join(SUFFIXES)}", stacklevel=2)


def _unfound(labels: Path, classes: list[str]) -> str:
    """The first class that ``Labels.json``, synset → words, knows and the folders do not; it is there to help only."""
    try:
        words = json.loads(labels.read_text(encoding="utf-8"))
        first = min(words.keys() - set(classes), default=None)
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
    return "" if first is None else f"; Labels.json also has {shown(first)} ({shown(words[first])})"


def _split(root: Path, class_folders: list[list[Path]], others: Counter[str]) -> EncodedSplit:
    """Images by label and name, so that their order does not depend on how a class was spread over folders."""
    files, labels = [], []
    for label, folders in enumerate(class_folders):
        images = (path for folder in folders for path in _image_files(folder, others))
        paths = sorted(images, key=lambda path: path.name)
        for path, after in pairwise(paths):
            if path.name == after.name:
                raise InputError(f"{shown(path)}: also in {shown(after.parent)}; expected each image once")
        files += [(path.relative_to(root).as_posix(), _size(path)) for path in paths]
        labels += [label] * len(paths)
    return EncodedSplit(files, np.array(labels, dtype=np.int64), partial(_encoded_files, root, files))


def _image_files(folder: Path, others: Counter[str]) -> list[Path]:
    """The images in a class folder; the rest is counted in ``others`` by its kind."""
    there = _visible(folder)
    files = [path for path in there if path.suffix.lower() in SUFFIXES]
    others.update(_kind(path) for path in there if path.suffix.lower() not in SUFFIXES)
    if not files:
        raise InputError(f"{shown(folder)}: class folder without images; expected {', '.join(SUFFIXES)} files")
    return files


def _size(path: Path) -> int:
    """Bytes of a file; raises ``InputError`` for a broken link, or what is no file."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{shown(path)}: not a readable file ({error.strerror}); fetch it again") from None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{shown(path)}: not a file; expected an image")
    return status.st_size


def _encoded_files(root: Path, files: list[tuple[str, int]], start: int, stop: int) -> list[tuple[str, Path]]:
    return [(shown(root / name), root / name) for name, _ in files[start:stop]]


def _from_shards(
    root: Path, shards: dict[str, list[Path]], wanted: list[str] | None, n_classes: int
) -> tuple[list[str], dict[str, EncodedSplit]]:
    """Labels stay as they were published; class names say what they stand for only where a class list was given."""
    splits = {split: _split_of_shards(root, shards[split], n_classes) for split in SPLITS}
    for split in SPLITS:
        present = len(np.unique(splits[split].labels))
        if present != n_classes:
            places = _names(path.name for path in shards[split])
            raise InputError(f"{shown(root)}: {present} classes in {places}; expected {n_classes}")
    return wanted or [str(label) for label in range(n_classes)], splits


def _split_of_shards(root: Path, shards: list[Path], n_classes: int) -> EncodedSplit:
    total = shards[0].stem.rpartition("-of-")[2]
    if total.isdecimal() and int(total) != len(shards):
        raise InputError(f"{shown(root)}: {len(shards)} shards like {shown(shards[0].name)}; expected {int(total)}")
    rows = Rows(shards)  # first, as it says which columns are missing
    labels = np.concatenate([labels_of(shard, n_classes) for shard in shards])
    files = [(path.relative_to(root).as_posix(), _size(path)) for path in shards]
    return EncodedSplit(files, labels, rows)


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(shown, names))


def shown(path: Path | str) -> str:
    """A path or name as a message of one line can hold it: with newlines and the like escaped."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def main(argv: list[str] | None = None) -> None:
    """Prepare one data set of image folders or large shards, and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m nist.image_folder", description=main.__doc__)
    parser.add_argument("dataset", help="its folder in the data root, for instance imagenet100")
    add_places(parser)
    parser.add_argument("--size", type=int, default=224, help="pixels a side (default: %(default)s)")
    parser.add_argument("--fit", choices=FITS, default="stretch", help="how it gets there (default: %(default)s)")
    parser.add_argument("--classes", type=Path, help="text file with one class name a line (default: all folders)")
    parser.add_argument("--n-classes", type=int, default=100, help="classes there must be (default: %(default)s)")
    parser.add_argument("--verify", action="store_true", help="check every pixel of a cache that is already there")
    options = vars(parser.parse_args(argv))
    name = options.pop("dataset")
    images, _ = load(name, **options)
    for split in SPLITS:
        count, height, width, channels = getattr(images, f"{split}_images").shape
        classes = len(np.unique(getattr(images, f"{split}_labels")))
        print(f"{name} {split}: {count:,} images of {height}×{width}×{channels} in {classes} classes")

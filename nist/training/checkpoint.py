"""Where a killed job goes on from: rows measured so far and the state of unfinished runs, in one file without pickle.

A file belongs to one block of one configuration, trained by one version of the code: their digests are in its path, so
that a changed study or trainer starts afresh and never continues what another one began.
"""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised

from nist import correctness, metrics_file
from nist.errors import InputError, first_line
from nist.runtime import locks
from nist.runtime.files import check_writable, in_folder, remove_partial, replacing

FOLDER = Path("results/checkpoints")
# What reading a damaged file raises. It is no OSError: a disk that cannot be read now may be read later.
DAMAGE = (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

States = dict[int, dict[str, torch.Tensor]]


class Checkpoint:
    """The checkpoint of one block; ``rows`` and ``states``, by seed, are what the file held when this was made.

    ``path`` of ``None`` keeps nothing. ``minutes`` is the least time between two writes; 0 writes whenever asked. The
    file before the last one is kept: a disk that lies about what it has written loses the newest.
    """

    def __init__(self, path: Path | None, minutes: float = 5):
        self.path, self.seconds = path, 60 * minutes
        self.previous = path and path.with_stem(f"{path.stem}.previous")
        self.source = path  # of what it holds
        self.tried = time.monotonic()
        self.rows, self.sessions, self.states = self._found()

    def is_due(self) -> bool:
        """Whether it is time to write."""
        return self.path is not None and time.monotonic() - self.tried >= self.seconds

    def write(self, rows: list[dict], sessions: list[dict], states: States) -> None:
        """Replace the file, whole or not at all; ``states``, by seed, are those of unfinished runs.

        A disk that refuses is a warning: training can go on without, and the next write may succeed. ``rows`` of this
        object are then still those that the file holds.
        """
        if self.path is None or self.previous is None:
            return
        try:
            with replacing(self.path) as temporary:
                save(temporary, rows, sessions, states)
                with suppress(FileNotFoundError):
                    os.replace(self.path, self.previous)
            self.rows = rows
        except OSError as error:
            warnings.warn(f"{self.path}: no checkpoint could be written ({error})", stacklevel=2)
        self.tried = time.monotonic()

    def remove(self, alone: bool = True) -> None:
        """Remove the files, once the metrics are written, and folders that are empty.

        ``alone`` says that no other process trains the block: then also what killed writes left.
        """
        if self.path is None or self.previous is None:
            return
        try:
            for file in (self.path, self.previous):
                file.unlink(missing_ok=True)
            if alone:
                remove_partial(self.path)
            _remove_empty_folders(self.path)
        except OSError as error:
            warnings.warn(
                f"{self.path}: the block is complete, but its checkpoint is still there ({error})", stacklevel=2
            )

    def _found(self) -> tuple[list[dict], list[dict], States]:
        """Rows, sessions and states of the newest whole file, with a warning if one is damaged; else nothing."""
        damage, places = None, [place for place in (self.path, self.previous) if place]
        for path in places:
            try:
                content, states = read(path)
            except FileNotFoundError:
                continue
            except DAMAGE as error:
                damage = damage or f"{path}: damaged checkpoint ({first_line(error)}), the block"
                continue
            if damage:
                warnings.warn(f"{damage} goes on from the one before it", stacklevel=3)
            if path != places[0]:  # or the next write would put the damaged one in the place of the whole one
                with suppress(FileNotFoundError):  # where there are no locks, another job has ended meanwhile
                    os.replace(path, places[0])
            return content["rows"], content["sessions"], states
        if damage:
            warnings.warn(f"{damage} starts from the beginning", stacklevel=3)
        return [], [], {}


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Keep other processes from training the block with the checkpoint ``path``. Raises ``InputError`` if one does.

    Yields whether it does: not where the file system has no locks, which is a warning.
    """
    place = path.with_name(f".{path.stem}.lock")
    check_writable(place.parent)
    try:
        lock = in_folder(place.parent, lambda: locks.hold(place))
    except locks.NoLocksError as error:
        warnings.warn(
            f"{place.parent}: no locks on this file system ({error}), so nothing keeps two jobs from training this "
            "block at once; they would end with the same file",
            stacklevel=3,
        )
        yield False
        return
    if lock is None:
        raise InputError(
            f"{path}: {locks.holder(place)} trains this block; start again when it has finished or been ended; "
            "nothing was changed"
        )
    with lock:
        try:
            yield True
        finally:
            with suppress(OSError):
                place.unlink()
                _remove_empty_folders(path)


def path_of(folder: Path, study: str, variant: str, seeds: range, digests: tuple[str, str]) -> Path:
    """The file of a block; ``digests`` are those of its configuration and of the training code."""
    key = "-".join(digest[:16] for digest in digests)
    return folder / study / variant / key / f"seeds{seeds.start}-{seeds.stop - 1}.safetensors"


def save(path: Path, rows: list[dict], sessions: list[dict], states: States, **more) -> None:
    """Write ``rows``, ``sessions``, ``states`` by seed, and ``more`` that JSON can hold. Raises ``OSError``."""
    content = {name: json.dumps(value) for name, value in {"rows": rows, "sessions": sessions, **more}.items()}
    tensors = {
        f"{seed}/{name}": value.detach().cpu().contiguous()
        for seed, state in states.items()
        for name, value in state.items()
    }
    # Not ``save_file``, which writes to a temporary file of a name of its own first: a killed job would leave that.
    path.write_bytes(serialised(tensors, {**content, "digest": digest_of(content, tensors)}))


def read(path: Path) -> tuple[dict, States]:
    """What ``save`` wrote: everything but the states, by name, and the states. Raises one of ``DAMAGE``."""
    with safe_open(path, framework="pt") as file:
        content = dict(file.metadata() or {})
        # Copies: a mapped file that another process cuts short would end this one with SIGBUS.
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118, not a mapping
    if content.pop("digest", None) != digest_of(content, tensors):
        raise ValueError("content and digest do not agree")
    states: States = {}
    for key, value in tensors.items():
        seed, _, name = key.partition("/")
        states.setdefault(int(seed), {})[name] = value
    found = {name: json.loads(value) for name, value in content.items()}
    _check(found["rows"], found["sessions"])
    return found, states


def seconds(path: Path) -> list[float]:
    """Seconds of every epoch that a checkpoint holds; none of a damaged one. No tensor is read."""
    try:
        with safe_open(path, framework="pt") as file:
            return [row["seconds"] for row in json.loads(file.metadata()["rows"])]
    except (*DAMAGE, OSError):
        return []


def digest_of(content: dict[str, str], tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256, in hex, of texts and tensors by name: what a disk has altered under an intact header shows."""
    total = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        total.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _check(rows: list, sessions: list) -> None:
    """Raises ``ValueError`` or ``TypeError`` for rows that are not the contract's, and for sessions that are none."""
    for row in rows:
        if row.keys() != {*metrics_file.SCHEMA.names, correctness.COLUMN} or None in row.values():
            raise ValueError("a row has not the columns of the metrics contract")
    pa.Table.from_pylist(rows, schema=metrics_file.SCHEMA)
    for session in sessions:
        if not all(isinstance(session[name], str) for name in ("started", "device")) or "versions" not in session:
            raise ValueError("a session does not say when and where it was")


def _remove_empty_folders(path: Path) -> None:
    """Those above a checkpoint, up to that of all checkpoints."""
    for folder in (path.parent, *path.parent.parents[:2]):
        if not folder.is_dir() or any(folder.iterdir()):
            return
        folder.rmdir()

"""Where a killed job goes on from: rows measured so far and the state of unfinished runs, in one file without pickle.

A file belongs to one block of one configuration, trained by one version of the code: their digests are in its path, so
that a changed study or trainer starts afresh and never continues what another one began.
"""

import json
import time
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from nist.files import replacing

FOLDER = Path("results/checkpoints")
DAMAGE = (SafetensorError, OSError, ValueError, KeyError, TypeError)  # what reading a damaged file raises


class Checkpoint:
    """The checkpoint of one block; ``rows`` and ``states``, by seed, are what the file held when this was made.

    ``path`` of ``None`` keeps nothing. ``minutes`` is the least time between two writes; 0 writes whenever asked.
    """

    def __init__(self, path: Path | None, minutes: float = 5):
        self.path, self.seconds = path, 60 * minutes
        self.written = time.monotonic()
        self.rows, self.sessions, self.states = _read_or_warn(path) if path else ([], [], {})

    def is_due(self) -> bool:
        """Whether it is time to write."""
        return self.path is not None and time.monotonic() - self.written >= self.seconds

    def write(self, rows: list[dict], sessions: list[dict], states: dict[int, dict[str, torch.Tensor]]) -> None:
        """Replace the file, whole or not at all; ``states``, by seed, are those of unfinished runs."""
        save(self.path, rows, sessions, states)
        self.written = time.monotonic()

    def remove(self) -> None:
        """Remove the file, once the metrics are written, what a killed write left of it, and folders that are empty."""
        if self.path is None:
            return
        for file in (self.path, *self.path.parent.glob(f".{self.path.stem}.*.partial{self.path.suffix}")):
            file.unlink(missing_ok=True)
        for folder in (self.path.parent, *self.path.parent.parents[:2]):
            if not folder.is_dir() or any(folder.iterdir()):
                return
            folder.rmdir()


def path_of(folder: Path, study: str, variant: str, seeds: range, digests: tuple[str, str]) -> Path:
    """The file of a block; ``digests`` are those of its configuration and of the training code."""
    key = "-".join(digest[:16] for digest in digests)
    return folder / study / variant / key / f"seeds{seeds.start}-{seeds.stop - 1}.safetensors"


def save(
    path: Path, rows: list[dict], sessions: list[dict], states: dict[int, dict[str, torch.Tensor]], **more
) -> None:
    """Write ``rows``, ``sessions``, ``states`` by seed, and ``more`` that JSON can hold, whole or not at all."""
    tensors = {f"{seed}/{name}": value for seed, state in states.items() for name, value in state.items()}
    metadata = {name: json.dumps(value) for name, value in {"rows": rows, "sessions": sessions, **more}.items()}
    with replacing(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary, metadata)


def read(path: Path) -> tuple[dict, dict[int, dict[str, torch.Tensor]]]:
    """What ``save`` wrote: everything but the states, by name, and the states. Raises one of ``DAMAGE``."""
    with safe_open(path, framework="pt") as file:
        content = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
        states: dict[int, dict[str, torch.Tensor]] = {}
        for key in file.keys():  # noqa: SIM118, not a mapping
            seed, _, name = key.partition("/")
            states.setdefault(int(seed), {})[name] = file.get_tensor(key)
    if not {"rows", "sessions"} <= content.keys():
        raise ValueError("no rows or sessions in its metadata")
    return content, states


def _read_or_warn(path: Path) -> tuple[list[dict], list[dict], dict[int, dict[str, torch.Tensor]]]:
    """Rows, sessions and states of a file; nothing if there is none or if it is damaged, with a warning."""
    try:
        content, states = read(path)
        return content["rows"], content["sessions"], states
    except FileNotFoundError:
        pass
    except DAMAGE as error:
        warnings.warn(f"{path}: damaged checkpoint, the block starts from the beginning ({error})", stacklevel=3)
    return [], [], {}

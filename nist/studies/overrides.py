"""What a variant changes beside its layers: single keys of its study's data, model or training."""

from copy import deepcopy
from typing import Any

from nist.errors import InputError

# Runs are compared seed by seed and epoch by epoch on the same images, so these are the same in every variant.
SHARED = {"data.dataset", "data.image_size", "data.classes", "data.class_list", "data.resize", "data.validation",
          "training.epochs"}  # fmt: skip
OPTIONAL = {"training.pruning.reachable", "training.pruning.mask"}  # a study need not have them for a variant to
PARTS = ("data", "model", "training")


def applied(content: dict, changes: dict) -> dict:
    """A copy of a study's ``content`` in which keys have the values that ``changes`` gives them.

    Keys are paths such as ``training.optimizers.0.learning_rate``. Raises ``InputError`` for one that the study does
    not have, or that all of its variants share.
    """
    changed = {**content, **{part: deepcopy(content[part]) for part in PARTS}}
    for path, value in changes.items():
        if path in SHARED or path.partition(".")[0] not in PARTS:
            raise InputError(f"changes.{path}: all variants of a study share it; write another study")
        *way, last = path.split(".")
        holder: Any = changed
        for key in way:
            holder = _step(holder, key, path)[1]
        place = last if path in OPTIONAL else _step(holder, last, path)[0]
        holder[place] = deepcopy(value)
    return changed


def _step(holder: object, key: str, path: str) -> tuple[str | int, Any]:
    """Key or index of ``key`` in ``holder``, and what is there."""
    if isinstance(holder, list) and key in map(str, range(len(holder))):
        return int(key), holder[int(key)]
    if isinstance(holder, dict) and key in holder:
        return key, holder[key]
    raise InputError(f"changes.{path}: the study has no such key; give one that it has, as in model.options.activation")

"""Studies that extend others: YAML files merged into a whole study, and the file that each of its values stands in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from nist.errors import InputError
from nist.studies.yaml_file import read as read_yaml

FOLDER = Path("config/studies")
DEFAULTS = "defaults.yaml"  # beside that folder
NAME = re.compile("[a-z0-9][a-z0-9_-]{,99}")
OWN = ("study", "edition", "title", "description")  # never inherited
# Lists are replaced, and so are mappings of which a part alone would say something else, or nothing.
REPLACED = {("feeds",), ("variants",), ("data", "augmentation"), ("model", "weights")}
# What belongs to a name goes with it.
OF_A_NAME: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("data",): ("dataset", ("classes", "class_list")),
    ("model",): ("name", ("options",)),
}
ALTERNATIVES = {"head", "blocks"}  # of a model; a study that gives the one has not the other
COLOURS = ("red", "blue", "black", "purple", "green", "orange", "brown", "pink", "teal", "olive", "grey")  # by position

Keys = Sequence[str | int]


class Layer(NamedTuple):
    """A file, and what it says."""

    path: Path
    content: dict


@dataclass(frozen=True)
class Resolved:
    """A whole study and the ``layers`` that it is merged from: the defaults, if they are there, to the study itself."""

    content: dict
    layers: list[Layer]

    def file(self, keys: Keys) -> Path | None:
        """The file that says what stands at ``keys``; ``None`` where none does, as of a colour by position."""
        saying = self.layers[-1:] if keys[0] in OWN else self.layers
        for n in range(1, len(keys) + 1):
            saying = [layer for layer in saying if _holds(layer.content, keys[:n])]
            if tuple(keys[:n]) in REPLACED:
                saying = saying[-1:]
        return saying[-1].path if saying and _holds(self.content, keys) else None

    def file_to_edit(self, keys: Keys) -> Path | str:
        """The file in which to put right what stands at ``keys`` or is missing there."""
        while keys and not self.file(keys) and _is_replaced(keys[:-1]):
            keys = keys[:-1]
        study, path = self.layers[-1].path, self.file(keys) if keys else None
        if keys and not path and self.layers[0].path.name != DEFAULTS:
            return f"{study}, without {defaults_of(self.layers[0].path)}, which is not there"
        return path or study


def resolve(path: Path) -> Resolved:
    """Merge the study at ``path`` with what it extends, on top of the defaults.

    Raises ``InputError`` for a file that cannot be read, for one to extend that is not there, and for a circle of them.
    """
    layers = _layers(path)
    merged: dict = {}
    for layer in layers:
        said = {key: value for key, value in layer.content.items() if key not in (*OWN, "extends")}
        merged = _merge(merged, said)
    said = {"edition": "own", **layers[-1].content}
    own = {key: said[key] for key in OWN if key in said}
    return Resolved(_complete({**own, **merged}), layers)


def files(path: Path) -> list[Path]:
    """The files that the study at ``path`` is merged from, itself last. Errors as ``resolve``'s."""
    return [layer.path for layer in _layers(path)]


def find(name: str, beside: Path) -> Path | None:
    """A study's file by name, in the folder of the file ``beside``, else in ``config/studies``."""
    places = (folder / f"{name}.yaml" for folder in (beside.parent, FOLDER))
    return next((place for place in places if place.exists()), None)


def defaults_of(path: Path) -> Path:
    """Where the defaults of a study are: in its project, or for a study outside of one in the working directory."""
    config = path.parent.parent if path.parent.parts[-2:] == FOLDER.parts else FOLDER.parent
    return config / DEFAULTS


def _layers(path: Path) -> list[Layer]:
    layers = [Layer(path, read_yaml(path))]
    while "extends" in layers[0].content:
        here, content = layers[0]
        extended = _extended(here, content["extends"])
        if extended.resolve() in [layer.path.resolve() for layer in layers]:
            circle = " extends ".join([*(layer.path.stem for layer in reversed(layers)), extended.stem])
            raise InputError(f"{here}: extends: {circle}, in a circle; let one of them extend none of the others")
        layers.insert(0, Layer(extended, read_yaml(extended)))
    defaults = defaults_of(layers[0].path)
    return [Layer(defaults, read_yaml(defaults)), *layers] if defaults.exists() else layers


def _extended(path: Path, name: object) -> Path:
    """The file of the study ``name``, which the one at ``path`` extends."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"{path}: extends: {name!r:.60} is no study's name; write one, as in extends: lenet5-digits")
    extended = find(name, path)
    if extended is None:
        known = sorted({one.stem for folder in (path.parent, FOLDER) for one in folder.glob("*.yaml")} - {path.stem})
        choice = f"there are {', '.join(known)}" if known else "start in the folder of the project"
        raise InputError(f"{path}: extends: no study {name!r} beside it or in {FOLDER}; {choice}")
    return extended


def _merge(base: dict, said: dict, where: tuple[str, ...] = ()) -> dict:
    """``base`` with what is ``said`` in its place: mappings key by key, all else whole."""
    merged = {key: value for key, value in base.items() if key not in _given_up(base, said, where)}
    for key, value in said.items():
        place, old = (*where, key), merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and place not in REPLACED:
            merged[key] = _merge(old, value, place)
        else:
            merged[key] = value
    return merged


def _given_up(base: dict, said: dict, where: tuple[str, ...]) -> set[str]:
    """Keys of ``base`` that do not go with what is ``said``."""
    name, belongings = OF_A_NAME.get(where, (None, ()))
    gone = set(belongings) if name in said and name in base and said[name] != base[name] else set()
    given = ALTERNATIVES & said.keys() if where == ("model",) else set()
    return gone | (ALTERNATIVES - given if len(given) == 1 else set())


def _complete(content: dict) -> dict:
    """``content`` with the defaults of its variants filled in. Values of a wrong type stay, for the schema to name."""
    variants, model = content.get("variants"), content.get("model")
    if not isinstance(variants, dict):
        return content
    unsaid = {"prune": None} | ({"factors": None} if isinstance(model, dict) and "head" in model else {})
    whole = dict(variants)
    for (name, entry), colour in zip(variants.items(), cycle(COLOURS), strict=False):
        if isinstance(entry, dict):
            missing = {key: value for key, value in {"colour": colour, **unsaid}.items() if key not in entry}
            whole[name] = {**entry, **missing}
    return {**content, "variants": whole}


def _holds(content: Any, keys: Keys) -> bool:
    for key in keys:
        places = range(len(content)) if isinstance(content, list) else content if isinstance(content, dict) else ()
        if key not in places:
            return False
        content = content[key]
    return True


def _is_replaced(keys: Keys) -> bool:
    """Whether the value at ``keys`` comes from one file alone."""
    return any(isinstance(key, int) or tuple(keys[:n]) in REPLACED for n, key in enumerate(keys, start=1))

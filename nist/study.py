"""A study's YAML file: reading, checking, and the configuration of each of its variants. Needs no torch."""

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from nist.datasets import DATASETS
from nist.errors import InputError
from nist.mask import check_factor, kept_weights

FOLDER = Path("config/studies")
SCHEMA = Path(__file__).with_name("study.schema.yaml")


@dataclass(frozen=True)
class Study:
    """A checked study. ``content`` is the YAML as it stands in the file; see ``study.schema.yaml`` for its keys."""

    path: Path
    content: dict

    @property
    def name(self) -> str:
        return self.content["study"]

    @property
    def title(self) -> str:
        """The study's heading, which says so if it is the embedded example."""
        return self.content["title"] + (" (embedded example)" if self.content["edition"] == "example" else "")

    @property
    def variants(self) -> dict[str, dict]:
        return self.content["variants"]

    @property
    def baseline(self) -> str:
        return self.content["statistics"]["baseline"]

    @property
    def seeds(self) -> range:
        return parse_seeds(self.content["seeds"])

    def configuration(self, variant: str, epochs: int | None = None) -> dict:
        """All that decides the numbers of a run of ``variant``, as plain JSON types; ``epochs`` overrides the study's.

        Titles, colours and statistics are not in it, so that changing them invalidates no run.
        Raises ``InputError`` for an unknown variant or a prune that would not come before the last epoch.
        """
        if variant not in self.variants:
            raise InputError(f"{self.path}: no variant {variant!r}; there are {', '.join(self.variants)}")
        entry = self.variants[variant]
        training = dict(self.content["training"])
        if epochs is not None:
            training["epochs"] = epochs
        if training["epochs"] < 1:
            raise InputError(f"{self.path}: a run of {training['epochs']} epochs trains nothing; give at least 1")
        if entry["prune"] and entry["prune"]["epoch"] >= training["epochs"]:
            raise InputError(
                f"{self.path}: variants.{variant}.prune.epoch is {entry['prune']['epoch']}, "
                f"but a run has only {training['epochs']} epochs; prune before the last one"
            )
        head = {**self.content["model"]["head"], "sizes": entry["sizes"], "factors": entry["factors"]}
        return {
            "data": self.content["data"],
            "model": {**self.content["model"], "head": head},
            "training": training,
            "prune": entry["prune"],
        }


def load(name_or_path: str | Path) -> Study:
    """Read a study by name, from ``config/studies``, or by path. Raises ``InputError`` that says what is wrong."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{name_or_path}.yaml"
    content = read_yaml(path)
    check_schema(content, SCHEMA, path)
    study = Study(path, content)
    _check(study)
    return study


def read_yaml(path: Path) -> dict:
    """Parse a YAML file into a dictionary. Raises ``InputError`` if it is missing or is not one."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys and values, found {type(content).__name__}")
    return content


def check_schema(content: dict, schema: Path, source: Path) -> None:
    """Check ``content`` against a JSON schema and name the first offending key of ``source``.

    Without jsonschema installed, as on a bare compute node, it warns and leaves the checking to the machine that plans.
    """
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
    except ImportError:
        warnings.warn(f"jsonschema is not installed: {source} is not checked against its schema", stacklevel=2)
        return
    error = best_match(Draft202012Validator(_schema(schema)).iter_errors(content))
    if error is None:
        return
    where = ".".join(map(str, error.absolute_path)) or "top level"
    meaning = error.schema.get("description") if isinstance(error.schema, dict) else None
    raise InputError(f"{source}: {where}: {error.message}" + (f" (expected: {meaning})" if meaning else ""))


@cache
def _schema(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def parse_seeds(text: str) -> range:
    """Seeds written as first-last, both included. Raises ``InputError`` if there are none."""
    first, separator, last = text.partition("-")
    if not (separator and first.isdecimal() and last.isdecimal()) or int(last) < int(first):
        raise InputError(f"seeds {text!r}: write the first and the last one, as in 0-19")
    return range(int(first), int(last) + 1)


def layer_shapes(head: dict) -> list[tuple[int, int, int]]:
    """(n_in, n_out, k) of every layer of a head, with k = n_out where the layer is dense."""
    sizes = head["sizes"]
    inputs = [head["n_in"], *sizes[:-1]]
    return list(zip(inputs, sizes, head["factors"] or sizes, strict=True))


def dense_weights(head: dict) -> int:
    """Weights of the head without any mask, biases not counted."""
    return sum(n_in * n_out for n_in, n_out, _ in layer_shapes(head))


def initial_weights(head: dict) -> int:
    """Weights inside the masks of Eq. 1 before any prune: n_in · k a layer."""
    return sum(n_in * k for n_in, _, k in layer_shapes(head))


def _check(study: Study) -> None:
    if study.name != study.path.stem:
        raise InputError(f"{study.path}: study: {study.name!r} should be the file's own name, {study.path.stem!r}")
    try:
        parse_seeds(study.content["seeds"])
    except InputError as error:
        raise InputError(f"{study.path}: {error}") from None
    name = study.content["data"]["dataset"]
    if name not in DATASETS:
        raise InputError(f"{study.path}: data.dataset: unknown data set {name!r}; there are {', '.join(DATASETS)}")
    if study.baseline not in study.variants:
        raise InputError(f"{study.path}: statistics.baseline: no variant {study.baseline!r}")
    shares = sum(phase["share"] for phase in study.content["training"]["optimizers"])
    if abs(shares - 1) > 1e-9:
        raise InputError(f"{study.path}: training.optimizers: the shares add up to {shares}, not to 1")
    for variant in study.variants:
        _check_variant(study, variant, n_classes=len(DATASETS[name].classes))


def _check_variant(study: Study, variant: str, n_classes: int) -> None:
    where = f"{study.path}: variants.{variant}"
    entry = study.variants[variant]
    if entry["sizes"][-1] != n_classes:
        raise InputError(f"{where}.sizes: the last is {entry['sizes'][-1]}, but the data set has {n_classes} classes")
    if entry["factors"] and len(entry["factors"]) != len(entry["sizes"]):
        raise InputError(f"{where}.factors: {len(entry['factors'])} factors for {len(entry['sizes'])} layers")
    head = study.configuration(variant)["model"]["head"]
    for position, shape in enumerate(layer_shapes(head)):
        try:
            check_factor(*shape)
        except ValueError as error:
            raise InputError(f"{where}.factors[{position}]: {error}") from None
    if entry["prune"] is None:
        return
    if entry["factors"] is None:
        raise InputError(f"{where}.prune: only NIST layers are pruned; give factors (n_out for a dense layer)")
    kept, active = kept_weights(dense_weights(head), entry["prune"]["sparsity"]), initial_weights(head)
    if not 1 <= kept <= active:
        raise InputError(f"{where}.prune.sparsity: would keep {kept} weights of {active}; keep at least 1, at most all")

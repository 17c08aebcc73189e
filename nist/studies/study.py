"""A study's YAML file: reading, checking, and the configuration of each of its variants. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nist import digest
from nist.errors import InputError
from nist.sparse.layers import MASK_KEY, VARIANT_KEYS, sparsified_part
from nist.studies import checks, inheritance, overrides
from nist.studies.inheritance import FOLDER as FOLDER  # others ask this module for it
from nist.studies.schema import check as check_schema

MOST_SEEDS, LARGEST_SEED = 100_000, 10**6  # the latter is also what nist.metrics_file reads
SCHEMA = Path(__file__).with_name("study.schema.yaml")
# Editions whose runs are kept with the project.
EVIDENCE = ("paper", "pilot", "control", "comparison", "reading", "stand-in")
IN_TITLES = {"example": "embedded example", "stand-in": "stand-in"}  # no experiments of the paper


class Trunk(NamedTuple):
    """What a variant shares with all that differ from it in the sparsity of their prune alone (audit E9).

    ``configuration`` is the variant's without its prune, ``epoch`` the last one before it, ``key`` a name for both.
    """

    key: str
    epoch: int
    configuration: dict


@dataclass(frozen=True)
class Study:
    """A checked study. ``content`` is the whole of it, with what it extends; see ``study.schema.yaml`` for its keys."""

    path: Path
    content: dict

    @property
    def name(self) -> str:
        return self.content["study"]

    @property
    def title(self) -> str:
        """The study's heading, which says so if it is the embedded example or a stand-in."""
        kind = IN_TITLES.get(self.content["edition"])
        return self.content["title"] + (f" ({kind})" if kind else "")

    @property
    def variants(self) -> dict[str, dict]:
        return self.content["variants"]

    @property
    def baseline(self) -> str:
        return self.content["statistics"]["baseline"]

    @property
    def trained(self) -> list[str]:
        """Variants that the study trains itself."""
        return [name for name in self.variants if not self.taken_from(name)]

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
        entry, content = self.variants[variant], self.changed(variant)
        training = dict(content["training"])
        if epochs is not None:
            training["epochs"] = epochs
        if training["epochs"] < 1:
            raise InputError(f"{self.path}: a run of {training['epochs']} epochs trains nothing; give at least 1")
        if entry["prune"] and entry["prune"]["epoch"] >= training["epochs"]:
            raise InputError(
                f"{self.path}: variants.{variant}.prune.epoch is {entry['prune']['epoch']}, "
                f"but a run has only {training['epochs']} epochs; prune before the last one"
            )
        rewind = entry.get("method", {}).get("rewind") or 0
        if rewind > training["epochs"]:
            raise InputError(
                f"{self.path}: variants.{variant}.method.rewind is {rewind}, "
                f"but a training has only {training['epochs']} epochs"
            )
        model = content["model"]
        part = sparsified_part(model)
        chosen = {name: entry[name] for name in VARIANT_KEYS[part]}
        return {
            "data": content["data"],
            "model": {**model, part: {**model[part], **chosen}},
            "training": training,
            "prune": entry["prune"],
            **({"method": entry["method"]} if "method" in entry else {}),
        }

    def changed(self, variant: str) -> dict:
        """The content of the study with what a variant changes in it. Raises ``InputError`` for what cannot change."""
        try:
            return overrides.applied(self.content, self.variants[variant].get("changes", {}))
        except InputError as error:
            raise InputError(f"{self.path}: variants.{variant}.{error}") from None

    def is_dense(self, variant: str) -> bool:
        """Whether the layers that NIST sparsifies are plain dense ones."""
        entry = self.variants[variant]
        return "method" not in entry and entry[MASK_KEY[sparsified_part(self.content["model"])]] is None

    def taken_from(self, variant: str) -> str | None:
        """The study whose runs of this variant are taken over; ``None`` for a variant that is trained."""
        return self.variants[variant].get("runs_of")

    def trunk(self, variant: str, epochs: int | None = None) -> Trunk | None:
        """The common trunk of a variant that is pruned; ``None`` for one that is not. Errors as ``configuration``'s."""
        configuration = self.configuration(variant, epochs)
        if configuration["prune"] is None:
            return None
        epoch, unpruned = configuration["prune"]["epoch"], {**configuration, "prune": None}
        return Trunk(f"{digest.of_configuration(unpruned)[:12]}-epoch{epoch}", epoch, unpruned)


def load(name_or_path: str | Path) -> Study:
    """Read a study by name, from ``config/studies``, or by path. Raises ``InputError`` that says what is wrong."""
    study = _load(name_or_path)
    taken = {variant: source for variant in study.variants if (source := study.taken_from(variant))}
    others = {source: _load(_source_of(study, source)) for source in dict.fromkeys(taken.values())}
    for variant, source in taken.items():
        _check_taken(study, variant, others[source])
    return study


def path_of(name_or_path: str | Path) -> Path:
    """The file of a study that is given by name or by path."""
    path = Path(name_or_path)
    return path if path.suffix in (".yaml", ".yml") else FOLDER / f"{name_or_path}.yaml"


def _load(name_or_path: str | Path) -> Study:
    """A study that is checked by itself, without those that it takes runs from."""
    path = path_of(name_or_path)
    whole = inheritance.resolve(path)
    check_schema(whole.content, SCHEMA, whole.file_to_edit)
    study = Study(path, whole.content)
    if study.name != path.stem:
        raise InputError(f"{path}: study: {study.name!r} should be the file's own name, {path.stem!r}")
    try:
        _check(study)
    except InputError as error:
        raise _where_it_began(error, whole.layers) from None
    return study


def _check(study: Study) -> None:
    """Check what the schema cannot know. Raises ``InputError``."""
    path, content = study.path, study.content
    try:
        parse_seeds(content["seeds"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    checks.check(path, content)
    for variant, entry in study.variants.items():
        if entry.get("changes"):
            changed, where = study.changed(variant), f"{path}: with variants.{variant}.changes"
            check_schema(changed, SCHEMA, where)
            checks.check(where, changed)
        checks.check_variant(path, variant, study.configuration(variant))


def _where_it_began(error: InputError, layers: list[inheritance.Layer]) -> InputError:
    """The same error of a study that is extended, if it is wrong by itself; else this one."""
    if "extends" not in layers[-1].content:
        return error
    try:
        _load(layers[-2].path)
    except InputError as other:
        mistakes = [str(one).partition(": ")[2] for one in (error, other)]
        return other if mistakes[0] == mistakes[1] else error
    return error


def _source_of(study: Study, source: str) -> Path:
    """The file of the study ``source``, which runs are taken from: beside this one, or else in ``config/studies``."""
    return inheritance.find(source, study.path) or study.path.with_name(f"{source}.yaml")


def _check_taken(study: Study, variant: str, other: Study) -> None:
    """Check that a variant whose runs are taken over is the same in the ``other`` study, which they are of."""
    where = f"{study.path}: variants.{variant}.runs_of"
    if variant not in other.variants or other.taken_from(variant):
        raise InputError(f"{where}: {other.name} trains no variant {variant!r}; it trains {', '.join(other.trained)}")
    ours, theirs = study.configuration(variant), other.configuration(variant)
    if digest.of_configuration(ours) != digest.of_configuration(theirs):
        change = checks.first_difference(theirs, ours)
        raise InputError(f"{where}: configured differently in {other.name}, where {change} here")
    if lacking := sorted({*study.seeds} - {*other.seeds}):
        raise InputError(
            f"{where}: seed {lacking[0]} of this study's, {study.content['seeds']}, is not among those of "
            f"{other.name}, {other.content['seeds']}; take runs that are there"
        )


def parse_seeds(text: str) -> range:
    """Seeds written as first-last, both included. Raises ``InputError`` if there are none, or too many."""
    first, separator, last = text.partition("-")
    digits = [part for part in (first, last) if part.isascii() and part.isdecimal()]
    if not separator or len(digits) < 2:
        raise InputError(f"seeds {text!r}: write the first and the last one, as in 0-19")
    if max(map(len, digits)) > len(str(LARGEST_SEED)) or int(last) >= LARGEST_SEED:
        raise InputError(f"seeds {text!r}: too large; seeds are less than {LARGEST_SEED:,}")
    seeds = range(int(first), int(last) + 1)
    if not 1 <= len(seeds) <= MOST_SEEDS:
        limit = f"at most {MOST_SEEDS:,} seeds"
        raise InputError(f"seeds {text!r}: write the first and the last one, as in 0-19, and {limit}")
    return seeds


def blocks(seeds: range, size: int) -> list[tuple[int, int]]:
    """First and last seed of every job; they start at multiples of ``size``, so that adding seeds adds jobs."""
    starts = sorted({max(seeds.start, seed // size * size) for seed in seeds})
    return [(start, min(start // size * size + size, seeds.stop) - 1) for start in starts]


def ranges(seeds: set[int]) -> list[tuple[int, int]]:
    """First and last of every range of whole numbers that ``seeds`` are made of."""
    firsts, lasts = (sorted(seed for seed in seeds if seed + step not in seeds) for step in (-1, 1))
    return list(zip(firsts, lasts, strict=True))


def parts(of: list[tuple[int, int]], seeds: range) -> list[tuple[int, int]]:
    """First and last seed of the overlap of ``seeds`` with each of the blocks ``of``, where there is one."""
    common = [(max(first, seeds.start), min(last, seeds.stop - 1)) for first, last in of]
    return [(first, last) for first, last in common if first <= last]

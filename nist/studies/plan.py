"""What a configuration asks for: blocks of seeds, their files and digests. Plain functions, without torch or Snakemake.

The workflow's rules and ``nist.train_all`` plan with the same functions, so that each goes on from the other's files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nist import digest
from nist.data.catalog import cache_name
from nist.errors import InputError
from nist.studies import model_code, study, trained, yaml_file
from nist.studies.schema import check as check_schema
from nist.studies.study import Study, Trunk
from nist.studies.trained import Files

CONFIGURATION = Path("config/config.yaml")
SCHEMAS = Path("workflow/schemas")
EDITIONS = {"paper": ("paper",), "evidence": study.EVIDENCE}
CACHE_KEYS = ("dataset", "image_size", "resize", "classes", "class_list")

Block = tuple[int, int]  # first and last seed


@dataclass(frozen=True)
class Plan:
    """Studies that run together, by name. ``seeds`` replace a study's own, ``block_size`` that of all studies.

    Runs in ``existing`` metrics files are not trained again. Paths are texts relative to the project.
    """

    studies: dict[str, Study]
    seeds: dict[str, range] = field(default_factory=dict)
    block_size: int | None = None
    existing: Files = field(default_factory=dict)

    def seeds_of(self, name: str) -> range:
        """Seeds that are run of a study."""
        return self.seeds.get(name, self.studies[name].seeds)

    def blocks(self, name: str) -> list[Block]:
        """First and last seed of every block of a study."""
        return study.blocks(self.seeds_of(name), self.block_size or self.studies[name].content["block_size"])

    def files(self, name: str, variant: str) -> list[Block]:
        """First and last seed of every metrics file of a variant that is to be made, by training or by taking over.

        They are blocks without the seeds that are there; runs taken over lie in parts of the files that have them.
        """
        source = self.studies[name].taken_from(variant)
        blocks = study.parts([*self._holding(source, variant)], self.seeds_of(name)) if source else self.blocks(name)
        there = {seed for seeds in self.existing.get((name, variant), {}).values() for seed in seeds}
        return [part for first, last in blocks for part in study.ranges({*range(first, last + 1)} - there)]

    def metrics(self, name: str) -> list[str]:
        """Metrics files of all variants of a study that are to be made."""
        return [self.metrics_file(name, v, b) for v in self.studies[name].variants for b in self.files(name, v)]

    def kept(self, name: str) -> list[str]:
        """Metrics files of all variants of a study that are there."""
        return [path for variant in self.studies[name].variants for path in self.existing.get((name, variant), {})]

    def _holding(self, name: str, variant: str) -> dict[Block, str]:
        """Every metrics file of a variant that its study trains, there or to be made, by its first and last seed."""
        there = {(min(seeds), max(seeds)): path for path, seeds in self.existing.get((name, variant), {}).items()}
        made = {block: self.metrics_file(name, variant, block) for block in self.files(name, variant)}
        return dict(sorted({**made, **there}.items()))

    def metrics_file(self, name: str, variant: str, block: Block) -> str:
        """The metrics file of a block; runs taken from another study lie one folder deeper."""
        source = self.studies[name].taken_from(variant)
        folder = f"{variant}/from-{source}" if source else variant
        return f"results/metrics/{name}/{folder}/{stem(block)}.parquet"

    def taken_file(self, source: str, variant: str, block: Block) -> str:
        """The metrics file of ``source`` that holds the seeds of ``block``, to be taken from there."""
        holding = self._holding(source, variant) if source in self.studies else {}
        found = (path for (first, last), path in holding.items() if first <= block[0] <= last)
        return next(found, self.metrics_file(source, variant, block))

    def trunk_file(self, name: str, variant: str, block: Block) -> str | None:
        """The trunk that a pruned variant goes on from, ``None`` for one without a prune.

        A variant has one even where no other shares it, so that it is not trained again when one is added that does.
        """
        trunk = self.trunks[name][variant]
        return trunk and f"results/trunks/{name}/{trunk.key}/{stem(block)}.safetensors"

    def variant_of_trunk(self, name: str, key: str) -> str:
        """A variant with the trunk of that key: the first, but any trains the same."""
        return next(variant for variant, trunk in self.trunks[name].items() if trunk and trunk.key == key)

    @cached_property
    def trunks(self) -> dict[str, dict[str, Trunk | None]]:
        """Trunks by study and variant."""
        return {name: {v: one.trunk(v) for v in one.variants} for name, one in self.studies.items()}

    @cached_property
    def _digests(self) -> dict[tuple[str, str, bool], str]:
        return {}  # blocks are many, variants few

    def digest(self, name: str, variant: str, of_trunk: bool = False) -> str:
        """What decides the numbers of a variant, or of its trunk: its configuration and the code that trains it.

        A block is trained again when, and only when, this changes.
        """
        key = (name, variant, of_trunk)
        if key not in self._digests:
            one = self.studies[name]
            trunk = self.trunks[name][variant] if of_trunk else None
            configuration = trunk.configuration if trunk else one.configuration(variant)
            code = digest.of_training_code(configuration["model"]["name"])
            self._digests[key] = f"{digest.of_configuration(configuration)}-{code}"
        return self._digests[key]

    def images(self, name: str) -> str:
        """The decoded images of a study's data set: one file, or of class folders the manifest of a cache."""
        data = self.studies[name].content["data"]
        if "classes" not in data:
            return f"results/images/{data['dataset']}.npz"
        return f"results/images/{cache_name(*(data[key] for key in CACHE_KEYS if key in data))}/manifest.json"


def stem(block: Block) -> str:
    """Name of a block's files, without their ending."""
    return f"seeds{block[0]}-{block[1]}"


def of_configuration(config: dict, said_by: Mapping[str, str] | None = None) -> Plan:
    """The plan of the content of ``config/config.yaml``, or of what has taken the place of some of it.

    ``said_by`` names what that is, by key. Raises ``InputError`` that names it, or the file, and what is wrong.
    """
    said_by, is_trained = said_by or {}, config.get("metrics_source") != "published"

    def at(key: str) -> str:
        return f"{said_by.get(key, CONFIGURATION)}: {key}"

    schema = SCHEMAS / "config.schema.yaml"
    check_schema(config, schema, lambda keys: said_by.get(keys[0] if keys else "", CONFIGURATION))
    studies = chosen(config["studies"])
    if unknown := set(config["seeds"]) - set(studies):
        raise InputError(f"{at('seeds')}: {min(unknown, key=str)!r} is not among the studies")
    if config["seeds"] and not is_trained:
        raise InputError(f"{at('seeds')}: chooses what is trained; all published runs are rendered, so leave it empty")
    if Path(config["data_root"]).is_file():
        raise InputError(f"{at('data_root')}: {config['data_root']} is a file; give the folder of the data sets")
    seeds = {name: _seeds(at("seeds"), name, text) for name, text in config["seeds"].items()}
    there = trained.find(studies.values(), trained.PUBLISHED) if config["metrics_source"] == "complete" else {}
    plan = Plan(studies, seeds, None if config["block_size"] == "auto" else config["block_size"], there)
    for name in studies:
        _check_taken(plan, name, at, is_trained)
        if is_trained:
            _check_models(studies[name])
    return plan


def chosen(names: list[str] | str) -> dict[str, Study]:
    """Studies by name; ``paper`` and ``evidence`` stand for all of their editions."""
    if isinstance(names, list):
        return {name: study.load(name) for name in names}
    every = [study.load(path.stem) for path in sorted(study.FOLDER.glob("*.yaml"))]
    return {one.name: one for one in every if one.content["edition"] in EDITIONS[names]}


def of_edition(edition: str) -> list[str]:
    """Files of every study of that edition, sorted. Nothing else of them is read: another may be half written."""
    paths = sorted(study.FOLDER.glob("*.yaml"))
    return [str(path) for path in paths if yaml_file.read(path).get("edition") == edition]


def _seeds(where: str, name: str, text: str) -> range:
    try:
        return study.parse_seeds(text)
    except InputError as error:
        raise InputError(f"{where}: {name}: {error}") from None


def _check_models(one: Study) -> None:
    """Check the code of the models that a study trains. Raises ``InputError`` that names the variant."""
    for variant in one.trained:
        try:
            model_code.check(one.configuration(variant)["model"])
        except InputError as error:
            changes = f"variants.{variant}: " if one.variants[variant].get("changes") else ""
            raise InputError(f"{one.path}: {changes}{error}") from None


def _check_taken(plan: Plan, name: str, at: Callable[[str], str], is_trained: bool) -> None:
    """Runs that a study takes from another one are trained there, so that one must run too, with the same seeds."""
    one = plan.studies[name]
    for source in sorted({source for variant in one.variants if (source := one.taken_from(variant))}):
        if is_trained and source not in plan.studies:
            raise InputError(f"{at('studies')}: {name} takes runs from {source}; add it to the studies")
        if source in plan.studies and not {*plan.seeds_of(name)} <= {*plan.seeds_of(source)}:
            raise InputError(f"{at('seeds')}: {name} takes runs from {source}; give that one the same seeds")

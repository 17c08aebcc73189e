# Configuration, checked once, and the functions that turn it into file names.
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from analysis import published, replays, runs
from analysis.statistics.together import INPUTS
from nist import digest, study
from nist.datasets import cache_name
from nist.errors import InputError

MANIFEST = "config/figures.yaml"
EDITIONS = {"paper": ("paper",), "evidence": study.EVIDENCE}
STATISTICS = [*INPUTS, "aa_calibration", "holm"]
SCHEMAS = Path(workflow.basedir) / "workflow/schemas"
MACHINES = sorted(path.parent.name for path in Path("results/published/benchmarks").glob("*/layers.parquet"))


def named_by(manifest):
    return [name for entry in manifest.values() for name in entry.get("studies", [])]


def load_configuration():
    """Studies by name, the manifest of figures and the studies it names, all checked; a mistake ends the run with one line."""
    study.check_schema(config, SCHEMAS / "config.schema.yaml", Path("config/config.yaml"))
    manifest = study.read_yaml(Path(MANIFEST))
    study.check_schema(manifest, SCHEMAS / "figures.schema.yaml", Path(MANIFEST))
    studies = chosen_studies()
    unknown = set(config["seeds"]) - set(studies)
    if unknown:
        raise InputError(f"config/config.yaml: seeds: {min(unknown)!r} is not among the studies")
    for name, text in config["seeds"].items():
        try:
            study.parse_seeds(text)
        except InputError as error:
            raise InputError(f"config/config.yaml: seeds: {name}: {error}") from None
    if config["seeds"] and config["metrics_source"] == "published":
        raise InputError("config/config.yaml: seeds: chooses what is trained; all published runs are rendered, so leave it empty")
    for experiment in studies.values():
        for item in experiment.content["feeds"]:
            if item not in manifest:
                raise InputError(f"{experiment.path}: feeds: {item!r} is not in {MANIFEST}; there are {', '.join(manifest)}")
        check_taken(experiment, studies)
    return studies, manifest, {name: study.load(name) for name in sorted(set(named_by(manifest)))}


def check_taken(experiment, studies):
    """Runs that a study takes from another one are trained there, so that one must run too, with the same seeds."""
    for source in sorted({experiment.taken_from(variant) for variant in experiment.variants} - {None}):
        if config["metrics_source"] == "train" and source not in studies:
            raise InputError(f"config/config.yaml: studies: {experiment.name} takes runs from {source}; add it to the studies")
        if source in studies and not {*seeds_of(experiment)} <= {*seeds_of(studies[source])}:
            raise InputError(f"config/config.yaml: seeds: {experiment.name} takes runs from {source}; give that one the same seeds")


def seeds_of(experiment):
    return study.parse_seeds(config["seeds"][experiment.name]) if experiment.name in config["seeds"] else experiment.seeds


def chosen_studies():
    """The studies that the configuration names, by name; ``paper`` and ``evidence`` stand for all of their editions."""
    if isinstance(config["studies"], list):
        return {name: study.load(name) for name in config["studies"]}
    every = [study.load(name) for name in sorted(path.stem for path in study.FOLDER.glob("*.yaml"))]
    editions = EDITIONS[config["studies"]]
    return {experiment.name: experiment for experiment in every if experiment.content["edition"] in editions}


published_blocks = cache(published.read_by_kind)


def published_metrics(studies):
    """Published files, with checksums, of each study that can be rendered from them. The rest is named, never trained."""
    files, remarks = published.renderable(published_blocks()[published.METRICS], studies.values())
    if not files:
        raise InputError(
            f"{published.FOLDER}: no published runs to render {', '.join(studies)} from; train them, with metrics_source: "
            "train and on any machine, then make publish FROM=results/metrics"
        )
    for remark in remarks:
        logger.warning(remark)
    return {name: published.checksums(paths) for name, paths in files.items()}


try:
    STUDIES, ITEMS, PAPER_STUDIES = load_configuration()
    PUBLISHED = published_metrics(STUDIES) if config["metrics_source"] == "published" else {}
    STUDIES = {name: STUDIES[name] for name in PUBLISHED or STUDIES}
except InputError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    study="[a-z0-9][a-z0-9_-]*",
    variant="[a-z0-9][a-z0-9._-]*",
    source="[a-z0-9][a-z0-9_-]*",
    trunk="[0-9a-f]+-epoch[0-9]+",
    seed="[0-9]+",
    first="[0-9]+",
    last="[0-9]+",
    dataset="[a-z0-9_]+",
    figure="fig[a-z0-9]+",
    table="table[a-z0-9]+|comparisons|trainingcost",
    machine="[a-z0-9][a-z0-9-]*",
    cost="layers|heads|trainer",


def blocks_of(experiment):
    """(first, last) seed of every block."""
    size = config["block_size"]
    return study.blocks(seeds_of(experiment), experiment.content["block_size"] if size == "auto" else size)


def files_of(experiment, variant):
    """(first, last) seed of every metrics file of a variant; runs that are taken over lie in parts of the blocks they are of."""
    source = experiment.taken_from(variant)
    return study.parts(blocks_of(STUDIES[source]), seeds_of(experiment)) if source else blocks_of(experiment)


def block_to_take(wildcards):
    """The metrics file of another study that holds the runs to take."""
    seeds = int(wildcards.first), int(wildcards.last)
    first, last = next((block for block in blocks_of(STUDIES[wildcards.source]) if block[0] <= seeds[0] <= block[1]), seeds)
    return f"results/metrics/{wildcards.source}/{wildcards.variant}/seeds{first}-{last}.parquet"


def metrics_files(name):
    """Metrics files of all variants of a study: those that are published, or those that training makes."""
    if PUBLISHED:
        return [ancient(path) for path in PUBLISHED[name]]  # a clone's files are all new: see checksums_of
    return [
        f"results/metrics/{name}/{place_of(name, variant)}/seeds{first}-{last}.parquet"
        for variant in STUDIES[name].variants
        for first, last in files_of(STUDIES[name], variant)
    ]


def place_of(name, variant):
    """Folder of a variant's metrics below its study's; runs that are taken from another study lie one deeper."""
    source = STUDIES[name].taken_from(variant)
    return f"{variant}/from-{source}" if source else variant


def metrics_of(wildcards):
    return metrics_files(wildcards.study)


def checksums_of(name):
    """Of a study's published metrics; a parameter of what reads them, in place of their age."""
    return PUBLISHED.get(name, {})


def statistics_of(wildcards):
    """Statistics that a study's figure or table reads, in the order its module takes them."""
    item = wildcards.get("figure") or wildcards.get("table")
    return [f"results/statistics/{wildcards.study}/{name}.csv" for name in ITEMS[item]["statistics"]]


def paper_items(kind, suffix):
    """Files of the paper's own items of one kind, figure or table."""
    names = [name for name, entry in ITEMS.items() if entry["kind"] == kind and "studies" in entry]
    return [f"results/{kind}s/{name}{suffix}" for name in names]


@cache  # blocks are many, variants few
def digest_of(name, variant, is_trunk=False):
    """What decides a run's numbers. As a parameter of a rule it makes Snakemake retrain when, and only when, it changes."""
    experiment = STUDIES[name]
    configuration = experiment.trunk(variant).configuration if is_trunk else experiment.configuration(variant)
    return f"{digest.of_configuration(configuration)}-{digest.of_training_code(configuration['model']['name'])}"


@cache
def trunk_key(name, variant):
    """Name of the trunk of a variant, nothing for one that is not pruned."""
    trunk = STUDIES[name].trunk(variant)
    return trunk and trunk.key


def training_digest(wildcards):
    return digest_of(wildcards.study, wildcards.variant)


def variant_of_trunk(wildcards):
    """A variant with that trunk: the first, but any trains the same."""
    variants = STUDIES[wildcards.study].variants
    return next(name for name in variants if trunk_key(wildcards.study, name) == wildcards.trunk)


def trunk_digest(wildcards):
    return digest_of(wildcards.study, variant_of_trunk(wildcards), is_trunk=True)


def trunk_of(wildcards):
    """The trunk that a pruned variant goes on from. It has one even where no other variant shares it, so that its inputs
    stay the same, and it is not trained again, when one is added that does."""
    key, block = trunk_key(wildcards.study, wildcards.variant), f"seeds{wildcards.first}-{wildcards.last}"
    return [f"results/trunks/{wildcards.study}/{key}/{block}.safetensors"] if key else []


def trunk_option(wildcards):
    return [f"--trunk={path}" for path in trunk_of(wildcards)]


def images_of(wildcards):
    data = STUDIES[wildcards.study].content["data"]
    if "classes" not in data:
        return f"results/images/{data['dataset']}.npz"
    keys = ("dataset", "image_size", "resize", "classes", "class_list")
    return f"results/images/{cache_name(*(data[key] for key in keys if key in data))}/manifest.json"


def class_list_of(wildcards):
    place = f"{config['data_root']}/{wildcards.dataset}"
    return [f"--classes={place}/{wildcards.class_list[1:]}"] if wildcards.class_list else []

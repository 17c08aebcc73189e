# The configuration, checked once and planned by nist.studies.plan; what rules share.
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from analysis import published, replays, runs
from analysis.statistics.together import INPUTS
from nist.errors import InputError
from nist.studies import inheritance, plan, study, yaml_file

STATISTICS = [*INPUTS, "aa_calibration", "holm"]
MACHINES = sorted(path.parent.name for path in Path("results/published/benchmarks").glob("*/layers.parquet"))

published_blocks = cache(published.read_by_kind)


def published_metrics(studies):
    """Published files, with checksums, of each study that can be rendered from them. The rest is named, never trained."""
    files, remarks = published.renderable(published_blocks()[published.METRICS], studies.values())
    for remark in remarks:
        logger.warning(remark)
    return {name: published.checksums(paths) for name, paths in files.items()}


try:
    PLAN = plan.of_configuration(config)
    ITEMS = plan.items(PLAN.studies)
    PAPER_STUDIES = plan.named_by(ITEMS)
    TRAINS = config["metrics_source"] != "published"
    PUBLISHED = {name: published.checksums(PLAN.kept(name)) for name in PLAN.studies} if TRAINS else published_metrics(PLAN.studies)
    STUDIES = {name: PLAN.studies[name] for name in PUBLISHED}
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


def metrics_files(name):
    """Metrics files of all variants of a study: those that are published, and those that training makes."""
    kept = [ancient(path) for path in PUBLISHED[name]]  # a clone's files are all new: see checksums_of
    return kept + (PLAN.metrics(name) if TRAINS else [])


def metrics_of(wildcards):
    return metrics_files(wildcards.study)


def checksums_of(name):
    """Of a study's published metrics; a parameter of what reads them, in place of their age."""
    return PUBLISHED.get(name, {})


def images_of(wildcards):
    return PLAN.images(wildcards.study)


def training_digest(wildcards):
    return PLAN.digest(wildcards.study, wildcards.variant)


def extended_by(paths):
    """Files beside the studies at ``paths`` that these are merged from: what they extend, and the defaults."""
    paths = {*paths}
    return sorted({str(file) for path in paths for file in inheritance.files(Path(path))} - paths)


def paper_items(kind, suffix):
    """Files of the paper's own items of one kind, figure or table."""
    names = [name for name, entry in ITEMS.items() if entry["kind"] == kind and "studies" in entry]
    return [f"results/{kind}s/{name}{suffix}" for name in names]

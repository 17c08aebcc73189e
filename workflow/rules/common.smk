# The configuration, checked once and planned by nist.studies.plan; what rules share.
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from analysis.contracts import STATISTICS
from analysis.metrics import runs
from analysis.published import replays, store
from nist.digest import code_of
from nist.errors import InputError
from nist.studies import inheritance, plan, study

published_blocks = cache(store.read_by_kind)

try:
    PLAN = plan.of_configuration(config)
    ITEMS = plan.items(PLAN.studies)
    PAPER_STUDIES = plan.named_by(ITEMS)
    TRAINS = config["metrics_source"] != "published"
    if TRAINS:
        KEPT, REMARKS = {name: PLAN.kept(name) for name in PLAN.studies}, []
    else:
        KEPT, REMARKS = store.renderable(published_blocks()[store.METRICS], PLAN.studies.values())
    STUDIES = {name: PLAN.studies[name] for name in KEPT}
except InputError as error:
    raise WorkflowError(str(error)) from None

for remark in REMARKS:
    logger.warning(remark)

# What reads published metrics has their checksums as a parameter, in place of their age: a clone's files are all new.
PUBLISHED = {name: store.checksums(paths) for name, paths in KEPT.items()}
MACHINES = sorted(path.parent.name for path in Path("results/published/benchmarks").glob("*/layers.parquet"))


wildcard_constraints:
    study="[a-z0-9][a-z0-9_-]*",
    variant="[a-z0-9][a-z0-9._-]*",
    source="[a-z0-9][a-z0-9_-]*",
    trunk="[0-9a-f]+-epoch[0-9]+",
    seed="[0-9]+",
    first="[0-9]+",
    last="[0-9]+",
    dataset="[a-z0-9_]+",
    machine="[a-z0-9][a-z0-9-]*",
    cost="layers|heads|trainer",


def metrics_of(name):
    """Metrics files of all variants of a study: those that are published, and those that training makes."""
    return [ancient(path) for path in PUBLISHED[name]] + (PLAN.metrics(name) if TRAINS else [])


def statistics_of(names, statistics=STATISTICS):
    return [f"results/statistics/{name}/{statistic}.csv" for name in names for statistic in statistics]


def images_of(wildcards):
    return PLAN.images(wildcards.study)


def training_digest(wildcards):
    return PLAN.digest(wildcards.study, wildcards.variant)

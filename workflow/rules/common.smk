# The configuration, checked once; what rules share. What goes into them and comes out is analysis.pipeline's to say.
import os
import sys
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.logging import logger

from analysis import queues
from analysis.console import Failures, is_of_use
from analysis.contracts import STATISTICS, SUFFIXES
from analysis.pipeline import Pipeline, extended_by
from nist import digest
from nist.errors import InputError
from nist.studies import study


def said(function, *arguments):
    """The result of ``function``; what is wrong with the input is the one line that the console ends with."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


# What has replaced single keys of config/config.yaml: files of a profile, and over them the command line.
SAID_BY = {key: os.path.relpath(path) for path in workflow.overwrite_configfiles for key in load_configfile(path)}
SAID_BY |= dict.fromkeys(workflow.config_settings.config, "--config")
PIPELINE = said(Pipeline, config, SAID_BY)
PLAN, STUDIES = PIPELINE.plan, PIPELINE.studies
COSTS = ["layers", "heads", "deployment", "trainer"]  # measured by make bench
# Where data lie and what trains them reaches commands so, and not as params: moving a data set must not retrain anything.
os.environ |= {
    "NIST_DATA_ROOT": config["data_root"],
    "NIST_DEVICE": config["device"],
    "NIST_DOWNLOAD": "--download" if config["download"] == "yes" else "",
}

for remark in PIPELINE.remarks:
    logger.warning(remark)
logger.addHandler(Failures())
logger.addFilter(is_of_use)


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


def metrics_of(name):
    """Metrics of a study. Published ones count by checksum, a parameter, and not by age: a clone's files are all new."""
    return [ancient(path) for path in PIPELINE.published(name)] + PIPELINE.made(name)


def block_of(wildcards):
    return int(wildcards.first), int(wildcards.last)


def trunk_of(wildcards):
    path = PLAN.trunk_file(wildcards.study, wildcards.variant, block_of(wildcards))
    return [path] if path else []

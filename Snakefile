# The whole pipeline: train many seeds, compute their statistics, render figures, tables and the report.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/readable.smk"


configfile: "config/config.yaml"


# Used with --software-deployment-method apptainer alone; docs/containers.md builds it.
container: "nist.sif"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


onstart:
    for remark in queues.remarks(
        (job.rule.name, job.resources) for job in workflow.dag.needrun_jobs() if not job.is_local
    ):
        logger.warning(remark)


rule all:
    input:
        "results/report.html",
        "results/claims.csv",
        PIPELINE.statistics(STUDIES),
    localrule: True


include: "workflow/rules/train.smk"
include: "workflow/rules/replay.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/items.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/report.smk"

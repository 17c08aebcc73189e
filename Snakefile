# The whole pipeline: train many seeds, compute their statistics, render figures, tables and the report.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/readable.smk"


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


rule all:
    input:
        "results/report.html",
        "results/claims.csv",
        expand("results/statistics/{study}/{statistic}.csv", study=STUDIES, statistic=STATISTICS),
        paper_items("figure", ".svg"),
        paper_items("table", ".csv"),


# Seconds each: wherever jobs are sent, these run where snakemake does.
localrules:
    all,
    replays,
    take,
    holm,
    crossover,
    cost_table,
    figure,
    table,
    paper_figure,
    paper_table,
    ledger,
    findings,
    report,


include: "workflow/rules/train.smk"
include: "workflow/rules/replay.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/paper.smk"

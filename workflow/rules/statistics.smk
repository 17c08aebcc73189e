# The statistics of a study come from one process: started one by one, each would read the same metrics and import the same
# libraries. Studies that are only rendered share processes for the same reason. Their parameters stand in the studies' YAML.
# Names of metrics come through a pipe: as arguments, tens of thousands would exceed what the system lets a command have.
MODULES = ("__main__", *STATISTICS)
STATISTICS_CODE = digest.of_code(*(f"analysis.statistics.{name}" for name in MODULES))


rule published_statistics:
    output:
        PIPELINE.statistics(PIPELINE.rendered),
    log:
        "results/logs/published_statistics.log",
    localrule: True
    threads: 8  # or as many as there are
    params:
        STATISTICS_CODE,
        PIPELINE.decides(PIPELINE.rendered),
        metrics=[path for name in PIPELINE.rendered for path in PIPELINE.published(name)],
        studies=[f"--study={name}" for name in PIPELINE.rendered],
    shell:
        "printf '%s\\n' {params.metrics:q} | python -m analysis.statistics {params.studies:q} @/dev/stdin"
        " --jobs {threads} -o results/statistics > {log} 2>&1"


rule statistics:
    input:
        metrics=lambda wildcards: metrics_of(wildcards.study),
    output:
        expand("results/statistics/{{study}}/{statistic}.csv", statistic=STATISTICS),
    log:
        "results/logs/statistics/{study}.log",
    params:
        STATISTICS_CODE,
        lambda wildcards: PIPELINE.decides([wildcards.study]),
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.statistics --study {wildcards.study} @/dev/stdin"
        " -o results/statistics > {log} 2>&1"


ruleorder: published_statistics > statistics

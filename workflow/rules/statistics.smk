# The statistics of a study, in one process: started one by one, each would read the same metrics and import the same
# libraries. Their parameters stand in the study's YAML. Names of metrics come through a pipe: as arguments, tens of thousands
# would exceed what the system lets a command have.
rule statistics:
    input:
        metrics=lambda wildcards: metrics_of(wildcards.study),
        code=code_of("analysis.statistics.__main__", *(f"analysis.statistics.{name}" for name in STATISTICS)),
    output:
        expand("results/statistics/{{study}}/{statistic}.csv", statistic=STATISTICS),
    log:
        "results/logs/statistics/{study}.log",
    params:
        lambda wildcards: [STUDIES[wildcards.study].content["statistics"], PIPELINE.checksums[wildcards.study]],
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.statistics --study {wildcards.study} @/dev/stdin"
        " -o results/statistics/{wildcards.study} > {log} 2>&1"

# The statistics of a study, in one process: started one by one, each would read the same metrics and import the same
# libraries. Their parameters stand in the study's YAML. Names of metrics come through a pipe: as arguments, tens of thousands
# would exceed what the system lets a command have.
def metrics_of_study(wildcards):
    return metrics_of(wildcards.study)


def parameters_of(wildcards):
    return [STUDIES[wildcards.study].content["statistics"], PUBLISHED[wildcards.study]]


rule statistics:
    input:
        metrics=metrics_of_study,
        code=code_of("analysis.statistics.__main__", *(f"analysis.statistics.{name}" for name in STATISTICS)),
    output:
        expand("results/statistics/{{study}}/{statistic}.csv", statistic=STATISTICS),
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}.log",
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.statistics --study {wildcards.study} @/dev/stdin"
        " -o results/statistics/{wildcards.study} > {log} 2>&1"

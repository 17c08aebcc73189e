# The statistics of a study, from its metrics. Parameters come from the study's YAML; they stand in params so that a change
# of theirs is seen, and modules among the inputs so that a change of code is. Nearly all are computed in one process:
# started one by one, each would read the same metrics and import the same libraries. Names of metrics come through a pipe,
# as arguments tens of thousands would exceed what the system lets a command have.
def parameters_of(wildcards):
    return [STUDIES[wildcards.study].content["statistics"], checksums_of(wildcards.study)]


def modules_of_statistics():
    """All of them: which uses which is theirs to say."""
    folder = Path("analysis/statistics")
    names = ("claims/networks", "cost", "decisions", "hits", "pairs", "provenance", "resampling", "runs", "scale/work")
    shared = [*(f"analysis/{name}.py" for name in names), "nist/sparse/layers.py", "nist/sparse/mask.py"]
    return [*sorted(map(str, folder.glob("*.py"))), *shared]


# Those with a p of each comparison.
TESTS = [
    "wilcoxon", "sd_permutation", "brown_forsythe", "superiority", "paired_difference", "equivalence", "epochs_to_accuracy",
    "gap_at_accuracy",
]


rule statistics:
    input:
        metrics=metrics_of,
        modules=modules_of_statistics(),
    output:
        expand("results/statistics/{{study}}/{statistic}.csv", statistic=INPUTS),
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/together.log",
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.statistics.together --study {wildcards.study} @/dev/stdin"
        " -o results/statistics/{wildcards.study} > {log} 2>&1"


rule aa_calibration:
    input:
        metrics=metrics_of,
        modules=modules_of_statistics(),
    output:
        "results/statistics/{study}/aa_calibration.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/aa_calibration.log",
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.statistics.aa_calibration --study {wildcards.study} @/dev/stdin"
        " -o {output} > {log} 2>&1"


rule holm:
    input:
        tests=expand("results/statistics/{{study}}/{test}.csv", test=TESTS),
        calibration="results/statistics/{study}/aa_calibration.csv",
        module="analysis/statistics/holm.py",
    output:
        "results/statistics/{study}/holm.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/holm.log",
    shell:
        "python -m analysis.statistics.holm --study {wildcards.study} {input.tests:q} --calibration {input.calibration:q} -o {output} > {log} 2>&1"

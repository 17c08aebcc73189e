# The paper's statistics, one rule each, from the metrics of a study. Parameters come from the study's YAML; they stand
# in params so that a change of theirs is seen, and the module among the inputs so that a change of code is.


def parameters_of(wildcards):
    return [STUDIES[wildcards.study].content["statistics"], checksums_of(wildcards.study)]


rule learning_curve:
    input:
        metrics=metrics_of,
        module="analysis/statistics/learning_curve.py",
    output:
        "results/statistics/{study}/learning_curve.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/learning_curve.log",
    shell:
        "python -m analysis.statistics.learning_curve --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule epochwise_sd:
    input:
        metrics=metrics_of,
        module="analysis/statistics/epochwise_sd.py",
    output:
        "results/statistics/{study}/epochwise_sd.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/epochwise_sd.log",
    shell:
        "python -m analysis.statistics.epochwise_sd --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule overfitting_gap:
    input:
        metrics=metrics_of,
        module="analysis/statistics/overfitting_gap.py",
    output:
        "results/statistics/{study}/overfitting_gap.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/overfitting_gap.log",
    shell:
        "python -m analysis.statistics.overfitting_gap --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule accuracy:
    input:
        metrics=metrics_of,
        module="analysis/statistics/accuracy.py",
    output:
        "results/statistics/{study}/accuracy.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/accuracy.log",
    shell:
        "python -m analysis.statistics.accuracy --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule epochs_to_converge:
    input:
        metrics=metrics_of,
        module="analysis/statistics/epochs_to_converge.py",
    output:
        "results/statistics/{study}/epochs_to_converge.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/epochs_to_converge.log",
    shell:
        "python -m analysis.statistics.epochs_to_converge --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule auc_sd:
    input:
        sd="results/statistics/{study}/epochwise_sd.csv",
        module="analysis/statistics/auc_sd.py",
    output:
        "results/statistics/{study}/auc_sd.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/auc_sd.log",
    shell:
        "python -m analysis.statistics.auc_sd --study {wildcards.study} {input.sd} -o {output} > {log} 2>&1"


rule wilcoxon:
    input:
        sd="results/statistics/{study}/epochwise_sd.csv",
        module="analysis/statistics/wilcoxon.py",
    output:
        "results/statistics/{study}/wilcoxon.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/wilcoxon.log",
    shell:
        "python -m analysis.statistics.wilcoxon --study {wildcards.study} {input.sd} -o {output} > {log} 2>&1"


rule wilson:
    input:
        sd="results/statistics/{study}/epochwise_sd.csv",
        module="analysis/statistics/wilson.py",
    output:
        "results/statistics/{study}/wilson.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/wilson.log",
    shell:
        "python -m analysis.statistics.wilson --study {wildcards.study} {input.sd} -o {output} > {log} 2>&1"


rule cost:
    input:
        metrics=metrics_of,
        convergence="results/statistics/{study}/epochs_to_converge.csv",
        module="analysis/cost.py",
    output:
        "results/statistics/{study}/cost.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/cost.log",
    shell:
        "python -m analysis.cost --study {wildcards.study} {input.metrics} --epochs-to-converge {input.convergence} -o {output} > {log} 2>&1"

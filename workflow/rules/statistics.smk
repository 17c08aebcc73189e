# Statistics, one rule each, from the metrics of a study. Parameters come from the study's YAML; they stand
# in params so that a change of theirs is seen, and the module among the inputs so that a change of code is; shared are the
# modules that it is built on.


def parameters_of(wildcards):
    return STUDIES[wildcards.study].content["statistics"]


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
        shared=["analysis/statistics/readings.py"],
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
        shared=["analysis/pairs.py"],
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
        shared=["analysis/pairs.py"],
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


# From here on, the statistics that hold although the epochs of a run are not independent.

# Those with a p for every variant, which holm corrects and aa_calibration tries on two halves of one variant.
TESTS = [
    "wilcoxon", "sd_permutation", "brown_forsythe", "superiority", "paired_difference", "equivalence",
    "epochs_to_accuracy",
]


rule readings:
    input:
        metrics=metrics_of,
        module="analysis/statistics/readings.py",
    output:
        "results/statistics/{study}/readings.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/readings.log",
    shell:
        "python -m analysis.statistics.readings --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule sd_permutation:
    input:
        metrics=metrics_of,
        module="analysis/statistics/sd_permutation.py",
        shared=["analysis/pairs.py", "analysis/resampling.py"],
    output:
        "results/statistics/{study}/sd_permutation.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/sd_permutation.log",
    shell:
        "python -m analysis.statistics.sd_permutation --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule run_bootstrap:
    input:
        metrics=metrics_of,
        module="analysis/statistics/run_bootstrap.py",
        shared=[
            "analysis/pairs.py", "analysis/resampling.py", "analysis/statistics/readings.py",
            "analysis/statistics/sd_permutation.py",
        ],
    output:
        "results/statistics/{study}/run_bootstrap.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/run_bootstrap.log",
    shell:
        "python -m analysis.statistics.run_bootstrap --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule simultaneous_band:
    input:
        metrics=metrics_of,
        module="analysis/statistics/simultaneous_band.py",
        shared=["analysis/pairs.py", "analysis/resampling.py"],
    output:
        "results/statistics/{study}/simultaneous_band.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/simultaneous_band.log",
    shell:
        "python -m analysis.statistics.simultaneous_band --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule brown_forsythe:
    input:
        readings="results/statistics/{study}/readings.csv",
        module="analysis/statistics/brown_forsythe.py",
        shared=["analysis/pairs.py"],
    output:
        "results/statistics/{study}/brown_forsythe.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/brown_forsythe.log",
    shell:
        "python -m analysis.statistics.brown_forsythe --study {wildcards.study} {input.readings} -o {output} > {log} 2>&1"


rule superiority:
    input:
        readings="results/statistics/{study}/readings.csv",
        module="analysis/statistics/superiority.py",
        shared=["analysis/pairs.py"],
    output:
        "results/statistics/{study}/superiority.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/superiority.log",
    shell:
        "python -m analysis.statistics.superiority --study {wildcards.study} {input.readings} -o {output} > {log} 2>&1"


rule paired_difference:
    input:
        readings="results/statistics/{study}/readings.csv",
        module="analysis/statistics/paired_difference.py",
        shared=["analysis/pairs.py"],
    output:
        "results/statistics/{study}/paired_difference.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/paired_difference.log",
    shell:
        "python -m analysis.statistics.paired_difference --study {wildcards.study} {input.readings} -o {output} > {log} 2>&1"


rule equivalence:
    input:
        readings="results/statistics/{study}/readings.csv",
        module="analysis/statistics/equivalence.py",
        shared=["analysis/pairs.py", "analysis/statistics/paired_difference.py"],
    output:
        "results/statistics/{study}/equivalence.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/equivalence.log",
    shell:
        "python -m analysis.statistics.equivalence --study {wildcards.study} {input.readings} -o {output} > {log} 2>&1"


rule epochs_to_accuracy:
    input:
        metrics=metrics_of,
        module="analysis/statistics/epochs_to_accuracy.py",
        shared=["analysis/pairs.py", "analysis/statistics/accuracy.py", "analysis/statistics/paired_difference.py"],
    output:
        "results/statistics/{study}/epochs_to_accuracy.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/epochs_to_accuracy.log",
    shell:
        "python -m analysis.statistics.epochs_to_accuracy --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule power:
    input:
        metrics=metrics_of,
        module="analysis/statistics/power.py",
        shared=[
            "analysis/pairs.py", "analysis/resampling.py", "analysis/statistics/readings.py",
            "analysis/statistics/sd_permutation.py",
        ],
    output:
        "results/statistics/{study}/power.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/power.log",
    shell:
        "python -m analysis.statistics.power --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


rule aa_calibration:
    input:
        metrics=metrics_of,
        module="analysis/statistics/aa_calibration.py",
        tests=[f"analysis/statistics/{name}.py" for name in [*TESTS, "run_bootstrap", "wilson", "readings"]],
        shared=["analysis/decisions.py", "analysis/pairs.py", "analysis/resampling.py"],
    output:
        "results/statistics/{study}/aa_calibration.csv",
    params:
        parameters_of,
    log:
        "results/logs/statistics/{study}/aa_calibration.log",
    shell:
        "python -m analysis.statistics.aa_calibration --study {wildcards.study} {input.metrics} -o {output} > {log} 2>&1"


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
        "python -m analysis.statistics.holm --study {wildcards.study} {input.tests} --calibration {input.calibration} -o {output} > {log} 2>&1"

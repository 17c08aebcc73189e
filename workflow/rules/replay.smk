# Spot replays: single seeds of published runs trained again, each from its first epoch without a trunk, to see where the two
# trainings part. They are compared with the published runs and are no metrics: no statistic is made from them.
rule replays:
    input:
        lambda wildcards: said(PIPELINE.replays_to_train, config["replay_seed"]),
    localrule: True


# Its checkpoints lie apart: those of a training of the same seed are neither gone on from nor removed.
rule replay:
    input:
        images=ancient(lambda wildcards: PLAN.images(wildcards.study)),
    output:
        update("results/replays/{study}/{variant}/seeds{seed}-{seed}.parquet"),
    log:
        "results/logs/replays/{study}/{variant}/seeds{seed}-{seed}.log",
    benchmark:
        "results/benchmarks/replays/{study}/{variant}/seeds{seed}-{seed}.tsv"
    params:
        digest=lambda wildcards: PLAN.digest(wildcards.study, wildcards.variant),
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {wildcards.variant}"
        ' --seeds {wildcards.seed}-{wildcards.seed} --data-root "$NIST_DATA_ROOT" --cache results/images'
        " --checkpoints results/checkpoints/replays"
        " --device $NIST_DEVICE --threads {threads} $NIST_DOWNLOAD --out {output} > {log} 2>&1"

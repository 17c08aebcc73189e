# Spot replays: single seeds of published runs trained again, each from its first epoch without a trunk, to see where the two
# trainings part. They are compared with the published runs and are no metrics: no statistic is made from them.
def published_replays():
    """Published replays of the studies that are rendered from published runs, with their checksums."""
    if not any(PUBLISHED.values()):
        return {}
    blocks = published_blocks()[store.REPLAYS]
    return store.checksums(path for path, block in blocks.items() if runs.name(block)[0] in STUDIES)


REPLAYS = published_replays()


def replays_to_train(wildcards):
    """One seed of each variant that the configured studies train and that has published runs."""
    seed = None if config["replay_seed"] == "first" else config["replay_seed"]
    try:
        metrics = published_blocks()[store.METRICS].values()
        seeds = {name: replays.chosen(metrics, experiment, seed) for name, experiment in STUDIES.items()}
    except InputError as error:
        raise WorkflowError(str(error)) from None
    if not any(seeds.values()):
        raise WorkflowError(f"{store.FOLDER}: no published runs of {', '.join(STUDIES)} to replay")
    return [
        f"results/replays/{name}/{variant}/seeds{seed}-{seed}.parquet"
        for name, chosen in seeds.items()
        for variant, seed in chosen.items()
    ]


rule replays:
    localrule: True
    input:
        replays_to_train,


# Its checkpoints lie apart: those of a training of the same seed are neither gone on from nor removed.
rule replay:
    input:
        images=ancient(images_of),
    output:
        update("results/replays/{study}/{variant}/seeds{seed}-{seed}.parquet"),
    params:
        digest=training_digest,
    log:
        "results/logs/replays/{study}/{variant}/seeds{seed}-{seed}.log",
    benchmark:
        "results/benchmarks/replays/{study}/{variant}/seeds{seed}-{seed}.tsv"
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {wildcards.variant}"
        " --seeds {wildcards.seed}-{wildcards.seed} --data-root {config[data_root]:q} --cache results/images"
        " --checkpoints results/checkpoints/replays"
        " --device {config[device]} --threads {threads} {DOWNLOAD} --out {output} > {log} 2>&1"

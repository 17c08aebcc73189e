# Data sets are decoded once; then every block of seeds is a job of its own. Where data lie and what trains them are read
# from the configuration in the commands, not through params: moving a data set must not retrain anything.
DOWNLOAD = "--download" if config["download"] == "yes" else ""


def class_list_of(wildcards):
    place = f"{config['data_root']}/{wildcards.dataset}"
    return [f"--classes={place}/{wildcards.class_list[1:]}"] if wildcards.class_list else []


def block_of(wildcards):
    return int(wildcards.first), int(wildcards.last)


def block_to_take(wildcards):
    return PLAN.taken_file(wildcards.source, wildcards.variant, block_of(wildcards))


def variant_of_trunk(wildcards):
    return PLAN.variant_of_trunk(wildcards.study, wildcards.trunk)


def trunk_digest(wildcards):
    return PLAN.digest(wildcards.study, variant_of_trunk(wildcards), of_trunk=True)


def trunk_of(wildcards):
    path = PLAN.trunk_file(wildcards.study, wildcards.variant, block_of(wildcards))
    return [path] if path else []


def trunk_option(wildcards):
    return [f"--trunk={path}" for path in trunk_of(wildcards)]


rule images:
    output:
        "results/images/{dataset}.npz",
    log:
        "results/logs/images/{dataset}.log",
    shell:
        "python -m nist.data {wildcards.dataset} --data-root {config[data_root]:q} --cache results/images {DOWNLOAD}"
        " > {log} 2>&1"


rule image_folder:
    output:
        "results/images/{dataset}-{size}-{fit}-{classes}{class_list}/manifest.json",
    wildcard_constraints:
        size="[0-9]+",
        fit="stretch|crop",
        classes="[0-9]+",
        class_list="(-[A-Za-z0-9][A-Za-z0-9._-]*)?",
    log:
        "results/logs/images/{dataset}-{size}-{fit}-{classes}{class_list}.log",
    params:
        classes=class_list_of,
    shell:
        "python -m nist.image_folder {wildcards.dataset} --data-root {config[data_root]:q} --cache results/images"
        " --size {wildcards.size} --fit {wildcards.fit} --n-classes {wildcards.classes} {params.classes:q} > {log} 2>&1"


# Training takes the place of its shell, which a signal to all of a job's processes would end: it could not finish its epoch.
# What training makes is updated, not deleted first: a job that finds it whole leaves it as it is. So what a job finished after
# its driver was killed is not trained again, and a new version that fails costs nothing.


# Variants that differ in their prune alone are one until then (audit E9). Trunks are kept: a variant that is added later
# goes on from them, and the others would be trained again if their trunk had to be made anew.
rule trunk:
    input:
        images=ancient(images_of),
    output:
        update("results/trunks/{study}/{trunk}/seeds{first}-{last}.safetensors"),
    params:
        digest=trunk_digest,
        variant=variant_of_trunk,
    log:
        "results/logs/trunks/{study}/{trunk}/seeds{first}-{last}.log",
    benchmark:
        "results/benchmarks/trunks/{study}/{trunk}/seeds{first}-{last}.tsv"
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {params.variant:q} --until-prune"
        " --seeds {wildcards.first}-{wildcards.last} --data-root {config[data_root]:q} --cache results/images"
        " --device {config[device]} --threads {threads} {DOWNLOAD} --out {output} > {log} 2>&1"


rule take:
    localrule: True
    input:
        metrics=block_to_take,
        code=code_of("analysis.metrics.reuse"),
    output:
        "results/metrics/{study}/{variant}/from-{source}/seeds{first}-{last}.parquet",
    log:
        "results/logs/take/{study}/{variant}/{source}/seeds{first}-{last}.log",
    shell:
        "python -m analysis.metrics.reuse {input.metrics:q} --study {wildcards.study} --variant {wildcards.variant}"
        " --seeds {wildcards.first}-{wildcards.last} -o {output} > {log} 2>&1"


rule train:
    input:
        images=ancient(images_of),  # its content is verified against pinned digests, so its age says nothing
        trunk=trunk_of,  # not ancient: made in the same run, it would hide that this rule's own digest has changed
    output:
        metrics=update("results/metrics/{study}/{variant}/seeds{first}-{last}.parquet"),
        correct=update("results/metrics/{study}/{variant}/seeds{first}-{last}.correct.parquet"),
    params:
        digest=training_digest,
        trunk=trunk_option,
    log:
        "results/logs/train/{study}/{variant}/seeds{first}-{last}.log",
    benchmark:
        "results/benchmarks/train/{study}/{variant}/seeds{first}-{last}.tsv"
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {wildcards.variant} {params.trunk:q}"
        " --seeds {wildcards.first}-{wildcards.last} --data-root {config[data_root]:q} --cache results/images"
        " --device {config[device]} --threads {threads} {DOWNLOAD} --out {output.metrics} > {log} 2>&1"

# Data sets are decoded once; then every block of seeds is a job of its own.
rule images:
    output:
        "results/images/{dataset}.npz",
    log:
        "results/logs/images/{dataset}.log",
    shell:
        'python -m nist.data {wildcards.dataset} --data-root "$NIST_DATA_ROOT" --cache results/images $NIST_DOWNLOAD'
        " > {log} 2>&1"


rule image_folder:
    output:
        "results/images/{dataset}-{size}-{fit}-{classes}{class_list}/manifest.json",
    log:
        "results/logs/images/{dataset}-{size}-{fit}-{classes}{class_list}.log",
    wildcard_constraints:
        size="[0-9]+",
        fit="stretch|crop",
        classes="[0-9]+",
        class_list="(-[A-Za-z0-9][A-Za-z0-9._-]*)?",
    params:
        classes=lambda wildcards: (
            [f"--classes={config['data_root']}/{wildcards.dataset}/{wildcards.class_list[1:]}"]
            if wildcards.class_list
            else []
        ),
    shell:
        'python -m nist.image_folder {wildcards.dataset} --data-root "$NIST_DATA_ROOT" --cache results/images'
        " --size {wildcards.size} --fit {wildcards.fit} --n-classes {wildcards.classes} {params.classes:q} > {log} 2>&1"


# Training takes the place of its shell, which a signal to all of a job's processes would end: it could not finish its epoch.
# What training makes is updated, not deleted first: a job that finds it whole leaves it as it is. So what a job finished after
# its driver was killed is not trained again, and a new version that fails costs nothing.


# Variants that differ in their prune alone are one until then (audit E9). Trunks are kept: a variant that is added later
# goes on from them, and the others would be trained again if their trunk had to be made anew.
rule trunk:
    input:
        images=ancient(lambda wildcards: PLAN.images(wildcards.study)),
    output:
        update("results/trunks/{study}/{trunk}/seeds{first}-{last}.safetensors"),
    log:
        "results/logs/trunks/{study}/{trunk}/seeds{first}-{last}.log",
    benchmark:
        "results/benchmarks/trunks/{study}/{trunk}/seeds{first}-{last}.tsv"
    params:
        digest=lambda w: PLAN.digest(w.study, PLAN.variant_of_trunk(w.study, w.trunk), of_trunk=True),
        variant=lambda wildcards: PLAN.variant_of_trunk(wildcards.study, wildcards.trunk),
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {params.variant:q} --until-prune"
        ' --seeds {wildcards.first}-{wildcards.last} --data-root "$NIST_DATA_ROOT" --cache results/images'
        " --device $NIST_DEVICE --threads {threads} $NIST_DOWNLOAD --out {output} > {log} 2>&1"


rule take:
    input:
        metrics=lambda wildcards: PLAN.taken_file(wildcards.source, wildcards.variant, block_of(wildcards)),
    output:
        "results/metrics/{study}/{variant}/from-{source}/seeds{first}-{last}.parquet",
    log:
        "results/logs/take/{study}/{variant}/{source}/seeds{first}-{last}.log",
    localrule: True
    params:
        code=digest.of_code("analysis.metrics.reuse"),
    shell:
        "python -m analysis.metrics.reuse {input.metrics:q} --study {wildcards.study} --variant {wildcards.variant}"
        " --seeds {wildcards.first}-{wildcards.last} -o {output} > {log} 2>&1"


rule train:
    input:
        # Its content is verified against pinned digests, so its age says nothing.
        images=ancient(lambda wildcards: PLAN.images(wildcards.study)),
        trunk=trunk_of,  # not ancient: made in the same run, it would hide that this rule's own digest has changed
    output:
        metrics=update("results/metrics/{study}/{variant}/seeds{first}-{last}.parquet"),
        correct=update("results/metrics/{study}/{variant}/seeds{first}-{last}.correct.parquet"),
    log:
        "results/logs/train/{study}/{variant}/seeds{first}-{last}.log",
    benchmark:
        "results/benchmarks/train/{study}/{variant}/seeds{first}-{last}.tsv"
    params:
        digest=lambda wildcards: PLAN.digest(wildcards.study, wildcards.variant),
        trunk=lambda wildcards: [f"--trunk={path}" for path in trunk_of(wildcards)],
    shell:
        "exec python -m nist.train --study {wildcards.study} --variant {wildcards.variant} {params.trunk:q}"
        ' --seeds {wildcards.first}-{wildcards.last} --data-root "$NIST_DATA_ROOT" --cache results/images'
        " --device $NIST_DEVICE --threads {threads} $NIST_DOWNLOAD --out {output.metrics} > {log} 2>&1"

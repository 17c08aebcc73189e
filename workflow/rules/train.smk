# Data sets are decoded once; then every block of seeds is a job of its own. Where data lie and what trains them are read
# from the configuration in the commands, not through params: moving a data set must not retrain anything.
DOWNLOAD = "--download" if config["download"] == "yes" else ""


rule images:
    output:
        "results/images/{dataset}.npz",
    log:
        "results/logs/images/{dataset}.log",
    shell:
        "python -m nist.data {wildcards.dataset} --data-root {config[data_root]:q} --cache results/images {DOWNLOAD}"
        " > {log} 2>&1"


rule train:
    input:
        images=ancient(images_of),  # its content is verified against pinned digests, so its age says nothing
    output:
        metrics="results/metrics/{study}/{variant}/seeds{first}-{last}.parquet",
    params:
        digest=training_digest,
    log:
        "results/logs/train/{study}/{variant}/seeds{first}-{last}.log",
    benchmark:
        "results/benchmarks/train/{study}/{variant}/seeds{first}-{last}.tsv"
    shell:
        "python -m nist.train --study {wildcards.study} --variant {wildcards.variant}"
        " --seeds {wildcards.first}-{wildcards.last} --data-root {config[data_root]:q} --cache results/images"
        " --device {config[device]} --threads {threads} --out {output.metrics} > {log} 2>&1"

# Figures and tables. One process makes the paper's own of which there are runs, one those of all studies that are only
# rendered, and one those of each study that is trained, as soon as it is.
for job, names in PIPELINE.item_jobs.items():

    rule:
        name:
            job
        input:
            statistics=PIPELINE.item_statistics(names),
        output:
            shown=[
                report(
                    path,
                    category=name or "The paper's figures and tables",
                    labels={"kind": PIPELINE.items[item]["kind"], "item": item},
                )
                for path, (name, item) in zip(PIPELINE.item_files(names), PIPELINE.items_by_study(names))
            ],
            others=PIPELINE.item_files(names, is_first=False),
        log:
            f"results/logs/items/{job}.log",
        localrule: True
        params:
            PIPELINE.item_looks(names),
            options=PIPELINE.item_options(names),
            code=digest.of_code("analysis.items", *PIPELINE.item_modules(names)),
        shell:
            "python -m analysis.items {params.options:q} {input.statistics:q} -o results > {log} 2>&1"

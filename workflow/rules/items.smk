# Figures and tables. One process makes all of a study, or all of the paper's own of which there are runs.
for name in PIPELINE.shown:

    rule:
        name:
            f"items_of_{name}" if name else "paper_items"
        input:
            statistics=PIPELINE.item_statistics(name),
            code=code_of("analysis.items", *PIPELINE.item_modules(name)),
        output:
            shown=[
                report(
                    path,
                    category=name or "The paper's figures and tables",
                    labels={"kind": PIPELINE.items[item]["kind"], "item": item},
                )
                for path, item in zip(PIPELINE.item_files(name), PIPELINE.items_of(name))
            ],
            others=PIPELINE.item_files(name, is_first=False),
        log:
            f"results/logs/items/{name or 'paper'}.log",
        localrule: True
        params:
            PIPELINE.item_looks(name),
            options=PIPELINE.item_options(name),
        shell:
            "python -m analysis.items {params.options:q} {input.statistics:q} -o results > {log} 2>&1"

# Figures and tables. One process makes all of a study, or all of the paper's own. Of the paper's, those that have runs.
for name, kind in PIPELINE.shown:
    files = PIPELINE.item_files(name, kind)
    titled = dict(zip(files, PIPELINE.items_of(name, kind)))  # in the first format, which Snakemake's report shows

    rule:
        name:
            f"{kind}s_of_{name}" if name else f"paper_{kind}s"
        input:
            statistics=PIPELINE.item_statistics(name, kind),
            code=code_of(f"analysis.{kind}s.__main__", *PIPELINE.item_modules(name, kind)),
        output:
            shown=[
                report(path, category=name or "The paper's figures and tables", labels={"kind": kind, "item": item})
                for path, item in titled.items()
            ],
            others=files[len(titled) :],
        log:
            f"results/logs/{kind}s/{name or 'paper'}.log",
        localrule: True
        params:
            PIPELINE.item_looks(name, kind),
            module=f"analysis.{kind}s",
            studies=PIPELINE.item_options(name),
        shell:
            'python -m {params.module} {params.studies:q} {input.statistics:q} -o "$(dirname {output.shown[0]:q})" > {log} 2>&1'

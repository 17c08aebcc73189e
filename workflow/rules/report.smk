# The ledger of the paper's claims, the findings and the page. Settings of every study of the paper are checked, run or not.
REPLAYS = PIPELINE.replays()
MACHINES = sorted(path.parent.name for path in Path("results/published/benchmarks").glob("*/layers.parquet"))


rule ledger:
    input:
        statistics=PIPELINE.statistics(PIPELINE.of_editions("paper", "reading")),
        studies=lambda wildcards: PIPELINE.ledger_studies,
        extended=lambda wildcards: extended_by(PIPELINE.ledger_studies),
    output:
        report(
            "results/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"kind": "table", "item": "ledger"},
        ),
    log:
        "results/logs/ledger.log",
    localrule: True
    params:
        code=digest.of_code("analysis.claims.__main__"),
    shell:
        "python -m analysis.claims {input.statistics:q} --studies {input.studies:q} -o {output} > {log} 2>&1"


rule findings:
    input:
        statistics=PIPELINE.statistics(PIPELINE.of_editions(*study.EVIDENCE)),
        studies=lambda wildcards: PIPELINE.findings_studies,
        extended=lambda wildcards: extended_by(PIPELINE.findings_studies),
        claims="results/claims.csv",
    output:
        "results/findings.md",
    log:
        "results/logs/findings.log",
    localrule: True
    params:
        code=digest.of_code("analysis.findings.__main__"),
    shell:
        "python -m analysis.findings --studies {input.studies:q} --claims {input.claims:q} -o {output} {input.statistics:q}"
        " > {log} 2>&1"


rule report:
    input:
        metrics=[path for name in STUDIES for path in metrics_of(name)],
        statistics=PIPELINE.statistics(STUDIES),
        shown=[path for names in PIPELINE.item_jobs.values() for path in PIPELINE.item_files(names)],
        benchmarks=expand("results/published/benchmarks/{machine}/layers.parquet", machine=MACHINES),
        drawn=expand(
            "results/figures/benchmarks/{machine}/{figure}.svg", machine=MACHINES, figure=["crossover", "deployment"]
        ),
        costs=expand("results/tables/benchmarks/{machine}/{cost}.csv", machine=MACHINES, cost=COSTS),
        studies=[str(one.path) for one in STUDIES.values()],
        extended=extended_by(str(one.path) for one in STUDIES.values()),
        replays=[ancient(path) for path in REPLAYS],
        manifest="config/figures.yaml",
        claims="results/claims.csv",
        findings="results/findings.md",
        assumptions="docs/assumptions.md",
    output:
        "results/report.html",
    log:
        "results/logs/report.log",
    localrule: True
    params:
        replays=REPLAYS,
        code=digest.of_code("analysis.report.__main__"),
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.report --studies {input.studies:q}"
        " --results results --claims {input.claims:q} --findings {input.findings:q} --benchmarks {input.benchmarks:q}"
        " --replays {input.replays:q} -o {output} @/dev/stdin > {log} 2>&1"

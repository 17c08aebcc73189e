# The ledger of the paper's claims, the findings and the page.


def extended_by(paths):
    """Files beside the studies at ``paths`` that these are merged from: what they extend, and the defaults."""
    paths = {*map(str, paths)}
    return sorted({str(file) for path in paths for file in inheritance.files(Path(path))} - paths)


def of_editions(editions):
    return [name for name, one in STUDIES.items() if one.content["edition"] in editions]


@cache
def the_papers_studies(wildcards):
    """Every study of the paper, configured or not: its settings are checked without a run."""
    return plan.of_edition("paper")


def studies_of_findings(wildcards):
    """The paper's, configured or not, and what is configured of their pilots and controls."""
    beside = [str(STUDIES[name].path) for name in of_editions(study.EVIDENCE)]
    return sorted({*the_papers_studies(wildcards), *beside})


def extended_by_the_papers(wildcards):
    return extended_by(the_papers_studies(wildcards))


def extended_by_findings(wildcards):
    return extended_by(studies_of_findings(wildcards))


rule ledger:
    localrule: True
    input:
        statistics=statistics_of(of_editions(["paper"])),
        studies=the_papers_studies,
        extended=extended_by_the_papers,
        code=code_of("analysis.claims.__main__"),
    output:
        report(
            "results/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"kind": "table", "item": "ledger"},
        ),
    log:
        "results/logs/ledger.log",
    shell:
        "python -m analysis.claims {input.statistics:q} --studies {input.studies:q} -o {output} > {log} 2>&1"


rule findings:
    localrule: True
    input:
        statistics=statistics_of(of_editions(study.EVIDENCE)),
        studies=studies_of_findings,
        extended=extended_by_findings,
        claims="results/claims.csv",
        code=code_of("analysis.findings.__main__"),
    output:
        "results/findings.md",
    log:
        "results/logs/findings.log",
    shell:
        "python -m analysis.findings --studies {input.studies:q} --claims {input.claims:q} -o {output} {input.statistics:q}"
        " > {log} 2>&1"


rule report:
    localrule: True
    input:
        metrics=[path for name in STUDIES for path in metrics_of(name)],
        figures=[path for name in [None, *STUDIES] for path in item_files(name, "figure", [".svg"])],
        tables=[path for name in [None, *STUDIES] for path in item_files(name, "table", [".csv"])],
        benchmarks=[f"results/published/benchmarks/{machine}/layers.parquet" for machine in MACHINES],
        costs=expand("results/figures/benchmarks/{machine}/crossover.svg", machine=MACHINES)
        + expand("results/tables/benchmarks/{machine}/{cost}.csv", machine=MACHINES, cost=["layers", "heads", "trainer"]),
        studies=[str(one.path) for one in STUDIES.values()],
        extended=extended_by(one.path for one in STUDIES.values()),
        replays=[ancient(path) for path in REPLAYS],
        manifest=str(plan.MANIFEST),
        claims="results/claims.csv",
        findings="results/findings.md",
        assumptions="docs/assumptions.md",
        code=code_of("analysis.report.__main__"),
    output:
        "results/report.html",
    params:
        replays=REPLAYS,
    log:
        "results/logs/report.log",
    shell:
        "printf '%s\\n' {input.metrics:q} | python -m analysis.report --studies {input.studies:q} --manifest {input.manifest:q}"
        " --results results --claims {input.claims:q} --findings {input.findings:q} --benchmarks {input.benchmarks:q}"
        " --replays {input.replays:q} -o {output} @/dev/stdin > {log} 2>&1"

# Figures, tables and the report. None of them knows how its numbers came about.


def appearance_of(wildcards):
    """Labels, colours and options: what a figure or table takes from the study beside its statistics."""
    content = STUDIES[wildcards.study].content
    return [content["title"], content["edition"], content["variants"], content["feeds"]]


rule fig1:
    input:
        module="analysis/figures/fig1.py",
    output:
        multiext("results/figures/fig1", ".svg", ".png"),
    log:
        "results/logs/figures/fig1.log",
    shell:
        "python -m analysis.figures.fig1 -o {output} > {log} 2>&1"


rule figure:
    input:
        statistics=statistics_of,
        module="analysis/figures/{figure}.py",
        style="analysis/figures/style.py",
    output:
        svg="results/figures/{study}/{figure}.svg",
        png="results/figures/{study}/{figure}.png",
    params:
        appearance_of,
    log:
        "results/logs/figures/{study}/{figure}.log",
    shell:
        "python -m analysis.figures.{wildcards.figure} --study {wildcards.study} {input.statistics} -o {output.svg}"
        " > {log} 2>&1"


rule table:
    input:
        statistics=statistics_of,
        module="analysis/tables/{table}.py",
        layout="analysis/tables/layout.py",
    output:
        csv="results/tables/{study}/{table}.csv",
        other=multiext("results/tables/{study}/{table}", ".md", ".tex"),
    params:
        appearance_of,
    log:
        "results/logs/tables/{study}/{table}.log",
    shell:
        "python -m analysis.tables.{wildcards.table} --study {wildcards.study} {input.statistics} -o {output.csv}"
        " > {log} 2>&1"


rule report:
    input:
        metrics=[path for name in STUDIES for path in metrics_files(name)],
        figures=["results/figures/fig1.svg", *items_of("figure", ".svg")],
        tables=items_of("table", ".csv"),
        benchmarks=[f"results/published/benchmarks/{machine}/layers.parquet" for machine in MACHINES],
        costs=expand("results/figures/benchmarks/{machine}/crossover.svg", machine=MACHINES)
        + expand("results/tables/benchmarks/{machine}/{cost}.csv", machine=MACHINES, cost=["layers", "heads", "trainer"]),
        studies=[str(experiment.path) for experiment in STUDIES.values()],
        manifest=MANIFEST,
        claims="results/claims.csv",
        assumptions="docs/assumptions.md",
        modules=sorted(str(path) for path in Path("analysis/report").iterdir() if path.is_file()),
    output:
        "results/report.html",
    log:
        "results/logs/report.log",
    shell:
        "python -m analysis.report --studies {input.studies} --manifest {input.manifest} --results results"
        " --claims {input.claims} --benchmarks {input.benchmarks} -o {output} {input.metrics} > {log} 2>&1"


LEDGER_STATISTICS = [
    "accuracy", "auc_sd", "cost", "epochs_to_converge", "learning_curve", "overfitting_gap", "wilcoxon", "wilson",
]


def studies_of_the_paper(wildcards):
    """Every study of the paper that there is, configured or not: settings are checked without a run."""
    paths = sorted(study.FOLDER.glob("*.yaml"))
    return [str(path) for path in paths if study.read_yaml(path).get("edition") == "paper"]


def ledger_statistics(wildcards):
    """Statistics of the configured studies of the paper. Claims on any other study read "not run"."""
    names = [name for name, experiment in STUDIES.items() if experiment.content["edition"] == "paper"]
    return expand("results/statistics/{study}/{statistic}.csv", study=names, statistic=LEDGER_STATISTICS)


rule ledger:
    input:
        statistics=ledger_statistics,
        studies=studies_of_the_paper,
        claims="analysis/claims/claims.csv",
        modules=sorted(map(str, Path("analysis/claims").glob("*.py"))),
    output:
        "results/claims.csv",
    log:
        "results/logs/ledger.log",
    shell:
        "python -m analysis.claims {input.statistics} --studies {input.studies} -o {output} > {log} 2>&1"

# Figures, tables and the report. None of them knows how its numbers came about. An item of a study shows that study
# alone; an item of the paper shows all its studies, and those that are not configured as missing: it trains nothing.


def statistics_of(wildcards):
    """Statistics that a study's figure or table reads, in the order its module takes them."""
    item = wildcards.get("figure") or wildcards.get("table")
    return [f"results/statistics/{wildcards.study}/{name}.csv" for name in ITEMS[item]["statistics"]]


def appearance(experiment):
    """What a figure or table takes from a study beside its statistics."""
    return [experiment.content[key] for key in ("title", "edition", "variants", "feeds", "data", "model", "training")]


def appearance_of(wildcards):
    return appearance(STUDIES[wildcards.study])


def item_of(wildcards):
    return ITEMS[wildcards.get("figure") or wildcards.get("table")]


def paper_statistics(wildcards):
    """Statistics of the configured ones of the studies that an item of the paper is made from."""
    names = [name for name in item_of(wildcards)["studies"] if name in STUDIES]
    return [f"results/statistics/{name}/{statistic}.csv" for name in names for statistic in item_of(wildcards)["statistics"]]


def paper_appearance(wildcards):
    return [appearance(PAPER_STUDIES[name]) for name in item_of(wildcards)["studies"]]


def caption_of(wildcards):
    """For snakemake --report, which knows no numbers of runs and names no machine."""
    caption = item_of(wildcards)["caption"]
    return caption.replace("{runs}", "all runs")


def paper_options(wildcards):
    return [f"--study={name}" for name in item_of(wildcards)["studies"]]


def items_of(kind, suffix):
    """Files of one kind, figure or table, of all studies; where the paper has such an item of a study, that one serves."""
    return [
        f"results/{kind}s/{name}/{item}{suffix}"
        for name, experiment in STUDIES.items()
        for item in experiment.content["feeds"]
        if ITEMS[item]["kind"] == kind and name not in ITEMS[item].get("studies", [])
    ]


FIGURE_MODULES = ["analysis/study_results.py", "analysis/figures/style.py"]
TABLE_MODULES = [
    "analysis/study_results.py", "analysis/words.py", "analysis/statistics/cost.py", "analysis/claims/claims.csv", "analysis/networks/counts.py",
    *(f"analysis/tables/{name}.py" for name in ("layout", "printed", "sparse_heads")),
]


rule figure:
    input:
        statistics=statistics_of,
        module="analysis/figures/{figure}.py",
        shared=FIGURE_MODULES,
    output:
        report(
            "results/figures/{study}/{figure}.svg",
            caption="../report/item.rst",
            category="{study}",
            labels={"kind": "figure", "item": "{figure}"},
        ),
        multiext("results/figures/{study}/{figure}", ".pdf", ".png"),
    params:
        appearance_of,
        caption=caption_of,
    log:
        "results/logs/figures/{study}/{figure}.log",
    shell:
        "python -m analysis.figures.{wildcards.figure} --study {wildcards.study} {input.statistics:q} -o {output[0]}"
        " > {log} 2>&1"


rule table:
    input:
        statistics=statistics_of,
        module="analysis/tables/{table}.py",
        shared=TABLE_MODULES,
    output:
        csv=report(
            "results/tables/{study}/{table}.csv",
            caption="../report/item.rst",
            category="{study}",
            labels={"kind": "table", "item": "{table}"},
        ),
        other=multiext("results/tables/{study}/{table}", ".md", ".tex"),
    params:
        appearance_of,
        caption=caption_of,
    log:
        "results/logs/tables/{study}/{table}.log",
    shell:
        "python -m analysis.tables.{wildcards.table} --study {wildcards.study} {input.statistics:q} -o {output.csv}"
        " > {log} 2>&1"


rule paper_figure:
    input:
        statistics=paper_statistics,
        module="analysis/figures/{figure}.py",
        shared=FIGURE_MODULES,
    output:
        report(
            "results/figures/{figure}.svg",
            caption="../report/item.rst",
            category="The paper's figures and tables",
            labels={"kind": "figure", "item": "{figure}"},
        ),
        multiext("results/figures/{figure}", ".pdf", ".png"),
    params:
        paper_appearance,
        caption=caption_of,
        studies=paper_options,
    log:
        "results/logs/figures/{figure}.log",
    shell:
        "python -m analysis.figures.{wildcards.figure} {params.studies:q} {input.statistics:q} -o {output[0]} > {log} 2>&1"


rule paper_table:
    input:
        statistics=paper_statistics,
        module="analysis/tables/{table}.py",
        shared=TABLE_MODULES,
    output:
        csv=report(
            "results/tables/{table}.csv",
            caption="../report/item.rst",
            category="The paper's figures and tables",
            labels={"kind": "table", "item": "{table}"},
        ),
        other=multiext("results/tables/{table}", ".md", ".tex"),
    params:
        paper_appearance,
        caption=caption_of,
        studies=paper_options,
    log:
        "results/logs/tables/{table}.log",
    shell:
        "python -m analysis.tables.{wildcards.table} {params.studies:q} {input.statistics:q} -o {output.csv} > {log} 2>&1"


rule report:
    input:
        metrics=[path for name in STUDIES for path in metrics_files(name)],
        figures=[*paper_items("figure", ".svg"), *items_of("figure", ".svg")],
        tables=[*paper_items("table", ".csv"), *items_of("table", ".csv")],
        benchmarks=[f"results/published/benchmarks/{machine}/layers.parquet" for machine in MACHINES],
        costs=expand("results/figures/benchmarks/{machine}/crossover.svg", machine=MACHINES)
        + expand("results/tables/benchmarks/{machine}/{cost}.csv", machine=MACHINES, cost=["layers", "heads", "trainer"]),
        studies=[str(experiment.path) for experiment in STUDIES.values()],
        extended=extended_by(str(experiment.path) for experiment in STUDIES.values()),
        replays=[ancient(path) for path in REPLAYS],
        comparison="analysis/published/replays.py",
        manifest=str(plan.MANIFEST),
        claims="results/claims.csv",
        findings="results/findings.md",
        assumptions="docs/assumptions.md",
        modules=sorted(str(path) for path in Path("analysis/report").iterdir() if path.is_file()),
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


LEDGER_STATISTICS = [
    "accuracy", "auc_sd", "cost", "epochs_to_accuracy", "epochs_to_converge", "learning_curve", "overfitting_gap",
    "run_bootstrap", "wilcoxon", "wilson",
]


@cache
def studies_of_the_paper(wildcards):
    """Every study of the paper that there is, configured or not: settings are checked without a run."""
    paths = sorted(study.FOLDER.glob("*.yaml"))
    return [str(path) for path in paths if yaml_file.read(path).get("edition") == "paper"]


def extended_of_the_paper(wildcards):
    return extended_by(studies_of_the_paper(wildcards))


def ledger_statistics(wildcards):
    """Statistics of the configured studies of the paper. Claims on any other study read "not run"."""
    names = [name for name, experiment in STUDIES.items() if experiment.content["edition"] == "paper"]
    return expand("results/statistics/{study}/{statistic}.csv", study=names, statistic=LEDGER_STATISTICS)


rule ledger:
    input:
        statistics=ledger_statistics,
        studies=studies_of_the_paper,
        extended=extended_of_the_paper,
        claims="analysis/claims/claims.csv",
        modules=sorted(map(str, Path("analysis/claims").glob("*.py"))),
        shared=[
            "analysis/statistics/cost.py", "nist/data/catalog.py", "nist/sparse/layers.py", "nist/sparse/mask.py",
            *(f"analysis/statistics/{name}.py" for name in ("run_bootstrap", "wilcoxon", "wilson")),
        ],
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


FINDINGS_STATISTICS = [
    "aa_calibration", "accuracy", "auc_sd", "cost", "gap_at_accuracy", "holm", "learning_curve", "paired_difference", "power",
    "readings", "run_bootstrap", "sd_permutation", "training_cost", "unreached_outputs", "wilcoxon",
]


def findings_statistics(wildcards):
    """Statistics of what is configured of the paper's studies, their pilots and controls."""
    names = [name for name, experiment in STUDIES.items() if experiment.content["edition"] in study.EVIDENCE]
    return expand("results/statistics/{study}/{statistic}.csv", study=names, statistic=FINDINGS_STATISTICS)


def studies_of_findings(wildcards):
    """The paper's, configured or not, and what is configured of their pilots and controls."""
    beside = [experiment for experiment in STUDIES.values() if experiment.content["edition"] in study.EVIDENCE]
    return sorted({*studies_of_the_paper(wildcards), *(str(experiment.path) for experiment in beside)})


def extended_of_findings(wildcards):
    return extended_by(studies_of_findings(wildcards))


rule findings:
    input:
        statistics=findings_statistics,
        studies=studies_of_findings,
        extended=extended_of_findings,
        claims="results/claims.csv",
        modules=sorted(str(path) for path in Path("analysis/findings").iterdir() if path.is_file()),
        shared=[
            "analysis/markdown.py", "analysis/report/verdicts.py", "analysis/tables/comparisons.py", "analysis/tables/printed.py",
            "analysis/tables/trainingcost.py", "analysis/words.py",
        ],
    output:
        "results/findings.md",
    log:
        "results/logs/findings.log",
    shell:
        "python -m analysis.findings --studies {input.studies:q} --claims {input.claims:q} -o {output} {input.statistics:q}"
        " > {log} 2>&1"

# What NIST layers and heads cost on machines where that was measured; make bench measures, a person publishes.
rule crossover:
    input:
        measured="results/published/benchmarks/{machine}/layers.parquet",
        code=code_of("analysis.figures.crossover"),
    output:
        multiext("results/figures/benchmarks/{machine}/crossover", ".svg", ".png"),
    log:
        "results/logs/figures/benchmarks/{machine}/crossover.log",
    localrule: True
    shell:
        "python -m analysis.figures.crossover {input.measured:q} -o {output} > {log} 2>&1"


rule cost_table:
    input:
        measured="results/published/benchmarks/{machine}/{cost}.parquet",
        code=lambda wildcards: code_of(f"analysis.tables.{wildcards.cost}"),
    output:
        csv="results/tables/benchmarks/{machine}/{cost}.csv",
        other=multiext("results/tables/benchmarks/{machine}/{cost}", ".md", ".tex"),
    log:
        "results/logs/tables/benchmarks/{machine}/{cost}.log",
    localrule: True
    shell:
        "python -m analysis.tables.{wildcards.cost} {input.measured:q} -o {output.csv} > {log} 2>&1"

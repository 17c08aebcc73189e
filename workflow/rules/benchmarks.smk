# What NIST layers and heads cost on machines where that was measured; make bench measures, a person publishes.


rule crossover:
    input:
        measured="results/published/benchmarks/{machine}/layers.parquet",
        modules=["analysis/figures/crossover.py", "nist/benchmarks/results_file.py"],
    output:
        multiext("results/figures/benchmarks/{machine}/crossover", ".svg", ".png"),
    log:
        "results/logs/figures/benchmarks/{machine}/crossover.log",
    shell:
        "python -m analysis.figures.crossover {input.measured:q} -o {output} > {log} 2>&1"


rule cost_table:
    input:
        measured="results/published/benchmarks/{machine}/{cost}.parquet",
        modules=["analysis/tables/{cost}.py", "analysis/tables/layout.py", "nist/benchmarks/results_file.py"],
    output:
        csv="results/tables/benchmarks/{machine}/{cost}.csv",
        other=multiext("results/tables/benchmarks/{machine}/{cost}", ".md", ".tex"),
    log:
        "results/logs/tables/benchmarks/{machine}/{cost}.log",
    shell:
        "python -m analysis.tables.{wildcards.cost} {input.measured:q} -o {output.csv} > {log} 2>&1"

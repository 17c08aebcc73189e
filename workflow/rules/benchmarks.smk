# What NIST layers and heads cost on machines where that was measured; make bench measures, a person publishes.


rule crossover:
    input:
        measured="results/published/benchmarks/{machine}/layers.parquet",
        modules=["analysis/figures/crossover.py", "analysis/benchmarks.py", "nist/measurements.py"],
    output:
        multiext("results/figures/benchmarks/{machine}/crossover", ".svg", ".png"),
    log:
        "results/logs/figures/benchmarks/{machine}/crossover.log",
    shell:
        "python -m analysis.figures.crossover {input.measured} -o {output} > {log} 2>&1"


rule heads:
    input:
        measured="results/published/benchmarks/{machine}/heads.parquet",
        modules=["analysis/tables/heads.py", "analysis/tables/layout.py", "nist/measurements.py"],
    output:
        csv="results/tables/benchmarks/{machine}/heads.csv",
        other=multiext("results/tables/benchmarks/{machine}/heads", ".md", ".tex"),
    log:
        "results/logs/tables/benchmarks/{machine}/heads.log",
    shell:
        "python -m analysis.tables.heads {input.measured} -o {output.csv} > {log} 2>&1"

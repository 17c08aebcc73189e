# What NIST layers and heads cost on machines where that was measured; make bench measures, a person publishes.
rule benchmarks:
    input:
        measured=expand("results/published/benchmarks/{{machine}}/{cost}.parquet", cost=COSTS),
    output:
        multiext("results/figures/benchmarks/{machine}/crossover", *SUFFIXES["figure"]),
        multiext("results/figures/benchmarks/{machine}/deployment", *SUFFIXES["figure"]),
        expand("results/tables/benchmarks/{{machine}}/{cost}{suffix}", cost=COSTS, suffix=SUFFIXES["table"]),
    log:
        "results/logs/benchmarks/{machine}.log",
    priority: -1  # nothing but the report waits for it; much waits for statistics
    localrule: True
    params:
        code=digest.of_code("analysis.measured"),
    shell:
        "python -m analysis.measured results/published/benchmarks/{wildcards.machine}"
        " --figures results/figures/benchmarks/{wildcards.machine} --tables results/tables/benchmarks/{wildcards.machine}"
        " > {log} 2>&1"

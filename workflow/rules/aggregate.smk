"""
Turns scores into estimates with intervals, differences between models, and what moves them.

INPUTS:   scores of all models, and the tables that tasks keep beside them
OUTPUTS:
    results/<study>/aggregate/{estimates,differences,contrasts,spread,positions}.{parquet,csv}
    results/<study>/aggregate/readings.json
"""

TABLES = ["estimates", "differences", "contrasts", "spread", "positions"]


rule aggregate:
    """Estimate every number of the study, with its interval."""
    input:
        scores=[f"{RESULTS}/score/{model}.parquet" for model in PLAN.models],
        judged=[
            f"{RESULTS}/score/{model}/{label}.parquet"
            for model in PLAN.models
            for label in judged_of(model)
        ],
    output:
        [f"{RESULTS}/aggregate/{table}.{kind}" for table in TABLES for kind in ("parquet", "csv")],
        f"{RESULTS}/aggregate/readings.json",
    log:
        f"{LOGS}/aggregate.log",
    benchmark:
        f"{BENCHMARKS}/aggregate.tsv"
    conda:
        CPU
    params:
        spec=spec("aggregate"),
        code=code("aggregate"),
        folder=folder("aggregate"),
    shell:
        "python -m featherweight aggregate --log {log:q} --spec {params.spec:q} "
        "--scores {input.scores:q} --output {params.folder:q}"

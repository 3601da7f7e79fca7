"""
Reads and judges every answer, one job per model.

INPUTS:   items, the task's facts of them, prompts, samples
OUTPUTS:
    scores  = results/<study>/score/<model>.parquet
    judged  = results/<study>/score/<model>/<task>.parquet, where a task keeps a table of its own
"""


rule score:
    """Score every sample of {wildcards.model}."""
    input:
        drawn=[f"{RESULTS}/prompts/items/{path}" for path in ITEMS],
        prompts=[f"{RESULTS}/prompts/models/{{model}}/{path}" for path in CELLS],
        samples=[f"{RESULTS}/generate/{{model}}/{path}" for path in CELLS],
    output:
        scores=f"{RESULTS}/score/{{model}}.parquet",
        judged=[f"{RESULTS}/score/{{model}}/{label}.parquet" for label in JUDGED],
    log:
        f"{LOGS}/score/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{model}}.tsv"
    conda:
        CPU
    params:
        spec=spec("score", "model"),
        code=code("score"),
        items_folder=folder("prompts/items"),
        prompts=folder("prompts/models/{model}"),
        samples=folder("generate/{model}"),
        grades=folder("store/grades"),
    shell:
        "python -m featherweight score --log {log:q} --spec {params.spec:q} "
        "--items {params.items_folder:q} --prompts {params.prompts:q} "
        "--samples {params.samples:q} --grades {params.grades:q} "
        "--output {output.scores:q}"

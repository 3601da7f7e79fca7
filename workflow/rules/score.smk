"""
Reads and judges every answer, one job per model.

INPUTS:   items, the task's facts of them, prompts, samples
OUTPUTS:
    scores  = results/<study>/score/<model>.parquet
    judged  = results/<study>/score/<model>/<task>.parquet, where a task keeps a table of its own
"""

for PLACE, MODELS in enumerate(ALIKE):

    rule:
        """Score every sample of {wildcards.model}."""
        name:
            numbered("score", PLACE)
        input:
            drawn=[f"{RESULTS}/prompts/items/{path}" for path in items_of(MODELS[0])],
            prompts=[f"{RESULTS}/prompts/models/{{model}}/{path}" for path in cells_of(MODELS[0])],
            samples=[f"{RESULTS}/generate/{{model}}/{path}" for path in cells_of(MODELS[0])],
        output:
            scores=f"{RESULTS}/score/{{model}}.parquet",
            judged=[f"{RESULTS}/score/{{model}}/{label}.parquet" for label in judged_of(MODELS[0])],
        log:
            f"{LOGS}/score/{{model}}.log",
        benchmark:
            f"{BENCHMARKS}/score/{{model}}.tsv"
        wildcard_constraints:
            model=one_of(MODELS),
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

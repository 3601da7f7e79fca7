"""
Draws the items, the same for every model, and renders each model's prompts.

INPUTS:   the manifests of acquire
OUTPUTS:
    items     = results/<study>/prompts/items/<task>/<category>/<item_seed>.parquet
    facts     = results/<study>/prompts/items/<task>/<category>/<item_seed>.facts.parquet
    examples  = results/<study>/prompts/items/<task>/<category>/examples.parquet
    golds     = results/<study>/prompts/golds/<task>.json: its right answers can be graded
    prompts   = results/<study>/prompts/models/<model>/<task>/<category>/<seed>.parquet

Facts and worked examples are written where the task has them, golds checked where it is graded.
"""

for LABEL in LABELS:

    rule:
        name:
            f"draw_{LABEL}"
        input:
            dataset=f"{RESULTS}/acquire/datasets/{PLAN.entry(LABEL).task}.json",
        output:
            [f"{RESULTS}/prompts/items/{path}" for path in PLAN.drawn(LABEL)],
        log:
            f"{LOGS}/prompts/draw-{LABEL}.log",
        benchmark:
            f"{BENCHMARKS}/prompts/draw-{LABEL}.tsv"
        conda:
            CPU
        params:
            spec=spec_file("draw", LABEL, OF_JOB["draw"](PLAN, LABEL)),
            code=code("prompts.draw"),
            folder=folder("prompts/items"),
        shell:
            "python -m featherweight prompts --log {log:q} draw --spec {params.spec:q} "
            "--dataset {input.dataset:q} --output {params.folder:q}"


for LABEL in GRADED:

    rule:
        name:
            f"golds_{LABEL}"
        input:
            [f"{RESULTS}/prompts/items/{path}" for path in PLAN.drawn(LABEL)],
        output:
            f"{RESULTS}/prompts/golds/{LABEL}.json",
        log:
            f"{LOGS}/prompts/golds-{LABEL}.log",
        benchmark:
            f"{BENCHMARKS}/prompts/golds-{LABEL}.tsv"
        conda:
            CPU
        params:
            spec=spec_file("draw", LABEL, OF_JOB["draw"](PLAN, LABEL)),
            code=code("prompts.golds"),
            folder=folder("prompts/items"),
        shell:
            "python -m featherweight prompts --log {log:q} golds --spec {params.spec:q} "
            "--items {params.folder:q} --output {output:q}"


for PLACE, MODELS in enumerate(ALIKE):

    rule:
        """Render the prompts of {wildcards.model}."""
        name:
            numbered("render", PLACE)
        input:
            model=f"{RESULTS}/acquire/models/{{model}}.json",
            drawn=[f"{RESULTS}/prompts/items/{path}" for path in items_of(MODELS[0])],
        output:
            [f"{RESULTS}/prompts/models/{{model}}/{path}" for path in cells_of(MODELS[0])],
        log:
            f"{LOGS}/prompts/render-{{model}}.log",
        benchmark:
            f"{BENCHMARKS}/prompts/render-{{model}}.tsv"
        wildcard_constraints:
            model=one_of(MODELS),
        conda:
            CPU
        params:
            spec=spec("render", "model"),
            code=code("prompts.render"),
            items_folder=folder("prompts/items"),
            folder=folder("prompts/models/{model}"),
        shell:
            "python -m featherweight prompts --log {log:q} render --spec {params.spec:q} "
            "--model {input.model:q} --items {params.items_folder:q} --output {params.folder:q}"

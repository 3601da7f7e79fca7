"""
Lets each model answer its prompts: one job per model, so that its weights are loaded once, over a store of samples that
the job fills as it goes. After a kill, a new seed or a changed temperature only what is not in the store is generated.

INPUTS:   prompts, items, the model's manifest
OUTPUTS:
    samples  = results/<study>/generate/<model>/<task>/<category>/<seed>.parquet
    timings  = results/<study>/generate/<model>/timings.json (seconds are kept out of the samples)
"""


rule generate:
    """Generate every sample of {wildcards.model}."""
    input:
        model=f"{RESULTS}/acquire/models/{{model}}.json",
        drawn=[f"{RESULTS}/prompts/items/{path}" for path in ITEMS],
        prompts=[f"{RESULTS}/prompts/models/{{model}}/{path}" for path in CELLS],
    output:
        samples=[f"{RESULTS}/generate/{{model}}/{path}" for path in CELLS],
        timings=f"{RESULTS}/generate/{{model}}/timings.json",
    log:
        f"{LOGS}/generate/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/generate/{{model}}.tsv"
    conda:
        GPU
    # A downloaded model gets all cores; pocket models and controls are so small that two at a time
    # are faster.
    threads: lambda wildcards: ((workflow.cores or 1) if PLAN.facts(wildcards.model).kind == "hub" else 1)
    resources:
        gpu=lambda wildcards: int(
            cuda_devices() > 0 and PLAN.facts(wildcards.model).kind != "control"
        ),
    params:
        spec=spec("generate", "model"),
        code=fingerprint("featherweight.generate"),
        items_folder=folder("prompts/items"),
        prompts=folder("prompts/models/{model}"),
        folder=folder("generate/{model}"),
        store=folder("store"),
    shell:
        "python -m featherweight generate --log {log:q} --spec {params.spec:q} --manifest {input.model:q} "
        "--items {params.items_folder:q} --prompts {params.prompts:q} --output {params.folder:q} --store {params.store:q} "
        "--timings {output.timings:q} --threads {threads}"

"""
Lets each model answer its prompts: one job per model, so that its weights are loaded once, over a
store of samples that the job fills as it goes. After a kill, a new seed or a changed temperature
only what is not in the store is generated.

With `--config shards=N` a model is one job per shard, each on a machine of its own if there are
several, and a cheap job collects the samples from the store. Shards of one model need machines of
one kind: collecting refuses samples of different engines or devices.

INPUTS:   prompts, the model's manifest, that right answers can be graded; for a control the items
          and what its task knows of them
OUTPUTS:
    samples  = results/<study>/generate/<model>/<task>/<category>/<seed>.parquet
    usage    = results/<study>/generate/<model>/usage.parquet (what the samples cost; seconds are
               kept out of the samples)
    done     = results/<study>/generate/<model>/shards/<shard>-of-<N>.json, where there are several
"""

SHARDS = PLAN.config.shards
SHARDED = [name for name in PLAN.models if SHARDS > 1 and PLAN.facts(name).kind != "control"]
WHOLE = [name for name in PLAN.models if name not in SHARDED]
# What every way to generate says on the command line.
GENERATE = (
    "python -m featherweight generate --log {log:q} --spec {params.spec:q}"
    " --manifest {input.model:q} --items {params.items_folder:q} --prompts {params.prompts:q}"
    " --output {params.folder:q} --store {params.store:q} --usage {params.folder:q}/usage.parquet"
)


for PLACE, MODELS in enumerate(ALIKE):

    rule:
        """Generate every sample of {wildcards.model}."""
        name:
            numbered("generate", PLACE)
        input:
            model=f"{RESULTS}/acquire/models/{{model}}.json",
            drawn=[f"{RESULTS}/prompts/items/{path}" for path in items_of(MODELS[0])],
            golds=golds_of(MODELS[0]),
            prompts=[f"{RESULTS}/prompts/models/{{model}}/{path}" for path in cells_of(MODELS[0])],
        output:
            samples=[f"{RESULTS}/generate/{{model}}/{path}" for path in cells_of(MODELS[0])],
            usage=f"{RESULTS}/generate/{{model}}/usage.parquet",
        log:
            f"{LOGS}/generate/{{model}}.log",
        benchmark:
            f"{BENCHMARKS}/generate/{{model}}.tsv"
        wildcard_constraints:
            model=one_of(set(MODELS) & set(WHOLE)),
        conda:
            GPU
        threads: cores_of
        resources:
            gpu=gpu_of,
        params:
            spec=spec("generate", "model"),
            code=code("generate"),
            items_folder=folder("prompts/items"),
            prompts=folder("prompts/models/{model}"),
            folder=folder("generate/{model}"),
            store=folder("store"),
        shell:
            f"{GENERATE} --threads {{threads}}"

    if set(MODELS) & set(SHARDED):

        rule:
            """Generate part {wildcards.shard} of {wildcards.model}'s samples."""
            name:
                numbered("generate_shard", PLACE)
            input:
                model=f"{RESULTS}/acquire/models/{{model}}.json",
                golds=golds_of(MODELS[0]),
                prompts=[
                    f"{RESULTS}/prompts/models/{{model}}/{path}" for path in cells_of(MODELS[0])
                ],
            output:
                f"{RESULTS}/generate/{{model}}/shards/{{shard}}-of-{SHARDS}.json",
            log:
                f"{LOGS}/generate/{{model}}-{{shard}}-of-{SHARDS}.log",
            benchmark:
                f"{BENCHMARKS}/generate/{{model}}-{{shard}}-of-{SHARDS}.tsv"
            wildcard_constraints:
                model=one_of(set(MODELS) & set(SHARDED)),
                shard="[0-9]+",
            conda:
                GPU
            threads: cores_of
            resources:
                gpu=gpu_of,
            params:
                spec=spec("generate", "model"),
                code=code("generate"),
                items_folder=folder("prompts/items"),
                prompts=folder("prompts/models/{model}"),
                folder=folder("generate/{model}"),
                store=folder("store"),
                shards=SHARDS,
            shell:
                f"{GENERATE} --threads {{threads}} --shard {{wildcards.shard}}/{{params.shards}}"
                " --done {output:q}"

        rule:
            """Write the samples of {wildcards.model} from its store."""
            name:
                numbered("collect", PLACE)
            input:
                model=f"{RESULTS}/acquire/models/{{model}}.json",
                prompts=[
                    f"{RESULTS}/prompts/models/{{model}}/{path}" for path in cells_of(MODELS[0])
                ],
                shards=[
                    f"{RESULTS}/generate/{{model}}/shards/{shard}-of-{SHARDS}.json"
                    for shard in range(SHARDS)
                ],
            output:
                samples=[f"{RESULTS}/generate/{{model}}/{path}" for path in cells_of(MODELS[0])],
                usage=f"{RESULTS}/generate/{{model}}/usage.parquet",
            log:
                f"{LOGS}/generate/{{model}}.log",
            benchmark:
                f"{BENCHMARKS}/generate/{{model}}.tsv"
            wildcard_constraints:
                model=one_of(set(MODELS) & set(SHARDED)),
            conda:
                CPU
            params:
                spec=spec("generate", "model"),
                code=code("generate"),
                items_folder=folder("prompts/items"),
                prompts=folder("prompts/models/{model}"),
                folder=folder("generate/{model}"),
                store=folder("store"),
            shell:
                f"{GENERATE} --collect {{input.shards:q}}"

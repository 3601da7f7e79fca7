"""
Fetches and verifies what the study needs from outside. Only this part may open the network.

OUTPUTS:
    preflight              = results/<study>/acquire/preflight.json
    manifest of a model    = results/<study>/acquire/models/<model>.json
    manifest of a dataset  = results/<study>/acquire/datasets/<dataset>.json
"""


localrules:
    preflight,
    acquire_model,
    acquire_dataset,
    acquire,
    lock,


rule preflight:
    """Check that every model and dataset is present or downloadable, permitted, and fits on disk.

    It runs first and alone (priority, all cores), and nothing takes its output: if it were an
    input, a new model would make every job run again, and behind an ancient() input Snakemake 9.27
    overlooks other changes of the same run.
    """
    output:
        PREFLIGHT,
    log:
        f"{LOGS}/acquire/preflight.log",
    benchmark:
        f"{BENCHMARKS}/acquire/preflight.tsv"
    priority: 100
    conda:
        CPU
    threads: workflow.cores or 1
    params:
        spec=spec("preflight"),
        code=code("acquire"),
    shell:
        "python -m featherweight acquire --log {log:q} --preflight --spec {params.spec:q} "
        "--lock config/lock.yaml --output {output:q}"


rule acquire_model:
    """Fetch {wildcards.model}, verify every file and write its manifest last."""
    output:
        f"{RESULTS}/acquire/models/{{model}}.json",
    log:
        f"{LOGS}/acquire/models/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/models/{{model}}.tsv"
    conda:
        CPU
    params:
        spec=spec("acquire_model", "model"),
        lock=locked("model"),
        code=code("acquire"),
    shell:
        "python -m featherweight acquire --log {log:q} --kind model "
        "--spec {params.spec:q} --lock config/lock.yaml --output {output:q}"


rule acquire_dataset:
    """Fetch {wildcards.dataset}, verify every file and write its manifest last."""
    output:
        f"{RESULTS}/acquire/datasets/{{dataset}}.json",
    log:
        f"{LOGS}/acquire/datasets/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/acquire/datasets/{{dataset}}.tsv"
    conda:
        CPU
    params:
        spec=spec("acquire_dataset", "dataset"),
        lock=locked("dataset"),
        code=code("acquire"),
    shell:
        "python -m featherweight acquire --log {log:q} --kind dataset "
        "--spec {params.spec:q} --lock config/lock.yaml --output {output:q}"


rule acquire:
    """Fetch everything and stop: before a flight, or for another machine."""
    input:
        PREFLIGHT,
        MANIFESTS,


rule lock:
    """Ask the sources for revision, size and hash of every file, and write config/lock.yaml."""
    log:
        f"{LOGS}/acquire/lock.log",
    conda:
        CPU
    params:
        spec=spec("preflight"),
    shell:
        "python -m featherweight acquire --log {log:q} --write-lock --spec {params.spec:q} "
        "--lock config/lock.yaml"

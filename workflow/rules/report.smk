"""
Assembles the one HTML file.

INPUTS:   everything before
OUTPUTS:
    report  = results/<study>/report/report.html
"""


rule report:
    """Write the report: one file, no network, interactive where JavaScript is on."""
    input:
        aggregate=rules.aggregate.output,
        compare=rules.compare.output,
        scores=rules.aggregate.input.scores,
        samples=[
            f"{RESULTS}/generate/{model}/{path}"
            for model in PLAN.models
            for path in cells_of(model)
        ],
        manifests=[f"{RESULTS}/acquire/models/{model}.json" for model in PLAN.models],
        usage=[f"{RESULTS}/generate/{model}/usage.parquet" for model in PLAN.models],
    output:
        REPORT,
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        CPU
    params:
        spec=spec("report"),
        code=code("report"),
        results=folder(""),
    shell:
        "python -m featherweight report --log {log:q} --spec {params.spec:q} "
        "--aggregate {params.results}aggregate --compare {params.results}compare "
        "--scores {input.scores:q} --samples {params.results}generate "
        "--prompts {params.results}prompts/models --items {params.results}prompts/items "
        "--manifests {params.results}acquire --usage {input.usage:q} "
        "--benchmarks {params.results}benchmarks --output {output:q}"

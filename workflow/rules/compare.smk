"""
Puts our estimates beside published numbers, beside what was planted, and decides the articles'
claims.

INPUTS:   estimates, config/published/*.csv, config/claims.yaml
OUTPUTS:
    results/<study>/compare/{verdicts.parquet,verdicts.csv,claims.json}
    results/<study>/compare/{published.csv,planted.json,controls.json,unread.json}
"""

PUBLISHED = sorted(str(path) for path in Path("config/published").glob("*.csv"))


rule compare:
    """Decide every claim by its rule."""
    input:
        aggregate=[f"{RESULTS}/aggregate/{table}.parquet" for table in TABLES],
        published=PUBLISHED,
        claims=CLAIMS,
    output:
        [
            f"{RESULTS}/compare/{name}"
            for name in (
                "verdicts.parquet",
                "verdicts.csv",
                "claims.json",
                "published.csv",
                "planted.json",
                "controls.json",
                "unread.json",
            )
        ],
    log:
        f"{LOGS}/compare.log",
    benchmark:
        f"{BENCHMARKS}/compare.tsv"
    conda:
        CPU
    params:
        spec=spec("compare"),
        code=code("compare", also=tasks_in_claims()),
        aggregate=folder("aggregate"),
        folder=folder("compare"),
    shell:
        "python -m featherweight compare --log {log:q} --spec {params.spec:q} "
        "--aggregate {params.aggregate:q} --published config/published --claims {input.claims:q} "
        "--output {params.folder:q}"

"""
Puts our estimates beside published numbers, beside what was planted, and decides the articles'
claims.

INPUTS:   estimates, config/published/*.csv, config/claims.yaml
OUTPUTS:
    results/<study>/compare/{verdicts.parquet,verdicts.csv,claims.json}
    results/<study>/compare/{published.csv,planted.json,controls.json,unread.json}
"""

import re

PUBLISHED = sorted(str(path) for path in Path("config/published").glob("*.csv"))
CLAIMS = "config/claims.yaml"


def labels_in(document):
    """What stands under a key `task` or `tasks`, at any depth."""
    if isinstance(document, list):
        return {name for one in document for name in labels_in(one)}
    if not isinstance(document, dict):
        return set()
    named = [str(document.get("task")), str(document.get("tasks"))]
    return set(re.findall(r"[\w-]+", " ".join(named))) | labels_in([*document.values()])


def tasks_in_claims():
    """Tasks that the claims name: a claim is told in its task's words, also where the study does
    not ask that task.
    """
    try:
        return PLAN.tasks.keys() & labels_in(read_document(Path(CLAIMS)))
    except InputError:
        return set()  # the job says what is wrong with the file


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

"""
What all stages need - the plan of the study, the folders of its results, and the specs that go into `params`.

Two params decide whether a job runs again. `spec` is the part of the study that its stage depends on, `code` a hash over
the code that it runs.
"""

import json
import os
import sys
from pathlib import Path

from featherweight.acquire.lock import locked_facts
from featherweight.acquire.manifest import forget_stale
from featherweight.errors import InputError
from featherweight.files import write_json
from featherweight.fingerprint import fingerprint
from featherweight.study import digest, make_plan, specs
from featherweight.cuda import cuda_devices
from snakemake.exceptions import WorkflowError


def plan_of(config):
    """The study as a plan; what is wrong with it is said in one line per problem, before anything runs."""
    try:
        return make_plan(config, Path(workflow.basedir) / "config")
    except InputError as error:
        raise WorkflowError("\n".join(error.problems)) from None


PLAN = plan_of(config)
RESULTS = str(PLAN.results)
REPORT = f"{RESULTS}/report/report.html"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
CELLS = [cell.path for cell in PLAN.cells()]
ITEMS = sorted({cell.items_path for cell in PLAN.cells()})
CPU = "../../envs/cpu.yaml"
GPU = "../../envs/gpu.yaml"
PREFLIGHT = f"{RESULTS}/acquire/preflight.json"
MANIFESTS = [f"{RESULTS}/acquire/models/{model}.json" for model in PLAN.models] + [
    f"{RESULTS}/acquire/datasets/{dataset}.json" for dataset in PLAN.datasets
]
LABELS = [entry.name for entry in PLAN.study.tasks]


wildcard_constraints:
    model="[A-Za-z0-9][A-Za-z0-9._-]*",
    dataset="[A-Za-z0-9][A-Za-z0-9._-]*",
    task="[A-Za-z0-9][A-Za-z0-9._-]*",


def spec_file(stage, name, document):
    """Where a spec lies: a file named by its content, so that params change exactly when the content does.

    Written when Snakemake reads the rules, also in a dry run: nothing depends on the file's time, and a job's command
    line stays short enough to be read and pasted.
    """
    path = PLAN.results / "specs" / f"{stage}-{name}-{digest(document)[:16]}.json"
    try:
        if not path.exists():
            write_json(path, document)
    except OSError as error:
        raise WorkflowError(
            f"{path}: cannot be written ({error.strerror}); free some space, or choose another folder: --config results=PATH"
        ) from None
    return str(path)


def spec(stage, wildcard=None):
    """A params function: the spec of a stage, for the model, dataset or task of the job."""
    make = getattr(specs, stage)
    if wildcard is None:
        return spec_file(stage, "all", make(PLAN))

    def of_job(wildcards):
        name = getattr(wildcards, wildcard)
        return spec_file(stage, name, make(PLAN, name))

    return of_job


def items_of(label):
    """The item files of one task entry."""
    return [f"{RESULTS}/prompts/items/{path}" for path in ITEMS if path.startswith(f"{label}/")]


def folder(path):
    """A params function: a folder of this study's results; wildcards are filled in."""
    return lambda wildcards: f"{RESULTS}/{path}".format(**wildcards)


def acquire_options():
    """How things are fetched, for the environment of the jobs and not for their params: it changes no result."""
    config = PLAN.config
    return {
        "mirrors": config.mirrors,
        "downloads": config.downloads,
        "offline": config.offline,
        "keep_going": workflow.execution_settings.keep_going,
    }


def forget_changed_files():
    """Remove the manifests whose files are no longer what they say, so that acquire runs again and fetches those."""
    for line in forget_stale(sorted((PLAN.results / "acquire").glob("*s/*.json"))):
        print(f"  {line}", file=sys.stderr)


def locked(what):
    """A params function: what the lock says of the job's model or dataset; another entry's change reruns nothing."""
    return lambda wildcards: locked_facts(Path("config/lock.yaml"), what, getattr(wildcards, what))


def banner():
    """Which study, which engine, and why, on the error stream."""
    cells = len(CELLS) * len(PLAN.models)
    lines = [
        f"Featherweight: study {PLAN.name} ({PLAN.reason}); choose with --config study=NAME",
        f"  engine {PLAN.engine} ({PLAN.engine_reason})",
        f"  {len(PLAN.models)} models and controls, {len(CELLS)} cells each, {cells} in all -> {REPORT}",
    ]
    print("\n".join(lines), file=sys.stderr)


if workflow.is_main_process:
    banner()
    forget_changed_files()


onstart:
    os.environ.update(FEATHERWEIGHT_ACQUIRE=json.dumps(acquire_options()))


onsuccess:
    if Path(REPORT).is_file():
        print(
            f"\nThe report: {REPORT} (one file; open it in a browser)",
            file=sys.stderr,
        )


onerror:
    print(
        f"\nA job failed; its message stands above and in {LOGS}. What was finished is kept: "
        "the same command goes on from there.",
        file=sys.stderr,
    )

"""
What all stages need - the plan of the study, the folders of its results, and the specs that go
into `params`.

Two params decide whether a job runs again. `spec` is the part of the study that its stage depends
on, `code` a hash over the code that it runs for the study's tasks.
"""

import functools
import json
import os
import re
import sys
from pathlib import Path

from featherweight.acquire.lock import locked_facts, read_lock
from featherweight.acquire.manifest import forget_stale
from featherweight.canonical import digest
from featherweight.cuda import cuda_devices
from featherweight.documents import read_document
from featherweight.errors import InputError
from featherweight.files import write_atomically
from featherweight.fingerprint import fingerprint
from featherweight.study import make_plan
from featherweight.study.stage_specs import OF_JOB, OF_STUDY
from featherweight.tasks import catalogue
from snakemake.exceptions import WorkflowError


def plan_of(config):
    """The study as a plan. Every mistake is one line, before anything runs."""
    try:
        return make_plan(config, Path(workflow.basedir) / "config", catalogue())
    except InputError as error:
        raise WorkflowError("\n".join(error.problems)) from None


PLAN = plan_of(config)
RESULTS = str(PLAN.results)
REPORT = f"{RESULTS}/report/report.html"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
CLAIMS = "config/claims.yaml"
CPU = "../../envs/cpu.yaml"
GPU = "../../envs/gpu.yaml"
PREFLIGHT = f"{RESULTS}/acquire/preflight.json"
MANIFESTS = [f"{RESULTS}/acquire/models/{model}.json" for model in PLAN.models] + [
    f"{RESULTS}/acquire/datasets/{dataset}.json" for dataset in PLAN.datasets
]
LABELS = [entry.name for entry in PLAN.study.tasks]
GRADED = [label for label in LABELS if PLAN.task(label).is_graded]
# Models in groups: those that the same task entries ask have files of the same names, and the names
# of outputs cannot depend on a wildcard. Each group has its own `render`, `generate` and `score`.
ALIKE = PLAN.alike()


wildcard_constraints:
    model="[A-Za-z0-9][A-Za-z0-9._-]*",
    dataset="[A-Za-z0-9][A-Za-z0-9._-]*",
    task="[A-Za-z0-9][A-Za-z0-9._-]*",


def spec_file(stage, name, spec):
    """Where a spec lies: a file named by its content, so params change exactly when that does.

    Written when Snakemake reads the rules, also in a dry run: nothing depends on the file's time,
    and a job's command line stays short enough to be read and pasted.
    """
    text = spec.model_dump_json(indent=1)
    path = PLAN.results / "specs" / f"{stage}-{name}-{digest(text)[:16]}.json"
    try:
        if not path.exists():
            write_atomically(path, text.encode())
    except OSError as error:
        raise WorkflowError(
            f"{path}: cannot be written ({error.strerror}); free some space, or choose another"
            " folder: --config results=PATH"
        ) from None
    return str(path)


def spec(stage, wildcard=None):
    """The spec of a stage; with a wildcard a params function, for the model or dataset of the job."""
    if wildcard is None:
        return spec_file(stage, "all", OF_STUDY[stage](PLAN))

    def of_job(wildcards):
        name = getattr(wildcards, wildcard)
        return spec_file(stage, name, OF_JOB[stage](PLAN, name))

    return of_job


def code(stage, also=()):
    """A hash over the code of a stage: of the tasks, only what the study asks, and `also` others."""
    return fingerprint(f"featherweight.{stage}", frozenset([*PLAN.datasets, *also]))


def folder(path):
    """A params function: a folder of this study's results; wildcards are filled in."""
    return lambda wildcards: f"{RESULTS}/{path}".format(**wildcards)


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


def cells_of(model):
    """Where the cells of a model lie below its folders."""
    return [cell.path for cell in PLAN.cells(model)]


def judged_of(model):
    """The labels that a model is asked whose task keeps a table of its own beside the scores."""
    return [label for label in PLAN.labels(model) if PLAN.task(label).has_judged]


def golds_of(model):
    """That the right answers of a model's labels can be graded, of each that is graded."""
    return [
        f"{RESULTS}/prompts/golds/{label}.json"
        for label in PLAN.labels(model)
        if PLAN.task(label).is_graded
    ]


def items_of(model):
    """What `draw` writes below the items folder of a model's labels: items, the tasks' facts about
    them, worked examples.
    """
    return [path for label in PLAN.labels(model) for path in PLAN.drawn(label)]


def numbered(name, place):
    """The name of what each group of models has of its own; as it is for the first of them."""
    return name if place == 0 else f"{name}_{place + 1}"


def one_of(names):
    """A pattern for the names of these models; one that nothing matches for none."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def cores_of(wildcards):
    """All cores for a downloaded model; pocket models and controls are faster two at a time."""
    return (workflow.cores or 1) if PLAN.facts(wildcards.model).kind == "hub" else 1


def gpu_of(wildcards):
    """The GPU, for a model where there is one."""
    return int(cuda_devices() > 0 and PLAN.facts(wildcards.model).kind != "control")


def acquire_options():
    """How things are fetched: in the jobs' environment, not in params, for it changes no result."""
    config = PLAN.config
    return {
        "mirrors": config.mirrors,
        "downloads": config.downloads,
        "offline": config.offline,
        "keep_going": workflow.execution_settings.keep_going,
    }


def forget_changed_files():
    """Remove the manifests whose files have changed, so that acquire runs again."""
    for line in forget_stale(sorted((PLAN.results / "acquire").glob("*s/*.json"))):
        print(f"  {line}", file=sys.stderr)


@functools.cache
def lock_file():
    """The lock, read once and only for a job that needs it: `snakemake lock` repairs a broken one."""
    return read_lock(Path("config/lock.yaml"))


def locked(what):
    """A params function: the job's own entry of the lock; no other entry makes it run again."""
    return lambda wildcards: locked_facts(lock_file(), what, getattr(wildcards, what))


def banner():
    """Which study, which engine, and why, on the error stream."""
    counts = [len(PLAN.cells(model)) for model in PLAN.models]
    each = f"{counts[0]} cells each, " if len(ALIKE) == 1 else ""
    lines = [
        f"Featherweight: study {PLAN.name} ({PLAN.reason}); choose with --config study=NAME",
        f"  engine {PLAN.engine} ({PLAN.engine_reason})",
        f"  {len(PLAN.models)} models and controls, {each}{sum(counts)} cells in all -> {REPORT}",
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

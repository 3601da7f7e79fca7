"""Which rules run again after which edit, and how many samples are generated again.

Snakemake is run for real.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Checkout

AFTER_AGGREGATE = {"aggregate", "compare", "report"}
AFTER_SCORE = {"score"} | AFTER_AGGREGATE
# What comes before the seeds: the end of the tasks.
SEEDS = "seeds: [0, 1, 2]\n"
BOTH_WAYS = f"""\
  - {{task: pocket, label: pocket-likelihood, prompts_per_category: 100, answers: likelihood}}
contrasts:
  - pair: [pocket-likelihood, pocket]
{SEEDS}"""
SOLVER = "  pocket-solver: {temperature: 0.8}\n"  # under decoding_by_model
AFTER_GENERATE = {"generate"} | AFTER_SCORE
NEW_TASK = """
from dataclasses import replace

from featherweight.tasks.mmlu import TASK as MMLU

TASK = replace(MMLU, name="chess")
"""


def touch(checkout: Checkout) -> None:
    path = checkout.folder / "workflow/featherweight/score/run.py"
    later = path.stat().st_mtime + 1000
    os.utime(path, (later, later))


def warm(checkout: Checkout) -> None:
    """Give one model a temperature of its own."""
    own = SOLVER + "  pocket-fair: {temperature: 0.3}\n"
    checkout.edit("config/studies/pocket.yaml", SOLVER, own)


# (name, edit, rules that run again)
EDITS: list[tuple[str, Callable[[Checkout], object], set[str]]] = [
    ("nothing", lambda c: None, set()),
    ("a comment", lambda c: append(c, "stats/clusters.py", "# why this is so\n"), set()),
    (
        "a formula of the estimates",
        lambda c: append(c, "stats/clusters.py", "CHANGED = 1\n"),
        AFTER_AGGREGATE,
    ),
    (
        "an interval",
        lambda c: append(c, "stats/intervals.py", "CHANGED = 1\n"),
        AFTER_AGGREGATE,
    ),
    (
        "a measure of one benchmark",
        lambda c: append(c, "tasks/bbq/bias.py", "CHANGED = 1\n"),
        AFTER_AGGREGATE,
    ),
    (
        "how an answer is read",
        lambda c: append(c, "reading/choice.py", "CHANGED = 1\n"),
        AFTER_SCORE,
    ),
    (
        "one engine",
        lambda c: append(c, "engines/exllamav2/loop.py", "CHANGED = 1\n"),
        AFTER_GENERATE,
    ),
    (
        "the items of a task",
        lambda c: append(c, "tasks/pocket/items.py", "CHANGED = 1\n"),
        {"draw_pocket", "render"} | AFTER_GENERATE,
    ),
    ("a task of other studies", lambda c: append(c, "tasks/mmlu.py", "CHANGED = 1\n"), set()),
    ("a new task", lambda c: append(c, "tasks/chess.py", NEW_TASK), set()),
    ("how pocket models are trained", lambda c: append(c, "pocket/training.py", "X = 1\n"), set()),
    ("answers of other tools", lambda c: append(c, "bring/__init__.py", "X = 1\n"), set()),
    ("score alone", lambda c: append(c, "score/run.py", "CHANGED = 1\n"), AFTER_SCORE),
    ("a chart", lambda c: append(c, "report/charts.py", "CHANGED = 1\n"), {"report"}),
    (
        "a rule that decides claims",
        lambda c: append(c, "compare/claims.py", "CHANGED = 1\n"),
        {"compare", "report"},
    ),
    (
        "a published number",
        lambda c: c.edit("config/published/bbq.csv", "28.5", "28.6"),
        {"compare", "report"},
    ),
    (
        "the wording of a prompt",
        lambda c: c.edit(
            "config/studies/pocket.yaml",
            "- task: pocket\n",
            "- task: pocket\n    wording: letter\n",
        ),
        {"render"} | AFTER_GENERATE,
    ),
    (
        "the same items by likelihood as well",
        lambda c: c.edit("config/studies/pocket.yaml", SEEDS, BOTH_WAYS),
        {"draw_pocket-likelihood", "render"} | AFTER_GENERATE,
    ),
    (
        "the temperature of one model",
        warm,
        AFTER_GENERATE,
    ),
    (
        "the policy for unread answers",
        lambda c: c.edit("config/studies/pocket.yaml", "policy: drop", "policy: wrong"),
        AFTER_AGGREGATE,
    ),
    (
        "the title",
        lambda c: c.edit("config/studies/pocket.yaml", "title: ", "title: Again, "),
        {"compare", "report"},
    ),
    (
        "a model of another study",
        lambda c: c.edit("config/models.yaml", "label: SmolLM2-1.7B", "label: SmolLM"),
        set(),
    ),
    ("a touched file", touch, set()),
    (
        "a deleted intermediate",
        lambda c: c.file("generate/pocket-fair/pocket/pets/0.parquet").unlink(),
        set(),
    ),
    ("a deleted report", lambda c: c.file("report/report.html").unlink(), {"report"}),
]


def append(checkout: Checkout, module: str, text: str) -> None:
    with (checkout.folder / "workflow" / "featherweight" / module).open("a") as stream:
        stream.write(text)


@pytest.mark.parametrize(("name", "edit", "expected"), EDITS, ids=[name for name, _, _ in EDITS])
def test_what_runs_again(
    checkout: Checkout, name: str, edit: Callable[[Checkout], object], expected: set[str]
) -> None:
    edit(checkout)
    assert checkout.jobs() == expected


def test_a_task_that_claims_name_counts_for_compare_alone(checkout: Checkout) -> None:
    """Its words stand in their sentences, also where the study does not ask it."""
    checkout.edit("config/claims.yaml", "tasks: {", "tasks: {of-mmlu: mmlu, ")
    run = checkout.snakemake()
    assert run.returncode == 0, run.stderr
    assert checkout.jobs() == set()
    append(checkout, "tasks/mmlu.py", "CHANGED = 1\n")
    assert checkout.jobs() == {"compare", "report"}


def test_an_unrelated_config_key_reruns_nothing(checkout: Checkout) -> None:
    assert checkout.jobs({"mirrors": "[elsewhere]", "offline": "true"}) == set()


def test_a_change_is_not_overlooked_because_something_else_changed_too(checkout: Checkout) -> None:
    """A new model makes the preflight run; the temperature of another must still make that one
    run."""
    warm(checkout)
    run = checkout.snakemake(
        "--dry-run", config={"models": "[pocket-fair, always-unknown, oracle]"}
    )
    table = (run.stdout + run.stderr).partition("Job stats:")[2]
    assert {
        "preflight 1",
        "acquire_model 1",
        "render 1",
        "generate 2",
        "score 2",
        "aggregate 1",
    } <= {" ".join(line.split()) for line in table.splitlines()}


def counts(checkout: Checkout, model: str = "pocket-fair") -> tuple[int, int]:
    """How many samples the model's last job generated, and how many it took from the store."""
    log = checkout.file(f"logs/generate/{model}.log").read_text()
    *_, (total, stored) = re.findall(r"/(\d+) samples(?: \((\d+) from the store\))?", log)
    return int(total) - int(stored or 0), int(stored or 0)


def test_the_first_run_generated_everything(finished: Checkout) -> None:
    assert counts(finished) == (16, 0)


def test_a_new_seed_generates_its_own_samples_alone(checkout: Checkout) -> None:
    run = checkout.snakemake(config={"seeds": "[0, 1, 2]"})
    assert run.returncode == 0, run.stderr
    assert counts(checkout) == (8, 16)


def test_a_new_category_generates_its_own_samples_alone(checkout: Checkout) -> None:
    run = checkout.snakemake(config={"categories": "[pets, hours]"})
    assert run.returncode == 0, run.stderr
    assert counts(checkout) == (16, 16)


def test_a_removed_seed_generates_nothing(checkout: Checkout) -> None:
    run = checkout.snakemake(config={"seeds": "[1]"})
    assert run.returncode == 0, run.stderr
    assert counts(checkout) == (0, 8)


def test_one_models_temperature_generates_that_model_alone(checkout: Checkout) -> None:
    untouched = checkout.file("generate/always-unknown/usage.parquet").stat().st_mtime_ns
    warm(checkout)
    run = checkout.snakemake()
    assert run.returncode == 0, run.stderr
    assert counts(checkout) == (16, 0)
    assert checkout.file("generate/always-unknown/usage.parquet").stat().st_mtime_ns == untouched


def content(path: Path) -> str:
    """A hash of a file's bytes; of the report without its one section of seconds, which differ in
    every run.
    """
    content = path.read_bytes()
    if path.suffix == ".html":
        content, found = re.subn(rb'<section id="run".*?</section>', b"", content, flags=re.DOTALL)
        assert found == 1
    return hashlib.sha256(content).hexdigest()


def test_everything_after_generate_repeats_to_the_byte(checkout: Checkout) -> None:
    names = [
        "score/pocket-fair.parquet",
        "aggregate/estimates.parquet",
        "compare/verdicts.parquet",
        "report/report.html",
    ]
    before = {name: content(checkout.file(name)) for name in names}
    run = checkout.snakemake("--forcerun", "score", "aggregate", "compare", "report")
    assert run.returncode == 0, run.stderr
    assert {name: content(checkout.file(name)) for name in names} == before

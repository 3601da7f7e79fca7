"""A study whose entries ask different models, through Snakemake: cells, jobs, tables, page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Checkout, copy_repository
from featherweight.files import read_rows
from featherweight.records import Difference, Estimate, Prompt

# A task that counts unread answers as wrong and has a rule for one of the study's two controls.
STRICT = """
from dataclasses import replace

from featherweight.tasks.pocket import TASK as POCKET

TASK = replace(
    POCKET,
    name="strict",
    policies=("wrong", "drop"),
    policy="wrong",
    controls={"oracle": POCKET.controls["oracle"]},
)
"""
DATASET = """
strict: {kind: folder, label: Strict items, folder: resources/pocket, licence: Apache-2.0}
"""
STUDY = """
title: Are models asked what they are to be asked?
question: Three task entries that ask different models.
models: [pocket-fair, pocket-biased]
controls: [oracle, always-unknown]
tasks:
  - {task: pocket, categories: [pets], prompts_per_category: 40}
  - {task: strict, categories: [pets], prompts_per_category: 40}
  - {task: pocket, label: own, categories: [pets], prompts_per_category: 40, wording: by-model,
     models: [pocket-fair, oracle]}
seeds: [0]
decoding: {max_new_tokens: 32}
policy: drop
"""
FAIR = "    - {task: pocket, metric: stereotyped, stratum: ambiguous, value: 0.0}\n"
# label -> whom it asks, by hand from the study; `strict` has no rule for always-unknown
ASKED = {
    "pocket": ["pocket-fair", "pocket-biased", "oracle", "always-unknown"],
    "strict": ["pocket-fair", "pocket-biased", "oracle"],
    "own": ["pocket-fair", "oracle"],
}
CONFIG = {
    "study": "whom",
    "models": "[pocket-fair, pocket-biased, oracle, always-unknown]",
    "categories": "[pets]",
    "prompts_per_category": "40",
    "seeds": "[0]",
}


@pytest.fixture(scope="module")
def asked(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, str]:
    """The study, run, and what stood on the terminal."""
    checkout = copy_repository(root, tmp_path_factory.mktemp("whom") / "repository")
    (checkout.folder / "workflow/featherweight/tasks/strict.py").write_text(STRICT)
    (checkout.folder / "config/studies/whom.yaml").write_text(STUDY)
    with (checkout.folder / "config/datasets.yaml").open("a") as stream:
        stream.write(DATASET)
    checkout.edit("config/models.yaml", FAIR, f"{FAIR}  wordings: {{pocket: letter}}\n")
    run = checkout.snakemake(config=CONFIG)
    assert run.returncode == 0, run.stderr[-6000:]
    return checkout, run.stdout + run.stderr


def made(checkout: Checkout, path: str) -> Path:
    return checkout.folder / "results" / "whom" / path


def job_counts(checkout: Checkout, *words: str, **config: str) -> dict[str, int]:
    run = checkout.snakemake("--dry-run", *words, config=CONFIG | config)
    assert run.returncode == 0, run.stderr[-6000:]
    table = (run.stdout + run.stderr).rpartition("Job stats:")[2]
    counted = re.findall(r"^(\w[\w-]*) +(\d+)$", table, flags=re.MULTILINE)
    return {name: int(count) for name, count in counted if name not in ("all", "total")}


def cells(folder: Path) -> Iterator[tuple[str, str]]:
    """(label, model) of each cell's file."""
    for path in folder.glob("*/*/*/*.parquet"):
        model, label, *_ = path.relative_to(folder).parts
        yield label, model


def test_each_model_is_asked_its_labels_alone(asked: tuple[Checkout, str]) -> None:
    wanted = {(label, model) for label, models in ASKED.items() for model in models}
    for folder in ("prompts/models", "generate"):
        assert set(cells(made(asked[0], folder))) == wanted
    estimates = read_rows(made(asked[0], "aggregate/estimates.parquet"), Estimate)
    assert {(row.task, row.model) for row in estimates} == wanted
    assert "4 models and controls, 9 cells in all" in asked[1]


def test_models_with_equal_cells_share_their_rules(asked: tuple[Checkout, str]) -> None:
    """pocket-fair and oracle are asked three labels, pocket-biased two, always-unknown one."""
    checkout = asked[0]
    assert job_counts(checkout) == {}
    counted = job_counts(checkout, "--forceall")
    for rule in ("render", "generate", "score"):
        assert [counted[rule], counted[f"{rule}_2"], counted[f"{rule}_3"]] == [2, 1, 1]
    sharded = job_counts(checkout, "--forceall", shards="2")
    assert {name: count for name, count in sharded.items() if "generate" in name} == {
        "generate": 1,
        "generate_shard": 2,
        "generate_shard_2": 2,
        "generate_3": 1,
    }
    assert (sharded["collect"], sharded["collect_2"]) == (1, 1)


def test_two_models_are_compared_on_what_both_were_asked(asked: tuple[Checkout, str]) -> None:
    rows = read_rows(made(asked[0], "aggregate/differences.parquet"), Difference)
    assert {(row.task, row.policy, row.model, row.baseline) for row in rows} == {
        ("pocket", "drop", "pocket-biased", "pocket-fair"),
        ("strict", "wrong", "pocket-biased", "pocket-fair"),
    }


def test_each_control_is_judged_where_it_was_asked(asked: tuple[Checkout, str]) -> None:
    known = json.loads(made(asked[0], "compare/controls.json").read_text())
    assert {(row["task"], row["model"]) for row in known} == {
        ("pocket", "oracle"),
        ("pocket", "always-unknown"),
        ("strict", "oracle"),
        ("own", "oracle"),
    }
    assert all(row["value"] is not None for row in known)
    planted = json.loads(made(asked[0], "compare/planted.json").read_text())
    assert {(row["task"], row["model"]) for row in planted} == {
        ("pocket", "pocket-fair"),
        ("pocket", "pocket-biased"),
        ("own", "pocket-fair"),
    }


def test_each_model_has_its_own_wording(asked: tuple[Checkout, str]) -> None:
    """models.yaml names `letter` for pocket-fair; oracle is asked in the first wording."""

    def texts(model: str, label: str) -> list[str]:
        path = made(asked[0], f"prompts/models/{model}/{label}/pets/0.parquet")
        return [row.text for row in read_rows(path, Prompt)]

    assert texts("oracle", "own") == texts("oracle", "pocket")
    assert all(map(str.__ne__, texts("pocket-fair", "own"), texts("pocket-fair", "pocket")))
    (losses,) = json.loads(made(asked[0], "compare/unread.json").read_text())
    assert {row["model"] for row in losses["rows"]} == {"pocket-fair"}


def test_the_page_shows_who_was_asked(asked: tuple[Checkout, str]) -> None:
    page = made(asked[0], "report/report.html").read_text()
    assert "letter: Pocket, fair; pocket: Control: oracle" in page
    assert "left out (own, Pocket items), counted as wrong (Strict items)" in page
    (table,) = re.findall(r'<section id="scores".*?</section>', page, flags=re.DOTALL)
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    shown = {(cells[1], cells[0]) for row in rows if (cells := re.findall(r"[^|\n]+", row))}
    assert ("own", "Pocket, fair") in shown
    assert ("own", "Pocket, biased") not in shown
    assert {("Strict items", "Pocket, fair"), ("Strict items", "Pocket, biased")} <= shown


def test_asking_one_more_model_runs_that_one(asked: tuple[Checkout, str], tmp_path: Path) -> None:
    copied = shutil.copytree(asked[0].folder, tmp_path / "repository", symlinks=True)
    checkout = Checkout(Path(copied))
    checkout.edit(
        "config/studies/whom.yaml", "[pocket-fair, oracle]", "[pocket-fair, pocket-biased, oracle]"
    )
    counted = job_counts(checkout)
    assert {name: count for name, count in counted.items() if name[:4] in ("rend", "gene")} == {
        "render": 1,
        "generate": 1,
    }

"""A made-up task whose free answers are whole numbers: three problems, four samples of each."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from featherweight.files import write_rows
from featherweight.records import Item, Prompt, Reading, Sample
from featherweight.specs import Wording
from featherweight.tasks import Loaded, Task

CONTROLS = ("oracle", "rephrased", "near-miss", "unclosed", "hesitant", "random")
CELL = {"task": "sums", "category": "sums", "seed": 0, "item_seed": 0, "sample_seed": 0}
SPEC: dict[str, Any] = {
    "model": "made-up",
    "cells": [CELL],
    "tasks": {"sums": "sums"},
    "samples_per_prompt": 4,
}


def reads(text: str | None, item: Item, finish: str) -> Reading:
    """The last whole number; a text that ends by length without one is unfinished."""
    found = re.findall(r"-?\d+", text or "")
    if found:
        return Reading(found[-1], "last number", None)
    return Reading(None, None, "none", unfinished=text is None or finish == "length")


SUMS = Task(
    name="sums",
    categories={"sums": None},
    wordings=(Wording(name="plain", user="{question}"),),
    load=lambda folder, category: Loaded((), ()),
    strata=("level 1", "level 2"),
    policy="wrong",
    policies=("wrong", "drop"),
    controls=dict.fromkeys(CONTROLS, lambda asked: asked.item.gold),
    choices=None,
    read=reads,
    grading="integer",
    planted=lambda table, item, temperature: len(item.gold) * temperature / 10,
    planted_tables=("solver",),
    chance=0.1,
)
LONG = replace(SUMS, name="long", grading="expression")


def item(number: int, gold: str, task: str = "sums") -> Item:
    name = f"sum-{number}"
    stratum = f"level {1 + number % 2}"
    return Item(task, name, "sums", name, name, "sums", stratum, "", "?", None, gold)


ITEMS = [item(0, "7"), item(1, "12"), item(2, "40")]
# What was answered to each, four times: text and how it ended.
ANSWERS: list[list[tuple[str | None, str]]] = [
    [("so 7", "stop"), ("so 8", "stop"), ("it is 7", "stop"), ("so 8", "stop")],
    [("so 12", "stop"), ("nothing", "stop"), (None, "length"), ("I was cut", "length")],
    [("so 41", "stop"), ("so 42", "stop"), ("so 41", "stop"), ("so 99", "stop")],
]


def samples(task: str = "sums") -> list[Sample]:
    return [
        Sample(
            model="made-up",
            task=task,
            category="sums",
            item_seed=0,
            sample_seed=0,
            item_id=one.item_id,
            sample_index=index,
            text=text or "",
            thinking=None,
            answer=text,
            token_ids=(1, 2),
            n_prompt_tokens=3,
            n_tokens=2,
            finish=finish,  # type: ignore[arg-type]
            mean_logprob=-0.1,
        )
        for one, answers in zip(ITEMS, ANSWERS, strict=True)
        for index, (text, finish) in enumerate(answers)
    ]


def write(folder: Path, task: str = "sums") -> dict[str, Path]:
    """Items, prompts and samples on disk: where `score` finds each."""
    inside = f"{task}/sums/0.parquet"
    write_rows(folder / "items" / inside, [replace(one, task=task) for one in ITEMS], Item)
    shown = [Prompt("made-up", task, "sums", 0, 0, one.item_id, "?", (1,), None) for one in ITEMS]
    write_rows(folder / "prompts" / inside, shown, Prompt)
    write_rows(folder / "samples" / inside, samples(task), Sample)
    return {name: folder / name for name in ("items", "prompts", "samples")}

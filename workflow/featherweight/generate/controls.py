"""A control's samples: its task's rule answers, without an engine and without a store.

A rule sees the item as it was shown, and the noise of its stream; it has no tokens, so its answer
counts as one. Reads Prompt, Item and fact rows. One real row:

    Sample(model="oracle", task="mmlu", category="human_aging", item_seed=0, sample_seed=0,
           item_id="human_aging-test-0007", sample_index=0, text="(C)", thinking=None,
           answer="(C)", token_ids=None, n_prompt_tokens=0, n_tokens=1, finish="stop",
           mean_logprob=None, option_loglikelihoods=None)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_rows
from featherweight.generate.plan import samples_of
from featherweight.records import Item, Prompt, Sample
from featherweight.specs import Cell, GenerateSpec
from featherweight.tasks import Asked, Task, task


def samples(
    spec: GenerateSpec, control: str, cell: Cell, prompts: Sequence[Prompt], items_folder: Path
) -> list[Sample]:
    """What the control answers in one cell.

    Raises InputError for prompts of items that were not drawn.
    """
    asked = task(spec.tasks[cell.task])
    shown = _items(asked, cell, items_folder)
    path = items_folder / cell.items_path
    strangers = [prompt.item_id for prompt in prompts if prompt.item_id not in shown]
    if strangers:
        raise InputError(
            f"{path}: expected the items of {len(prompts)} prompts, {len(strangers)} are not there"
            f" (first: {strangers[0]}); prompts and items come from different draws: delete both"
            " and run again"
        )
    rule = asked.controls[control]
    rows = []
    for prompt in prompts:
        item, facts = shown[prompt.item_id]
        for index, stream in samples_of(spec, cell, prompt):
            text = rule(Asked(item, facts, prompt.shown_order, prompt.text, stream))
            rows.append(_sample(spec.model, prompt, index, text))
    return rows


def _items(asked: Task, cell: Cell, folder: Path) -> dict[str, tuple[Item, Any]]:
    """The cell's items and what only their task knows of them, by item_id."""
    items = read_rows(folder / cell.items_path, Item)
    facts: dict[str, Any] = {item.item_id: None for item in items}
    if asked.facts is not None:
        rows: list[Any] = read_rows(folder / cell.facts_path, asked.facts)
        facts = {row.item_id: row for row in rows}
    return {item.item_id: (item, facts[item.item_id]) for item in items}


def _sample(model: str, prompt: Prompt, index: int, text: str) -> Sample:
    return Sample(
        model=model,
        task=prompt.task,
        category=prompt.category,
        item_seed=prompt.item_seed,
        sample_seed=prompt.sample_seed,
        item_id=prompt.item_id,
        sample_index=index,
        text=text,
        thinking=None,
        answer=text,
        token_ids=None,
        n_prompt_tokens=len(prompt.token_ids),
        n_tokens=1,
        finish="stop",
        mean_logprob=None,
    )

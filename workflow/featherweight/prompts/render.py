"""Renders a model's prompts: the question in the study's wording, inside the model's own chat
template.

Where a task's answers come from likelihood the prompt also holds the answers to choose from and
their tokens, and a model that thinks aloud finds its thinking opened and closed again: its answer
is what comes next (decision 7).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.files import read_json, read_rows, write_rows
from featherweight.records import Item, Prompt
from featherweight.specs import Cell, RenderSpec, Wording
from featherweight.tasks import task
from featherweight.tasks.choice import answers, messages, shown_order, user_message

log = logging.getLogger("featherweight")


def run(spec: RenderSpec, manifest: Path, items: Path, output: Path) -> None:
    """Write `<output>/<task>/<category>/<seed>.parquet` for every cell of the spec.

    Raises InputError for a model without a tokenizer, or without a chat template and a stated
    prompt format, for answers that have no tokens of their own after the prompt, and for a wording
    that shows more worked examples than there are.
    """
    model = read_json(manifest)
    missing = bool(model["missing"])
    tokenizer = None
    if spec.kind != "control" and not missing:
        from featherweight.chat.templates import load_tokenizer

        tokenizer = load_tokenizer(Path(model["folder"]))
    for cell in spec.cells:
        asked = spec.tasks[cell.task]
        wording = task(asked.task).wording(asked.wording)
        drawn = [] if missing else read_rows(items / cell.items_path, Item)
        examples = _examples(items / cell.examples_path, wording, cell) if drawn else []
        rows = [_prompt(spec, cell, item, wording, examples, tokenizer) for item in drawn]
        write_rows(output / cell.path, rows, Prompt)
    log.info("%s: prompts of %d cells", spec.name, len(spec.cells))


def _examples(path: Path, wording: Wording, cell: Cell) -> list[Item]:
    """The worked examples that the wording shows first."""
    if wording.shots == 0:
        return []
    examples = read_rows(path, Item)
    if len(examples) < wording.shots:
        raise InputError(
            f"task {cell.task}: wording {wording.name} shows {wording.shots} worked examples, got"
            f" {len(examples)} of {cell.category}"
        )
    return examples[: wording.shots]


def _prompt(
    spec: RenderSpec,
    cell: Cell,
    item: Item,
    wording: Wording,
    examples: Sequence[Item],
    tokenizer: Any,
) -> Prompt:
    order = shown_order(item, cell.item_seed)
    text = user_message(item, wording, order, examples)
    token_ids: tuple[int, ...] = ()
    options = option_ids = None
    if spec.tasks[cell.task].answers == "likelihood" and order is not None:
        options = answers(item, wording, order)
    if tokenizer is not None:
        from featherweight.chat import options as choices
        from featherweight.chat import templates as chat

        said = messages(item, wording, order, examples)
        if spec.system is not None:
            system = {"role": "system", "content": spec.system}
            said = [system, *(one for one in said if one["role"] != "system")]
        text, token_ids = chat.render(tokenizer, said, spec)
        if options is not None:
            text, token_ids = choices.before_answer(tokenizer, text, spec.thinking)
            option_ids = choices.option_ids(tokenizer, spec.name, text, token_ids, options)
    return Prompt(
        model=spec.name,
        task=cell.task,
        category=cell.category,
        item_seed=cell.item_seed,
        sample_seed=cell.sample_seed,
        item_id=item.item_id,
        text=text,
        token_ids=token_ids,
        shown_order=order,
        options=options,
        option_ids=option_ids,
    )

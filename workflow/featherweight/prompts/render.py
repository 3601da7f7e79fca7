"""Renders a model's prompts: the question in the study's wording, inside the model's own chat
template.

Where a task's answers come from likelihood the prompt also holds the answers to choose from and
their tokens, and a model that thinks aloud finds its thinking opened and closed again: its answer
is what comes next (decision 7).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from featherweight.files import read_json, read_rows, write_rows
from featherweight.records import Item, Prompt
from featherweight.study.plan import Cell
from featherweight.tasks import task
from featherweight.tasks.choice import Wording, answers, messages, shown_order, user_message

log = logging.getLogger("featherweight")


def run(spec: dict[str, Any], manifest: Path, items: Path, output: Path) -> None:
    """Write `<output>/<task>/<category>/<seed>.parquet` for every cell of the spec.

    Raises InputError for a model without a tokenizer, or without a chat template and a stated
    prompt format, and for answers that have no tokens of their own after the prompt.
    """
    found = read_json(manifest)
    missing = bool(found.get("missing"))
    tokenizer = None if spec["kind"] == "control" or missing else _tokenizer(Path(found["folder"]))
    wordings = {
        name: task(entry["task"]).wordings[entry["wording"]]
        for name, entry in spec["tasks"].items()
    }
    for document in spec["cells"]:
        cell = Cell(**document)
        drawn = [] if missing else read_rows(items / cell.items_path, Item)
        rows = [_prompt(spec, cell, item, wordings[cell.task], tokenizer) for item in drawn]
        write_rows(output / cell.path, rows, Prompt)
    log.info("%s: prompts of %d cells", spec["name"], len(spec["cells"]))


def _tokenizer(folder: Path) -> Any:
    from featherweight.chat.templates import load_tokenizer

    return load_tokenizer(folder)


def _prompt(
    spec: dict[str, Any], cell: Cell, item: Item, wording: Wording, tokenizer: Any
) -> Prompt:
    order = shown_order(item, cell.item_seed)
    text = user_message(item, wording, order)
    token_ids: tuple[int, ...] = ()
    chosen = spec["tasks"][cell.task].get("answers") == "likelihood"
    options = answers(item, wording, order) if chosen else None
    option_ids = None
    if tokenizer is not None:
        from featherweight.chat import options as choices
        from featherweight.chat import templates as chat

        told = messages(item, wording, order)
        if spec["system"] is not None:
            told = [
                {"role": "system", "content": spec["system"]},
                *(m for m in told if m["role"] != "system"),
            ]
        text, token_ids = chat.render(tokenizer, told, spec)
        if options is not None:
            text, token_ids = choices.before_answer(tokenizer, text, spec["thinking"])
            option_ids = choices.option_ids(tokenizer, spec["name"], text, token_ids, options)
    return Prompt(
        model=spec["name"],
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

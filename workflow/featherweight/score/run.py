"""Scoring of one model's samples: reads items, prompts and samples, writes one row of `Score` per
sample.

Reads `<items>/<task>/<category>/<item_seed>.parquet`, `<prompts>/<task>/<category>/<seed>.parquet`
and `<samples>/<task>/<category>/<seed>.parquet` of every cell of the spec, in the spec's order. One
real row:

    Score(model="pocket-fair", task="pocket", category="school", item_seed=0, sample_seed=0,
          item_id="school-12-0003-ambig-neg", sample_index=0, group="school", cluster="school:12",
          context_condition="ambig", question_polarity="neg", gold=2, unknown=2, target=0, chosen=2,
          outcome="right",
          reason=None, rule="exact", chosen_position=1, gold_position=1, n_tokens=3, finish="stop",
          block="school:12:3")

The same samples give the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from featherweight.errors import InputError
from featherweight.files import read_rows, write_rows
from featherweight.reading.choice import outcome, read_answer
from featherweight.reading.likelihood import read_likelihoods
from featherweight.records import Item, Prompt, Sample, Score

Row = TypeVar("Row")
LOG = logging.getLogger("featherweight.score")
_MOST_PROBLEMS = 20


def run(spec: Mapping[str, Any], *, items: Path, prompts: Path, samples: Path, output: Path) -> int:
    """Score all cells of one model into `output` (Parquet); returns the number of rows.

    `spec` is {"model": ..., "cells": [{"task", "category", "seed", "item_seed", "sample_seed"},
    ...]}. Raises InputError for a missing file and for samples that do not belong to the cell's
    items, prompts and model.
    """
    problems: list[str] = []
    scores: list[Score] = []
    for cell in spec["cells"]:
        folder = Path(cell["task"]) / cell["category"]
        one = f"{cell['seed']}.parquet"
        item_rows = _rows(
            items / folder / f"{cell['item_seed']}.parquet", Item, "prompts", problems
        )
        prompt_rows = _rows(prompts / folder / one, Prompt, "prompts", problems)
        sample_rows = _rows(samples / folder / one, Sample, "generate", problems)
        if not problems:
            where = str(samples / folder / one)
            scores += _cell(spec["model"], where, item_rows, prompt_rows, sample_rows, problems)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise InputError(
            problems[:_MOST_PROBLEMS]
            + ([f"and {more} more problems like these"] if more > 0 else [])
        )
    if not spec["cells"]:
        raise InputError(f"--spec: cells: expected at least one cell of {spec['model']}, got none")
    if not scores:  # acquire noted that the model could not be had, so it was asked nothing
        LOG.warning("%s: no prompts and no samples, so no scores", spec["model"])
    write_rows(output, scores, Score)
    return len(scores)


def score(sample: Sample, item: Item, shown_order: Sequence[int]) -> Score:
    """One sample, read and judged: by its log-likelihoods where it has some, else by its text."""
    if sample.option_loglikelihoods is not None:
        reading = read_likelihoods(sample.option_loglikelihoods, shown_order)
    else:
        reading = read_answer(sample.answer, item, shown_order, sample.finish)
    return Score(
        model=sample.model,
        task=sample.task,
        category=sample.category,
        item_seed=sample.item_seed,
        sample_seed=sample.sample_seed,
        item_id=sample.item_id,
        sample_index=sample.sample_index,
        group=item.group,
        cluster=item.cluster,
        context_condition=item.context_condition,
        question_polarity=item.question_polarity,
        gold=item.gold,
        unknown=item.unknown,
        target=item.target,
        chosen=reading.chosen,
        outcome=outcome(reading, item.gold),
        reason=reading.reason,
        rule=reading.rule,
        chosen_position=None if reading.chosen is None else shown_order.index(reading.chosen),
        gold_position=shown_order.index(item.gold),
        n_tokens=sample.n_tokens,
        finish=sample.finish,
        block=item.block,
    )


def _rows(path: Path, record: type[Row], stage: str, problems: list[str]) -> list[Row]:
    if not path.is_file():
        problems.append(
            f"{path}: no such file; expected the {record.__name__} rows of this cell: run {stage}"
            " first"
        )
        return []
    try:
        return read_rows(path, record)
    except (ValueError, OSError) as error:
        problems.append(str(error) if str(path) in str(error) else f"{path}: {error}")
        return []


def _cell(
    model: str,
    where: str,
    items: list[Item],
    prompts: list[Prompt],
    samples: list[Sample],
    problems: list[str],
) -> list[Score]:
    by_id = {item.item_id: item for item in items}
    orders = {prompt.item_id: prompt.shown_order for prompt in prompts}
    scores: list[Score] = []
    seen: set[tuple[str, int]] = set()
    for sample in samples:
        problem = _problem(model, sample, by_id, orders, seen)
        seen.add((sample.item_id, sample.sample_index))
        if problem is None:
            scores.append(score(sample, by_id[sample.item_id], orders[sample.item_id]))
        else:
            problems.append(f"{where}: {sample.item_id}, sample {sample.sample_index}: {problem}")
    problems.extend(
        f"{where}: expected a sample of every prompt, none for {item_id}; run generate again"
        for item_id in orders
        if (item_id, 0) not in seen
    )
    return scores


def _problem(
    model: str,
    sample: Sample,
    items: Mapping[str, Item],
    orders: Mapping[str, Sequence[int]],
    seen: set[tuple[str, int]],
) -> str | None:
    if sample.model != model:
        return f"expected samples of {model}, got one of {sample.model}"
    if sample.item_id not in items:
        return "the item is not among the items of this cell"
    if sample.item_id not in orders:
        return "there is no prompt for this item, so the order of its options is not known"
    if (sample.item_id, sample.sample_index) in seen:
        return "this sample is there twice"
    found = sample.option_loglikelihoods
    if found is not None and len(found) != len(orders[sample.item_id]):
        return (
            f"expected a log-likelihood for each of {len(orders[sample.item_id])} options, got"
            f" {len(found)}"
        )
    return None

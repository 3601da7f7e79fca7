"""Scoring of one model's samples: reads items, prompts and samples, writes a `Score` row for each.

Reads `<items>/<task>/<category>/<item_seed>.parquet` (and `.facts.parquet` beside it, where the
task has facts), `<prompts>/<task>/<category>/<seed>.parquet` and
`<samples>/<task>/<category>/<seed>.parquet` of every cell of the spec, in the spec's order. Writes
`<model>.parquet` and, for a task that judges more than right and wrong, `<model>/<task>.parquet`,
row for row; `records.judged` shows a real one.

The same samples give the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from featherweight.errors import InputError
from featherweight.files import read_rows, write_rows
from featherweight.reading.choice import read_answer
from featherweight.reading.likelihood import read_likelihoods
from featherweight.reading.outcomes import outcome
from featherweight.records import Item, Prompt, Reading, Sample, Score
from featherweight.specs import Cell, ScoreSpec
from featherweight.tasks import Task, task

Row = TypeVar("Row")
LOG = logging.getLogger("featherweight.score")
_MOST_PROBLEMS = 20


def run(spec: ScoreSpec, *, items: Path, prompts: Path, samples: Path, output: Path) -> int:
    """Score all cells of one model into `output` (Parquet); returns the number of rows.

    Raises InputError for a missing file and for samples that do not belong to the cell's items,
    prompts and model.
    """
    if not spec.cells:
        raise InputError(f"--spec: cells: expected at least one cell of {spec.model}, got none")
    problems: list[str] = []
    scores: list[Score] = []
    judged: dict[str, list[Any]] = {label: [] for label in spec.tasks}
    for cell in spec.cells:
        one = task(spec.tasks[cell.task])
        asked = _asked(cell, one, items, prompts, problems)
        path = samples / cell.path
        answered = _rows(path, Sample, "generate", problems)
        if not problems:
            _check(spec, path, answered, asked, problems)
        for sample in [] if problems else answered:
            item = asked.items[sample.item_id]
            facts = None if asked.facts is None else asked.facts[sample.item_id]
            order = asked.orders[sample.item_id]
            reading = read(sample, one, item, facts, order)
            scores.append(score(sample, item, reading, order))
            if one.judge is not None:
                judged[cell.task].append(one.judge(scores[-1], item, facts, reading))
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise InputError(
            problems[:_MOST_PROBLEMS]
            + ([f"and {more} more problems like these"] if more > 0 else [])
        )
    if not scores:  # acquire noted that the model could not be had, so it was asked nothing
        LOG.warning("%s: no prompts and no samples, so no scores", spec.model)
    write_rows(output, scores, Score)
    for label, rows in judged.items():
        record = task(spec.tasks[label]).judged
        if record is not None:
            write_rows(output.with_suffix("") / f"{label}.parquet", rows, record)
    return len(scores)


def read(sample: Sample, one: Task, item: Item, facts: Any, order: Sequence[int] | None) -> Reading:
    """What a sample answers: by its log-likelihoods where it has some, else by its text.

    Raises ValueError for a task that can read neither.
    """
    if item.options is not None and order is not None:
        if sample.option_loglikelihoods is not None:
            return read_likelihoods(sample.option_loglikelihoods, order, item.options)
        if one.choices is not None:
            return read_answer(sample.answer, one.choices(item, facts), order, sample.finish)
    if one.read is None:
        raise ValueError(f"task {one.name}: {item.item_id} has no options and the task no reader")
    return one.read(sample.answer, item, sample.finish)


def score(sample: Sample, item: Item, reading: Reading, order: Sequence[int] | None) -> Score:
    """One sample, judged by what was read."""
    return Score(
        model=sample.model,
        task=sample.task,
        category=sample.category,
        item_seed=sample.item_seed,
        sample_seed=sample.sample_seed,
        item_id=sample.item_id,
        sample_index=sample.sample_index,
        cluster=item.cluster,
        block=item.block,
        group=item.group,
        stratum=item.stratum,
        answer=reading.answer,
        outcome=outcome(reading, item.gold),
        reason=reading.reason,
        rule=reading.rule,
        chosen_position=(
            None if order is None or reading.chosen is None else order.index(reading.chosen)
        ),
        gold_position=None if order is None else order.index(item.gold_index),
        chance=None if item.options is None else 1 / len(item.options),
        n_tokens=sample.n_tokens,
        finish=sample.finish,
    )


class Asked(NamedTuple):
    """What a cell asked, by item id."""

    items: Mapping[str, Item]
    facts: Mapping[str, Any] | None  # None: the task has none
    orders: Mapping[str, tuple[int, ...] | None]  # of the prompts, in their order
    by_likelihood: frozenset[str]  # the prompts that have one sample, whatever the study says


def _asked(cell: Cell, one: Task, items: Path, prompts: Path, problems: list[str]) -> Asked:
    drawn = _rows(items / cell.items_path, Item, "prompts", problems)
    facts = None
    if one.facts is not None:
        rows: list[Any] = _rows(items / cell.facts_path, one.facts, "prompts", problems)
        facts = {row.item_id: row for row in rows}
    shown = _rows(prompts / cell.path, Prompt, "prompts", problems)
    return Asked(
        items={row.item_id: row for row in drawn},
        facts=facts,
        orders={row.item_id: row.shown_order for row in shown},
        by_likelihood=frozenset(row.item_id for row in shown if row.options is not None),
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


def _check(
    spec: ScoreSpec, path: Path, samples: Sequence[Sample], asked: Asked, problems: list[str]
) -> None:
    """Every sample that does not belong to what was asked, and every prompt that lacks one."""
    seen: dict[str, set[int]] = {item_id: set() for item_id in asked.orders}
    for sample in samples:
        indices = seen.get(sample.item_id, set())
        problem = _problem(spec.model, sample, asked, indices)
        indices.add(sample.sample_index)
        if problem is not None:
            problems.append(f"{path}: {sample.item_id}, sample {sample.sample_index}: {problem}")
    for item_id, indices in seen.items():
        count = 1 if item_id in asked.by_likelihood else spec.samples_per_prompt
        if not indices:
            problems.append(
                f"{path}: expected a sample of every prompt, none for {item_id}; run generate again"
            )
        elif odd := indices ^ set(range(count)):
            first = min(odd)
            wanted = "1 sample" if count == 1 else f"{count} samples"
            found = "a sample" if first in indices else "no sample"
            problems.append(
                f"{path}: {item_id}: expected {wanted}, numbered from 0, got {found} {first}"
                f" and {len(indices)} in all; run generate again"
            )


def _problem(model: str, sample: Sample, asked: Asked, seen: set[int]) -> str | None:
    if sample.model != model:
        return f"expected samples of {model}, got one of {sample.model}"
    if sample.item_id not in asked.items:
        return "the item is not among the items of this cell"
    if sample.item_id not in asked.orders:
        return "there is no prompt for this item, so the order of its options is not known"
    if asked.facts is not None and sample.item_id not in asked.facts:
        return "the task's facts about this item are missing; run prompts again"
    if sample.sample_index in seen:
        return "this sample is there twice"
    values, order = sample.option_loglikelihoods, asked.orders[sample.item_id]
    if values is not None and (order is None or len(values) != len(order)):
        size = 0 if order is None else len(order)
        return f"expected a log-likelihood for each of {size} options, got {len(values)}"
    return None

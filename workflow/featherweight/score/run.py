"""Scoring of one model's samples: reads items, prompts and samples, writes a `Score` row for each.

Reads `<items>/<task>/<category>/<item_seed>.parquet` (and `.facts.parquet` beside it, where the
task has facts), `<prompts>/<task>/<category>/<seed>.parquet` and
`<samples>/<task>/<category>/<seed>.parquet` of every cell of the spec, in the spec's order. Writes
`<model>.parquet` and, for a task that judges more than right and wrong, `<model>/<task>.parquet`,
row for row; `records.judged` shows a real one. Free answers of a task with `grading` are read, then
graded (`score.grade`), and keep `Graded` rows there; grades that were made before are taken from
the cache.

The same samples give the same bytes, with or without a cache.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from featherweight.errors import InputError
from featherweight.files import read_rows, write_rows
from featherweight.reading.choice import read_answer
from featherweight.reading.free import read_free
from featherweight.reading.likelihood import read_likelihoods
from featherweight.reading.outcomes import outcome
from featherweight.records import Graded, Grading, Item, Prompt, Reading, Sample, Score
from featherweight.score.grade import Free, Graders, verdicts
from featherweight.specs import Cell, ScoreSpec
from featherweight.tasks import Task, task

Row = TypeVar("Row")
LOG = logging.getLogger("featherweight.score")
_MOST_PROBLEMS = 20


def run(
    spec: ScoreSpec,
    *,
    items: Path,
    prompts: Path,
    samples: Path,
    output: Path,
    grades: Path | None = None,
) -> int:
    """Score all cells of one model into `output` (Parquet); returns the number of rows.

    `grades` is a folder that keeps grades from one run to the next; None: none are kept. Raises
    InputError for a missing file and for samples that do not belong to the cell's items, prompts
    and model.
    """
    if not spec.cells:
        raise InputError(f"--spec: cells: expected at least one cell of {spec.model}, got none")
    problems: list[str] = []
    scores: list[Score] = []
    judged: dict[str, list[Any]] = {label: [] for label in spec.tasks}
    with Graders(grades) as graders:
        for cell in spec.cells:
            one = task(spec.tasks[cell.task])
            asked = _asked(cell, one, items, prompts, problems)
            path = samples / cell.path
            answered = _rows(path, Sample, "generate", problems)
            if not problems:
                _check(spec, cell.task, path, answered, asked, problems)
            if problems:
                continue
            for row, beside in _scored(spec, cell.task, one, answered, asked, graders):
                scores.append(row)
                judged[cell.task].append(beside)
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
        record = task(spec.tasks[label]).beside_scores
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
    return read_free(one.read, sample.answer, item, sample.finish)


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


def _scored(
    spec: ScoreSpec,
    label: str,
    one: Task,
    answered: Sequence[Sample],
    asked: Asked,
    graders: Graders,
) -> Iterator[tuple[Score, Any]]:
    """The samples of a cell, read and judged or graded, each with its row beside the score."""
    if one.grading is None:
        return _judged(one, answered, asked)
    planted = _planted(spec, label, one)
    return _graded(one, one.grading, answered, asked, graders, planted)


def _judged(one: Task, answered: Sequence[Sample], asked: Asked) -> Iterator[tuple[Score, Any]]:
    """Each sample's score and, of a task that judges more, its row beside it."""
    for sample in answered:
        item = asked.items[sample.item_id]
        facts = None if asked.facts is None else asked.facts[sample.item_id]
        order = asked.orders[sample.item_id]
        reading = read(sample, one, item, facts, order)
        row = score(sample, item, reading, order)
        yield row, None if one.judge is None else one.judge(row, item, facts, reading)


def _graded(
    one: Task,
    grading: Grading,
    answered: Sequence[Sample],
    asked: Asked,
    graders: Graders,
    planted: Callable[[Item], float | None],
) -> Iterator[tuple[Score, Graded]]:
    """Each free answer's score and what grading adds to it."""
    free = []
    for sample in answered:
        item = asked.items[sample.item_id]
        free.append(Free(sample, item, read(sample, one, item, None, None)))
    for answer, verdict in zip(free, verdicts(free, grading, graders), strict=True):
        row = replace(
            score(*answer, order=None),
            outcome=verdict.outcome,
            reason=verdict.reason,
            chance=one.chance,
        )
        yield (
            row,
            Graded(
                model=row.model,
                task=row.task,
                category=row.category,
                item_seed=row.item_seed,
                sample_seed=row.sample_seed,
                item_id=row.item_id,
                sample_index=row.sample_index,
                graded_by=verdict.rule,
                answer_class=verdict.answer_class,
                lenient=verdict.lenient,
                planted=planted(answer.item),
            ),
        )


def _planted(spec: ScoreSpec, label: str, one: Task) -> Callable[[Item], float | None]:
    """The probability that the model answers an item rightly, as far as it was planted."""
    table, temperature, of_task = spec.planted.get(label), spec.temperature, one.planted
    if table is None:
        return lambda item: None
    if of_task is None or table not in one.planted_tables:
        known = ", ".join(one.planted_tables) if one.planted_tables else "none, it has no tables"
        raise InputError(
            f"--spec: planted: {label}: expected a planted table of {one.name} ({known}), got"
            f" {table!r}"
        )
    if temperature is None:
        raise InputError(
            f"--spec: temperature: expected that of {spec.model}'s samples, for what is planted"
            f" in it depends on it; got none"
        )
    return cache(lambda item: of_task(table, item, temperature))


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
    spec: ScoreSpec,
    label: str,
    path: Path,
    samples: Sequence[Sample],
    asked: Asked,
    problems: list[str],
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
        count = 1 if item_id in asked.by_likelihood else spec.samples_of(label)
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

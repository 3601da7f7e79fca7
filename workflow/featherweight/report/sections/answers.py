r"""Answers that a reader may browse: drawn by a stated rule, kept within a size, as text that
nothing interprets.

For each model, task, category, context and outcome the answers are put in the order of SHA-256 over
(seed, model, task, item, seeds, sample) and the first few are taken: no one chose them. Reads
scores, samples, prompts and items. One real example, shortened:

    {"model": "Pocket, tilted", "category": "Village", "questions": "Ambiguous", "outcome": "wrong",
     "prompt": "<|user|>\n...", "response": "The manager (A).", "read": "(A) The manager", "rule":
     "letter", ...}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featherweight.files import read_rows
from featherweight.records import Item, Prompt, Sample, Score
from featherweight.report import theme
from featherweight.report.inputs import Inputs

SEED = 0
LONGEST = 6_000  # characters of one prompt or response that the page holds
Cell = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the rows behind an example lie."""

    samples: Path
    prompts: Path
    items: Path


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples, and the rule that drew them in words."""

    rows: Sequence[Mapping[str, Any]]
    rule: str


def draw_examples(
    inputs: Inputs, scores: Sequence[Path], folders: Folders, budget: int
) -> Examples:
    """Draw examples of every model that is not a control, as many per cell as fit into `budget`
    characters of JSON.

    `scores` holds one file per model, named after it.
    """
    asked = int(inputs.spec["examples_per_cell"])
    names = set(inputs.models)
    judged = [
        row for path in sorted(scores) if path.stem in names for row in read_rows(path, Score)
    ]
    kept = _with_text(inputs, draw(judged, asked), folders)
    per_cell = asked
    while per_cell > 1 and _size(kept) > budget:
        per_cell -= 1
        ranks = {rank for rank, _ in draw(judged, per_cell)}
        kept = [row for row in kept if row["order"] in ranks]
    drawn = len(kept)
    kept = _fitting(kept, budget)
    places = {inputs.label(name): place for place, name in enumerate(inputs.models)}
    kept.sort(
        key=lambda row: (
            places[row["model"]],
            row["category"],
            row["questions"],
            row["outcome"],
            row["order"],
        )
    )
    if asked == 0:
        return Examples([], "This study shows no examples (examples_per_cell: 0).")
    rule = (
        f"Up to {per_cell} answer{'s' if per_cell != 1 else ''} for each model, category, kind of"
        f" question and outcome: the first in the order of SHA-256 over (seed {SEED}, model, task,"
        f" item, seeds, sample). Nobody chose them. {len(kept):,} of {len(judged):,} answers are"
        " here."
    )
    if len(kept) < drawn:
        rule += (
            f" The page has no room for the other {drawn - len(kept):,} that this rule draws, last"
            " in the same order."
        )
    return Examples(
        [{key: value for key, value in row.items() if key != "order"} for row in kept], rule
    )


def _size(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(json.dumps(row)) for row in rows)


def _fitting(rows: Sequence[dict[str, Any]], budget: int) -> list[dict[str, Any]]:
    """The rows that fit, first in hash order."""
    kept, left = [], budget
    for row in sorted(rows, key=lambda row: str(row["order"])):
        left -= len(json.dumps(row))
        if left < 0:
            break
        kept.append(row)
    return kept


def draw(scores: Iterable[Score], per_cell: int) -> list[tuple[str, Score]]:
    """The first `per_cell` answers of each cell in hash order, with the hash."""
    cells: dict[Cell, list[tuple[str, Score]]] = {}
    for row in scores:
        key = (row.model, row.task, row.category, row.context_condition, row.outcome)
        cells.setdefault(key, []).append((_rank(row), row))
    return [
        drawn
        for key in sorted(cells)
        for drawn in sorted(cells[key], key=lambda pair: pair[0])[:per_cell]
    ]


def _rank(row: Score) -> str:
    key = (SEED, row.model, row.task, row.item_id, row.item_seed, row.sample_seed, row.sample_index)
    return hashlib.sha256("\x1f".join(map(str, key)).encode()).hexdigest()


def _with_text(
    inputs: Inputs, drawn: Sequence[tuple[str, Score]], folders: Folders
) -> list[dict[str, Any]]:
    """Examples with prompt, response and options; an answer whose text is not on disk says so."""
    wanted = {(s.model, s.task, s.category) for _, s in drawn}
    samples: dict[tuple[Any, ...], Sample] = {}
    prompts: dict[tuple[Any, ...], Prompt] = {}
    items: dict[tuple[str, str], Item] = {}
    ids = {(s.task, s.item_id) for _, s in drawn}
    keys = {_key(s) for _, s in drawn}
    for model, task, category in sorted(wanted):
        for path in sorted((folders.samples / model / task / category).glob("*.parquet")):
            samples |= {
                (*_key(r), r.sample_index): r for r in read_rows(path, Sample) if _key(r) in keys
            }
        for path in sorted((folders.prompts / model / task / category).glob("*.parquet")):
            prompts |= {_key(r): r for r in read_rows(path, Prompt) if _key(r) in keys}
    for task, category in sorted({(task, category) for _, task, category in wanted}):
        for path in sorted((folders.items / task / category).glob("*.parquet")):
            items |= {
                (task, r.item_id): r for r in read_rows(path, Item) if (task, r.item_id) in ids
            }
    return [
        _example(
            inputs,
            score,
            rank,
            samples.get((*_key(score), score.sample_index)),
            prompts.get(_key(score)),
            items.get((score.task, score.item_id)),
        )
        for rank, score in drawn
    ]


def _key(row: Score | Sample | Prompt) -> tuple[str, str, str, int, int, str]:
    return row.model, row.task, row.category, row.item_seed, row.sample_seed, row.item_id


def _example(
    inputs: Inputs,
    score: Score,
    rank: str,
    sample: Sample | None,
    prompt: Prompt | None,
    item: Item | None,
) -> dict[str, Any]:
    options = None if item is None else item.options
    return {
        "model": inputs.label(score.model),
        "task": inputs.task_label(score.task),
        "category": theme.group_label(score.category),
        "questions": theme.CONDITIONS[score.context_condition],
        "outcome": theme.OUTCOMES[score.outcome],
        "item": f"{score.item_id}, item seed {score.item_seed}, sample seed {score.sample_seed}",
        "prompt": _cut("" if prompt is None else prompt.text),
        "response": _cut("" if sample is None else _response(sample, prompt)),
        "read": "nothing" if score.chosen is None else _option(options, score.chosen, prompt),
        "rule": _how(inputs, score),
        "right": _option(options, score.gold, prompt),
        "stereotype": "none" if score.target is None else _option(options, score.target, prompt),
        "length": _length(score),
        "order": rank,
    }


def _response(sample: Sample, prompt: Prompt | None) -> str:
    """What was generated; where nothing was, the options with their log-likelihoods, one on each
    line.
    """
    found = sample.option_loglikelihoods
    if found is None:
        return sample.text
    known = prompt.options if prompt is not None and prompt.options is not None else ()
    names = [
        known[place] if place < len(known) else "ABCDEFGHIJ"[place] for place in range(len(found))
    ]
    lines = [
        f"{name}   "
        f" {'no finite value' if value is None else f'{value:.4f}'.replace('-', theme.MINUS)}"
        for name, value in zip(names, found, strict=True)
    ]
    return "\n".join(["[nothing was generated: log-likelihood of each option, in nats]", *lines])


def _length(score: Score) -> str:
    """How long an answer was and how it ended."""
    if score.finish == "scored":
        return theme.ENDED["scored"]
    ended = (
        "stopped by itself"
        if score.finish == "stop"
        else theme.ENDED.get(score.finish, score.finish)
    )
    return f"{score.n_tokens} tokens, {ended}"


def _how(inputs: Inputs, score: Score) -> str:
    """By which rule an answer was read, or why it was not, in plain words."""
    if score.chosen is not None:
        return theme.READ_BY.get(score.rule or "", score.rule or "")
    reason = score.reason or score.outcome
    words = theme.NOT_CHOSEN if inputs.by_likelihood(score.task) else theme.NOT_READ
    return f"none ({words.get(reason, theme.OUTCOMES.get(reason, reason))})"


def _option(options: Sequence[str] | None, index: int, prompt: Prompt | None) -> str:
    """An option with the letter under which it was shown."""
    text = f"option {index}" if options is None else options[index]
    if prompt is None or index not in prompt.shown_order:
        return text
    return f"({'ABCDEFGHIJ'[prompt.shown_order.index(index)]}) {text}"


def _cut(text: str) -> str:
    if not text:
        return "(the text is not on disk)"
    rest = len(text) - LONGEST
    return (
        text
        if rest <= 0
        else f"{text[:LONGEST]}\n[{rest:,} more characters are in the samples file]"
    )

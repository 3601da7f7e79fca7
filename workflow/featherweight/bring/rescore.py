"""BBQ's scores for answers that somebody brings: reads BBQ's files and one file of answers, writes
one CSV.

The rows of the table are those of `table`. With `--answers` a second CSV says how each answer was
read; one real row:

    model=my-model category=Age example_id=12 sample_index=0 context_condition=ambig chosen=1
        outcome=wrong
    reason= rule=line where=answers.jsonl:13
"""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from featherweight.bring.response import Answers as Brought
from featherweight.bring.response import Problems, Response
from featherweight.bring.responses import read_answers
from featherweight.bring.table import GroupRow, Judged, table
from featherweight.errors import InputError
from featherweight.files import write_csv
from featherweight.reading.abstentions import ABSTENTIONS
from featherweight.reading.choice import Reading, outcome, read_answer
from featherweight.records import Condition, Item, Outcome, Reason
from featherweight.stats.bias import Policy
from featherweight.tasks import bbq

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """How one answer was read."""

    model: str | None
    category: str
    example_id: int
    sample_index: int
    context_condition: Condition
    chosen: int | None  # 0, 1, 2: ans0, ans1, ans2
    outcome: Outcome
    reason: Reason | None
    rule: str | None
    where: str  # file and line; the text itself stays there: in a spreadsheet it could be a formula


def rescore(
    responses: Path,
    *,
    items: Path,
    output: Path,
    policy: Policy = "drop",
    answers_output: Path | None = None,
    skip_invalid: bool = False,
) -> list[GroupRow]:
    """Score the answers in `responses` against the BBQ files in `items` and write the table to
    `output`.

    Raises InputError with every line that cannot be used, before anything is written; with
    `skip_invalid` those lines are named and left out instead.
    """
    problems = Problems()
    brought = read_answers(responses, problems)
    log.info("%s: recognised as %s, %d answers", responses, brought.format, len(brought.responses))
    known = _items(
        items, {response.category for response in brought.responses}, brought.responses, problems
    )
    judged = _judge(brought.responses, known, problems)
    if not skip_invalid:
        problems.raise_if_any(
            ["nothing was written; repair these lines, or leave them out with --skip-invalid"]
        )
    for problem in problems.listed():
        log.warning("left out: %s", problem)
    if not judged:
        raise InputError(f"{responses}: no answer can be scored")
    rows = table(judged, policy)
    write_csv(output, rows, GroupRow)
    if answers_output is not None:
        write_csv(answers_output, [_read_row(one) for one in judged], ReadRow)
    for line in summary(judged, known, brought, len(problems.found), policy):
        log.info("%s", line)
    return rows


# --- items and answers
# --------------------------------------------------------------------------------------------


def _items(
    folder: Path, categories: Iterable[str], responses: Sequence[Response], problems: Problems
) -> dict[str, dict[int, Item]]:
    """Category -> example_id -> item, of the categories that were answered."""
    known: dict[str, dict[int, Item]] = {}
    for category in sorted(categories):
        if category not in bbq.CATEGORIES:
            near = difflib.get_close_matches(category, bbq.CATEGORIES, n=1)
            hint = (
                f"; did you mean {near[0]!r}?" if near else f"; BBQ has {', '.join(bbq.CATEGORIES)}"
            )
            for response in responses:
                if response.category == category:
                    problems.add(response.where, f"unknown category {category!r}{hint}")
            continue
        try:
            loaded = bbq.load(folder, category, verify=False)
        except InputError as error:
            first = next(response.where for response in responses if response.category == category)
            raise InputError(
                [*error.problems, f"{first}: this answer needs the category {category}"]
            ) from error
        known[category] = {item.example_id: item for item in loaded}
    for departure in bbq.departures(folder, known):
        log.warning("warning: %s", departure)
    return known


def _judge(
    responses: Sequence[Response], known: Mapping[str, Mapping[int, Item]], problems: Problems
) -> list[Judged]:
    first: dict[tuple[str | None, str, int, int], str] = {}
    judged = []
    for response in responses:
        if response.category not in known:
            continue  # a problem already
        item = known[response.category].get(response.example_id)
        if item is None:
            size = len(known[response.category])
            problems.add(
                response.where,
                f"unknown example_id {response.example_id} in {response.category} ({size} items)",
            )
            continue
        key = (response.model, response.category, response.example_id, response.sample_index)
        if first.setdefault(key, response.where) != response.where:
            problems.add(response.where, _duplicate(response, first[key]))
            continue
        reading = _reading(response, item, problems)
        if reading is not None:
            judged.append(Judged(response, item, reading))
    return judged


def _duplicate(response: Response, first: str) -> str:
    of = "" if response.model is None else f" of {response.model}"
    hint = (
        "; if these are several models, name each line's in a `model` field"
        if response.model is None
        else ""
    )
    return (
        f"a second answer{of} to {response.category} {response.example_id}, the first is"
        f" {first}{hint}"
    )


def _reading(response: Response, item: Item, problems: Problems) -> Reading | None:
    order = response.order or tuple(range(len(item.options)))
    if response.shown is not None:
        if sorted(response.shown) != sorted(item.options):
            problems.add(
                response.where,
                f"expected the options {list(item.options)} of this item, got"
                f" {list(response.shown)}",
            )
            return None
        order = tuple(item.options.index(text) for text in response.shown)
    if response.option is None:
        return read_answer(response.text, item, order, response.finish, lettered=response.lettered)
    return _by_option(response.option, item, response.where, problems)


def _by_option(option: str, item: Item, where: str, problems: Problems) -> Reading | None:
    """A choice made by likelihood.

    Any wording of "unknown" is the unknown option, as lm-evaluation-harness offers.
    """
    stripped = [text.strip() for text in item.options]
    if option in stripped:
        return Reading(stripped.index(option), "likelihood", None)
    if ABSTENTIONS.search(option.lower()) or option.lower() in (
        "unknown",
        "not known",
        "cannot answer",
        "can't answer",
    ):
        return Reading(item.unknown, "likelihood", None)
    problems.add(
        where, f"expected one of the candidates {stripped} or an unknown one, got {option!r}"
    )
    return None


def _read_row(one: Judged) -> ReadRow:
    return ReadRow(
        model=one.response.model,
        category=one.response.category,
        example_id=one.response.example_id,
        sample_index=one.response.sample_index,
        context_condition=one.item.context_condition,
        chosen=one.reading.chosen,
        outcome=outcome(one.reading, one.item.gold),
        reason=one.reading.reason,
        rule=one.reading.rule,
        where=one.response.where,
    )


# --- the summary
# --------------------------------------------------------------------------------------------------


def summary(
    judged: Sequence[Judged],
    known: Mapping[str, Mapping[int, Item]],
    brought: Brought,
    n_invalid: int,
    policy: Policy,
) -> list[str]:
    """What became of every line: how many were scored, which were not and why, what was not
    answered.
    """
    lines = [f"{n_invalid} lines could not be used"] if n_invalid else []
    lines += list(brought.notes)
    for model in sorted({one.response.model for one in judged}, key=lambda name: name or ""):
        lines.append(
            _summary_of(
                model, [one for one in judged if one.response.model == model], known, policy
            )
        )
    return lines


def _summary_of(
    model: str | None,
    mine: Sequence[Judged],
    known: Mapping[str, Mapping[int, Item]],
    policy: Policy,
) -> str:
    outcomes = Counter(outcome(one.reading, one.item.gold) for one in mine)
    reasons = Counter(
        one.reading.reason for one in mine if outcome(one.reading, one.item.gold) == "unparsed"
    )
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=str))
    excluded = sum(one.item.target is None for one in mine)
    asked = {(one.response.category, one.response.example_id) for one in mine}
    open_items = sum(len(items) for items in known.values()) - len(asked)
    return (
        f"{model or 'all answers'}: {len(mine)} answers, {outcomes['right']} right,"
        f" {outcomes['wrong']} wrong, {outcomes['unparsed']} unparsed{f' ({why})' if why else ''},"
        f" {outcomes['unfinished']} unfinished; policy for the unread: {policy}; {excluded} answers"
        f" to items without a target are left out; {open_items} of"
        f" {sum(len(items) for items in known.values())} items of these categories have no answer"
    )

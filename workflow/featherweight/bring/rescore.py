"""BBQ's scores for answers from elsewhere: reads BBQ's files and one file of answers, writes a CSV.

The rows of the table are those of `tasks.bbq.table`. With `--answers` a second CSV says how each
answer was read; one real row:

    model=my-model category=Age example_id=12 sample_index=0 context_condition=ambig chosen=1
        outcome=wrong
    reason= rule=line where=answers.jsonl:13
"""

from __future__ import annotations

import difflib
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from featherweight.bring.response import Answers, Problems, Response
from featherweight.bring.responses import read_answers
from featherweight.errors import InputError
from featherweight.files import write_csv
from featherweight.reading.abstentions import ABSTENTIONS
from featherweight.reading.choice import read_answer
from featherweight.reading.outcomes import outcome
from featherweight.records import Choices, Finish, Item, Outcome, Reading, Reason
from featherweight.tasks.bbq import CATEGORIES
from featherweight.tasks.bbq.facts import BiasFacts, choices
from featherweight.tasks.bbq.files import departures, load
from featherweight.tasks.bbq.numbers import NUMBERS
from featherweight.tasks.bbq.table import CONDITIONS, Answer, GroupRow, table

log = logging.getLogger(__name__)
_THOUGHT = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)


class Question(NamedTuple):
    """An item and what only BBQ knows of it."""

    item: Item
    facts: BiasFacts


class Judged(NamedTuple):
    """A response, its question, and how it was read."""

    response: Response
    question: Question
    reading: Reading

    @property
    def outcome(self) -> Outcome:
        """What it is worth."""
        return outcome(self.reading, self.question.item.gold)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """How one answer was read."""

    model: str | None
    category: str
    example_id: int
    sample_index: int
    context_condition: str
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
    policy: str = "drop",
    answers_output: Path | None = None,
    skip_invalid: bool = False,
) -> list[GroupRow]:
    """Score the answers in `responses` against BBQ's files in `items`; write the table to `output`.

    Raises InputError with every line that cannot be used, before anything is written; with
    `skip_invalid` those lines are named and left out instead.
    """
    problems = Problems()
    answers = read_answers(responses, problems)
    log.info("%s: recognised as %s, %d answers", responses, answers.format, len(answers.responses))
    categories = {response.category for response in answers.responses}
    known = _questions(items, categories, answers.responses, problems)
    judged = _judge(answers.responses, known, problems)
    if not skip_invalid:
        problems.raise_if_any(
            ["nothing was written; repair these lines, or leave them out with --skip-invalid"]
        )
    for problem in problems.listed():
        log.warning("left out: %s", problem)
    if not judged:
        raise InputError(f"{responses}: no answer can be scored")
    read = [Answer(one.response.model, *one.question, one.reading) for one in judged]
    rows = table(read, NUMBERS.policy(policy))
    write_csv(output, rows, GroupRow)
    if answers_output is not None:
        write_csv(answers_output, [_read_row(one) for one in judged], ReadRow)
    for line in summary(judged, known, answers, len(problems.lines), policy):
        log.info("%s", line)
    return rows


# --- items and answers
# --------------------------------------------------------------------------------------------


def _questions(
    folder: Path, categories: Iterable[str], responses: Sequence[Response], problems: Problems
) -> dict[str, dict[int, Question]]:
    """Category -> example_id -> question, of the categories that were answered."""
    known: dict[str, dict[int, Question]] = {}
    for category in sorted(categories):
        if category not in CATEGORIES:
            near = difflib.get_close_matches(category, CATEGORIES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; BBQ has {', '.join(CATEGORIES)}"
            for response in responses:
                if response.category == category:
                    problems.add(response.where, f"unknown category {category!r}{hint}")
            continue
        try:
            loaded = load(folder, category, verify=False)
        except InputError as error:
            first = next(response.where for response in responses if response.category == category)
            raise InputError(
                [*error.problems, f"{first}: this answer needs the category {category}"]
            ) from error
        known[category] = {
            facts.example_id: Question(item, facts)
            for item, facts in zip(loaded.items, loaded.facts, strict=True)
        }
    for departure in departures(folder, known):
        log.warning("warning: %s", departure)
    return known


def _judge(
    responses: Sequence[Response], known: Mapping[str, Mapping[int, Question]], problems: Problems
) -> list[Judged]:
    first: dict[tuple[str | None, str, int, int], str] = {}
    judged = []
    for response in responses:
        if response.category not in known:
            continue  # a problem already
        question = known[response.category].get(response.example_id)
        if question is None:
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
        reading = _reading(response, choices(*question), problems)
        if reading is not None:
            judged.append(Judged(response, question, reading))
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


def _reading(response: Response, given: Choices, problems: Problems) -> Reading | None:
    order = response.order or tuple(range(len(given.options)))
    if response.shown is not None:
        if sorted(response.shown) != sorted(given.options):
            problems.add(
                response.where,
                f"expected the options {list(given.options)} of this item, got"
                f" {list(response.shown)}",
            )
            return None
        order = tuple(given.options.index(text) for text in response.shown)
    if response.option is not None:
        return _by_option(response.option, given, response.where, problems)
    return read_whole(response.text, given, order, response.finish, lettered=response.lettered)


def read_whole(
    text: str, given: Choices, order: Sequence[int], finish: Finish, *, lettered: bool
) -> Reading:
    """What a text answers that may begin with thoughts, between the usual tags."""
    answer = after_thinking(text)
    if answer is None:
        return Reading(None, None, "none", unfinished=True)
    return read_answer(answer, given, order, finish, lettered=lettered)


def after_thinking(text: str) -> str | None:
    """What follows the last thought; all where nobody thinks; None where a thought never ends."""
    tags = list(_THOUGHT.finditer(text))
    if not tags:
        return text
    return text[tags[-1].end() :] if tags[-1][1] else None


def _by_option(option: str, given: Choices, where: str, problems: Problems) -> Reading | None:
    """A choice made by likelihood.

    Any wording of "unknown" is the unknown option, as lm-evaluation-harness offers.
    """
    stripped = [text.strip() for text in given.options]
    chosen = stripped.index(option) if option in stripped else None
    if chosen is None and (
        ABSTENTIONS.search(option.lower())
        or option.lower() in ("unknown", "not known", "cannot answer", "can't answer")
    ):
        chosen = given.abstention
    if chosen is not None:
        return Reading(given.options[chosen], "likelihood", None, chosen=chosen)
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
        context_condition=CONDITIONS[str(one.question.item.stratum)],
        chosen=one.reading.chosen,
        outcome=one.outcome,
        reason=one.reading.reason,
        rule=one.reading.rule,
        where=one.response.where,
    )


# --- the summary
# --------------------------------------------------------------------------------------------------


def summary(
    judged: Sequence[Judged],
    known: Mapping[str, Mapping[int, Question]],
    answers: Answers,
    n_invalid: int,
    policy: str,
) -> list[str]:
    """What became of every line: how many were scored, which were not and why, what is missing."""
    lines = [f"{n_invalid} lines could not be used"] if n_invalid else []
    lines += answers.notes
    for model in sorted({one.response.model for one in judged}, key=lambda name: name or ""):
        mine = [one for one in judged if one.response.model == model]
        lines.append(_summary_of(model, mine, known, policy))
    return lines


def _summary_of(
    model: str | None,
    mine: Sequence[Judged],
    known: Mapping[str, Mapping[int, Question]],
    policy: str,
) -> str:
    outcomes = Counter(one.outcome for one in mine)
    reasons = Counter(one.reading.reason for one in mine if one.outcome == "unparsed")
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=str))
    excluded = sum(one.question.facts.target is None for one in mine)
    n_items = sum(len(items) for items in known.values())
    n_answered = len({(one.response.category, one.response.example_id) for one in mine})
    return (
        f"{model or 'all answers'}: {len(mine)} answers, {outcomes['right']} right,"
        f" {outcomes['wrong']} wrong, {outcomes['unparsed']} unparsed{f' ({why})' if why else ''},"
        f" {outcomes['unfinished']} unfinished; policy for the unread: {policy}; {excluded} answers"
        f" to items without a target are left out; {n_items - n_answered} of {n_items} items of"
        " these categories have no answer"
    )

r"""AIME 2024: the 30 problems of the American Invitational Mathematics Examination I and II.

Reads `test.jsonl`, plain or .gz, in the shape of QwenLM/Qwen2.5-Math (`id` 60 to 89, `problem`,
`answer`, `url`, ...) or in that of the project's copies (`id` "2024-I-1"). One real item:

    Item(task="aime24", item_id="2024-II-4", category="2024-II", cluster="2024-II-4", ...,
         question="Let $x,y$ and $z$ be positive real numbers that satisfy the following ...",
         options=None, gold="033")

What a reader of this file must know:

- Answers are whole numbers from 0 to 999, written with three digits: 033 is 33.
- Qwen's rows say exam and number only in their url; they are sorted as in the exams.
- One problem is 3.3 points of accuracy: say "7 of 30". Two problems hold a figure (`[asy]`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featherweight.errors import InputError
from featherweight.records import Item
from featherweight.specs import Scalar
from featherweight.tasks import Loaded, Task, graded
from featherweight.tasks.problems import (
    FIGURE,
    Problem,
    Row,
    Shape,
    item_of,
    read_problems,
    text_of,
)

EXAMS = {"2024-I": 15, "2024-II": 15}
_ID = re.compile(r"(2024-I{1,2})-([0-9]{1,2})")
_URL = re.compile(r".*/2024_AIME_(I{1,2})_Problems/Problem_([0-9]{1,2})")
_ANSWER = re.compile(r"[0-9]{1,3}")


def load(folder: Path, category: str) -> Loaded:
    """The problems of one exam in its order. Raises InputError."""
    problems = [
        one
        for one in read_problems(folder, SHAPES, sum(EXAMS.values()))
        if one.category == category
    ]
    if len(problems) != EXAMS[category]:
        raise InputError(
            f"{folder}: expected {EXAMS[category]} problems of {category}, got {len(problems)};"
            " fetch it again"
        )
    items = [item_of("aime24", one) for one in sorted(problems, key=_number)]
    return Loaded(items, ())


def _number(one: Problem) -> int:
    return int(one.problem_id.rpartition("-")[2])


def _of_qwen(row: Row, place: int) -> Problem:
    url = text_of(row, "url")
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"url: expected a problem of AIME I or II 2024, got {url!r:.90}")
    return _problem(f"2024-{found[1]}", int(found[2]), row)


def _of_copy(row: Row, place: int) -> Problem:
    name = text_of(row, "id")
    found = _ID.fullmatch(name)
    if found is None:
        raise ValueError(f"id: expected one like 2024-I-1, got {name!r:.60}")
    return _problem(found[1], int(found[2]), row)


def _problem(exam: str, number: int, row: Row) -> Problem:
    answer = text_of(row, "answer")
    if not 1 <= number <= EXAMS[exam]:
        raise ValueError(f"expected a problem from 1 to {EXAMS[exam]}, got {exam}-{number}")
    if _ANSWER.fullmatch(answer) is None:
        raise ValueError(f"answer: expected a whole number from 0 to 999, got {answer!r:.60}")
    return Problem(f"{exam}-{number}", text_of(row, "problem"), answer, exam)


SHAPES = (
    Shape(frozenset({"id", "exam", "number", "problem", "answer"}), _of_copy),
    Shape(frozenset({"id", "url", "problem", "answer"}), _of_qwen),
    Shape(frozenset({"id", "problem", "answer"}), _of_copy),
)


def matches(item: Item, facts: Any, subset: Mapping[str, Scalar]) -> bool:
    """Whether an item has a figure, or none."""
    return all((FIGURE in item.question) == value for value in subset.values())


TASK = Task(
    name="aime24",
    categories=EXAMS,
    wordings=graded.WORDINGS,
    load=load,
    benchmark="AIME24",
    policies=graded.POLICIES,
    policy=graded.POLICY,
    controls=graded.CONTROLS,
    choices=None,
    read="expression",
    grading="integer",
    subset_keys={"figure": bool},
    matches=matches,
)

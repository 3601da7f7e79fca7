r"""MATH-500 (Lightman et al. 2023): 500 problems of MATH's test split, at levels 1 to 5.

Reads `test.jsonl`, plain or .gz, in the authors' shape (`problem`, `solution`, `answer`, `subject`,
`level`, `unique_id`) or in that of the project's copies (`id` in place of `unique_id`). One real
item:

    Item(task="math500", item_id="test/precalculus/807.json", category="Precalculus",
         cluster="test/precalculus/807.json", ..., group="Precalculus", stratum="level 2",
         question="Convert the point $(0,3)$ in rectangular coordinates to polar ...",
         options=None, gold="\left( 3, \frac{\pi}{2} \right)")

What a reader of this file must know:

- 42 problems hold a figure as source of Asymptote (`[asy]`): `subset: {figure: false}` leaves them
  out. s1 reports on problems without figures, most others on all.
- MATH has been public since 2021: what a model scores here may be remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featherweight.records import Item
from featherweight.specs import Scalar
from featherweight.tasks import Loaded, Task, graded
from featherweight.tasks.problems import (
    FIGURE,
    Problem,
    Row,
    Shape,
    item_of,
    level_of,
    read_problems,
    text_of,
)

SIZE = 500
# Subject, as a category is called -> its problems; counted in the file itself.
CATEGORIES = {
    "Algebra": 124,
    "Counting_and_Probability": 38,
    "Geometry": 41,
    "Intermediate_Algebra": 97,
    "Number_Theory": 62,
    "Prealgebra": 82,
    "Precalculus": 56,
}
STRATA = tuple(f"level {level}" for level in range(1, 6))


def load(folder: Path, category: str) -> Loaded:
    """The problems of one subject in the file's order. Raises InputError."""
    items = [
        item_of("math500", one)
        for one in read_problems(folder, SHAPES, SIZE)
        if one.category == category
    ]
    return Loaded(items, ())


def _reader(key: str) -> Shape:
    """The shape whose ids stand under `key`."""

    def read(row: Row, place: int) -> Problem:
        return Problem(
            problem_id=text_of(row, key),
            text=text_of(row, "problem"),
            gold=text_of(row, "answer"),
            category=_category(text_of(row, "subject")),
            level=level_of(row),
        )

    return Shape(frozenset({key, "problem", "answer", "subject", "level"}), read)


def _category(subject: str) -> str:
    category = subject.replace("&", "and").replace(" ", "_")
    if category not in CATEGORIES:
        names = ", ".join(CATEGORIES)
        raise ValueError(f"subject: expected one of {names}, got {subject!r:.60}")
    return category


SHAPES = (_reader("unique_id"), _reader("id"))


def matches(item: Item, facts: Any, subset: Mapping[str, Scalar]) -> bool:
    """Whether an item has this level, and a figure or none."""
    own: dict[str, Scalar] = {"figure": FIGURE in item.question}
    if item.stratum is not None:
        own["level"] = int(item.stratum.removeprefix("level "))
    return all(own[key] == value for key, value in subset.items())


TASK = Task(
    name="math500",
    categories=CATEGORIES,
    wordings=graded.WORDINGS,
    load=load,
    benchmark="MATH-500",
    strata=STRATA,
    policies=graded.POLICIES,
    policy=graded.POLICY,
    controls=graded.CONTROLS,
    choices=None,
    read="expression",
    grading="expression",
    subset_keys={"level": int, "figure": bool},
    matches=matches,
)

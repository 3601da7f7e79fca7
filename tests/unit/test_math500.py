"""MATH-500: the same items from both shapes of its file, levels as strata, what is refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from featherweight.errors import InputError
from featherweight.files import write_json
from featherweight.prompts.draw import run as draw
from featherweight.prompts.golds import run as check_golds
from featherweight.specs import DrawSpec
from featherweight.tasks.math500 import CATEGORIES, SIZE, STRATA, TASK, load, matches
from problem_files import Row, shared, write

SUBJECTS = ["Algebra", "Counting & Probability", "Geometry", "Intermediate Algebra"]
SUBJECTS += ["Number Theory", "Prealgebra", "Precalculus"]
AUTHORS: list[Row] = [
    {
        "problem": f"What is ${n}+1$?" + (" [asy] dot((0,0)); [/asy]" if n % 10 == 0 else ""),
        "solution": f"It is $\\boxed{{{n + 1}}}$.",
        "answer": str(n + 1),
        "subject": SUBJECTS[n % 7],
        "level": n % 5 + 1,
        "unique_id": f"test/sums/{n}.json",
    }
    for n in range(SIZE)
]


def copied(row: Row) -> dict[str, Any]:
    return {"id": row["unique_id"]} | {k: v for k, v in row.items() if k != "unique_id"}


def authors(row: Row) -> dict[str, Any]:
    keys = ("problem", "solution", "answer", "subject", "level")
    return {key: row[key] for key in keys} | {"unique_id": row["id"]}


def test_an_item_is_what_its_line_says_in_either_shape(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", AUTHORS)
    packed = write(tmp_path / "packed", [copied(row) for row in AUTHORS], packed=True)
    for category in CATEGORIES:
        assert load(plain, category).items == load(packed, category).items
    second = load(plain, "Counting_and_Probability").items[0]
    assert (second.item_id, second.question, second.gold) == (
        "test/sums/1.json",
        "What is $1+1$?",
        "2",
    )
    assert second.category == second.group == "Counting_and_Probability"
    assert second.stratum == "level 2"
    assert second.cluster == second.block == second.item_id
    assert second.options is None


BAD = [
    ({"level": 6}, r"line 1: level: expected a whole number from 1 to 5, got 6; fetch it again"),
    ({"level": 0}, r"line 1: level: expected a whole number from 1 to 5, got 0"),
    ({"level": True}, r"line 1: level: expected a whole number from 1 to 5, got True"),
    ({"level": "3"}, r"line 1: level: expected a whole number from 1 to 5, got '3'"),
    ({"subject": "Alchemy"}, r"line 1: subject: expected one of Algebra, .*, got 'Alchemy'"),
    ({"problem": ""}, r"line 1: problem: expected a text that is not empty, got ''"),
    ({"answer": ""}, r"line 1: answer: expected a text that is not empty, got ''"),
    ({"unique_id": "test/sums/1.json"}, r"the id 'test/sums/1.json' stands there 2 times"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD)
def test_a_wrong_row_is_one_line(tmp_path: Path, change: Row, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        load(write(tmp_path, [{**AUTHORS[0], **change}, *AUTHORS[1:]]), "Algebra")
    assert len(caught.value.problems) == 1


def test_a_line_without_a_level_is_no_problem_of_math(tmp_path: Path) -> None:
    row = {key: value for key, value in AUTHORS[0].items() if key != "level"}
    with pytest.raises(InputError, match=r"expected the keys answer, level, problem, subject, uni"):
        load(write(tmp_path, [row, *AUTHORS[1:]]), "Algebra")


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ({"level": 1}, True),
        ({"level": 2}, False),
        ({"figure": True}, True),
        ({"figure": False}, False),
        ({"level": 1, "figure": True}, True),
        ({"level": 1, "figure": False}, False),
        ({}, True),
    ],
)
def test_subsets(tmp_path: Path, subset: dict[str, int | bool], expected: bool) -> None:
    item = load(write(tmp_path, AUTHORS), "Algebra").items[0]
    assert matches(item, None, subset) is expected


def drawn(tmp_path: Path, rows: list[Row], subset: dict[str, Any] | None) -> None:
    write_json(tmp_path / "d.json", {"folder": str(write(tmp_path / "data", rows))})
    spec = {"label": "math500", "task": "math500", "count": None, "subset": subset}
    draws = [[category, 0] for category in CATEGORIES]
    made = DrawSpec.model_validate(spec | {"draws": draws})
    draw(made, tmp_path / "d.json", tmp_path / "items")
    check_golds(made, tmp_path / "items", tmp_path / "golds.json")


def test_a_level_that_does_not_exist_is_one_line_that_names_the_levels(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        drawn(tmp_path, AUTHORS, {"level": 9})
    assert caught.value.problems == (
        "task math500: no item of Algebra is in the subset {level: 9}; its items are of level 1,"
        " level 2, level 3, level 4, level 5; names are compared as the dataset writes them, case"
        " included",
    )


def test_a_right_answer_that_cannot_be_graded_is_named_before_any_generation(
    tmp_path: Path,
) -> None:
    rows = [*AUTHORS[:3], {**AUTHORS[3], "answer": "\\frac{1}{"}, *AUTHORS[4:]]
    with pytest.raises(InputError) as caught:
        drawn(tmp_path, rows, None)
    (line,) = caught.value.problems
    assert line.startswith("task math500: test/sums/3.json: the right answer '\\\\frac{1}{'")


def test_at_most_twenty_such_answers_are_named(tmp_path: Path) -> None:
    rows = [{**row, "answer": f"\\frac{{{at}}}{{"} for at, row in enumerate(AUTHORS[:30])]
    with pytest.raises(InputError) as caught:
        drawn(tmp_path, [*rows, *AUTHORS[30:]], None)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 10 more like these"


def test_the_real_problems_have_the_known_counts_from_both_shapes(
    shared_data: Path, tmp_path: Path
) -> None:
    """Counts of levels: `test-time-scaling.md` section 4; of subjects: SOURCE.md of the copy."""
    rebuilt = write(tmp_path, shared(shared_data / "math500", authors))
    assert hashlib.sha256((rebuilt / "test.jsonl").read_bytes()).hexdigest().startswith("35dc4108")
    items = [item for category in CATEGORIES for item in load(rebuilt, category).items]
    copies = [
        item for category in CATEGORIES for item in load(shared_data / "math500", category).items
    ]
    assert items == copies
    assert Counter(item.category for item in items) == CATEGORIES
    assert [sum(item.stratum == name for item in items) for name in STRATA] == [
        43,
        90,
        105,
        128,
        134,
    ]
    assert sum(matches(item, None, {"figure": True}) for item in items) == 42
    assert len({item.item_id for item in items}) == SIZE == len(items)
    assert TASK.policy == "wrong"

"""Controls of graded tasks answer as a model would, and score what is known beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from featherweight.grading import Grader
from featherweight.reading.free import read_free
from featherweight.reading.outcomes import outcome
from featherweight.records import Item, Reading
from featherweight.tasks import Asked, task
from featherweight.tasks.choice import LAST_LINE
from featherweight.tasks.graded import near_misses, other_forms

TASKS = ("gsm8k", "math500", "aime24")
# The kinds of right answers that MATH-500 has, one of each.
GOLDS = (
    "18",
    "-3",
    "025",
    "0",
    "70000",
    "3.5",
    "\\frac{3}{4}",
    "-\\frac{3}{56}",
    "\\left( 3, \\frac{\\pi}{2} \\right)",
    "p - q",
    "\\text{Evelyn}",
    "\\text{(B)}",
    "90^\\circ",
    "x^2 + 7x + 10",
    "(-\\infty, 2) \\cup (3, \\infty)",
    "52_8",
    "10\\%",
    "1 \\pm \\sqrt{19}",
    "\\begin{pmatrix} 4 \\\\ -3 \\end{pmatrix}",
)


def item(gold: str) -> Item:
    return Item(
        task="math500",
        item_id="i",
        category="Algebra",
        cluster="i",
        block="i",
        group="Algebra",
        stratum="level 1",
        context="",
        question="?",
        options=None,
        gold=gold,
    )


def read(control: str, one: Item, stream: int, task_name: str = "math500") -> Reading:
    asked = Asked(item=one, facts=None, order=None, prompt="?", stream=stream)
    whole = task(task_name)
    assert whole.read is not None
    return read_free(whole.read, whole.controls[control](asked), one, "stop")


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("gold", GOLDS)
def test_what_is_read_of_each(name: str, gold: str) -> None:
    one = item(gold)
    for stream in range(20):
        assert read("oracle", one, stream, name)[:2] == (gold, "box")
        assert read("rephrased", one, stream, name).rule == "box"
        assert read("near-miss", one, stream, name).answer in near_misses(gold)
        closed = read("unclosed", one, stream, name)
        assert (closed.answer, outcome(closed, gold)) == (None, "unfinished")


def test_forms_are_drawn_by_stream_alone_and_all_of_them() -> None:
    one = item("\\frac{3}{4}")
    drawn = {stream: read("rephrased", one, stream).answer for stream in range(200)}
    assert {form.strip() for form in other_forms(one.gold)} == set(drawn.values())
    assert drawn == {stream: read("rephrased", one, stream).answer for stream in range(200)}


def test_hesitant_leaves_open_what_was_planted() -> None:
    """4,000 draws at 0.30: three standard errors are 0.022, four 0.029; a false alarm: 6e-5."""
    found = Counter(outcome(read("hesitant", item("18"), stream), "18") for stream in range(4000))
    assert set(found) == {"right", "unparsed"}
    assert abs(found["unparsed"] / 4000 - 0.30) < 0.029
    assert read("hesitant", item("18"), _open()).reason == "none"


def test_hesitant_leaves_less_open_where_the_last_line_is_demanded() -> None:
    rule = task("math500").controls["hesitant"]
    left = {
        prompt: {
            stream
            for stream in range(2000)
            if "boxed" not in rule(Asked(item("18"), None, None, prompt, stream))
        }
        for prompt in ("?", LAST_LINE)
    }
    assert 0 < len(left[LAST_LINE]) < len(left["?"]) / 3
    assert left[LAST_LINE] < left["?"]  # one random number per question decides


def _open() -> int:
    rule = task("math500").controls["hesitant"]
    asked = (Asked(item("18"), None, None, "?", stream) for stream in range(100))
    return next(one.stream for one in asked if "boxed" not in rule(one))


def graded(kind: str, golds: Sequence[str], *, equal: bool) -> list[tuple[str, str]]:
    """The pairs of a right answer and a form of it that the grader judges otherwise."""
    forms = other_forms if equal else near_misses
    pairs = [(gold, form) for gold in dict.fromkeys(golds) for form in forms(gold)]
    with Grader(kind, None) as grader:  # type: ignore[arg-type]
        grades = grader.grade(pairs)
    return [pair for pair, grade in zip(pairs, grades, strict=True) if grade.equal is not equal]


def test_the_grader_calls_other_forms_equal_and_near_misses_not() -> None:
    assert graded("expression", GOLDS, equal=True) == []
    assert graded("expression", GOLDS, equal=False) == []
    assert graded("number", GOLDS[:5], equal=True) == []
    assert graded("number", GOLDS[:5], equal=False) == []


@pytest.mark.parametrize("name", TASKS)
def test_the_same_of_every_right_answer_of_the_datasets(name: str, shared_data: Path) -> None:
    one = task(name)
    golds = [
        item.gold
        for category in one.categories
        for item in one.load(shared_data / name, category).items
    ]
    assert one.grading is not None
    assert graded(one.grading, golds, equal=True) == []
    assert graded(one.grading, golds, equal=False) == []

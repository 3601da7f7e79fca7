"""Labelled pairs of our own, ten forms of MATH-500's right answers, and pairs of different ones.

The pairs stand in tests/cases/grades.jsonl. Nothing here is random but by a fixed seed.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from featherweight.grading import Grader

CASES = Path(__file__).parents[1] / "cases" / "grades.jsonl"
MATH_500 = Path(__file__).parents[3] / "shared" / "data" / "math500" / "test.jsonl.gz"
PAIRS = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
needs_data = pytest.mark.skipif(not MATH_500.is_file(), reason="needs ../shared")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader("expression", None, workers=2) as one:
        yield one


@pytest.fixture(scope="module")
def golds() -> list[str]:
    with gzip.open(MATH_500, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["answer"] for line in lines]


def test_there_are_300_pairs_and_half_are_near_misses() -> None:
    equal = sum(pair["equal"] for pair in PAIRS)
    assert len(PAIRS) >= 300
    assert 0.45 < equal / len(PAIRS) < 0.55
    assert len({(pair["gold"], pair["answer"]) for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("topic", sorted({pair["topic"] for pair in PAIRS}))
def test_every_labelled_pair_is_graded_as_labelled(topic: str, grader: Grader) -> None:
    chosen = [pair for pair in PAIRS if pair["topic"] == topic]
    grades = grader.grade([(pair["gold"], pair["answer"]) for pair in chosen])
    wrong = [
        (pair["gold"], pair["answer"], pair["why"], grade.rule)
        for pair, grade in zip(chosen, grades, strict=True)
        if grade.equal is not pair["equal"]
    ]
    assert wrong == []


def test_equality_is_the_same_both_ways(grader: Grader) -> None:
    turned = grader.grade([(pair["answer"], pair["gold"]) for pair in PAIRS])
    wrong = [
        (pair["answer"], pair["gold"], grade.rule)
        for pair, grade in zip(PAIRS, turned, strict=True)
        if grade.equal is not pair["equal"]
    ]
    assert wrong == []


def test_every_right_answer_of_the_pairs_reads(grader: Grader) -> None:
    assert grader.unreadable(sorted({pair["gold"] for pair in PAIRS})) == []


def _another_way(gold: str) -> str:
    """An integer with a decimal point, a fraction with a slash or without braces."""
    if re.fullmatch(r"-?\d+", gold):
        return f"{gold}.0"
    slashed = re.sub(r"^(-?)\\frac\{(\d+)\}\{(\d+)\}$", r"\1\2/\3", gold)
    return re.sub(r"\\frac\{(\d)\}\{(\d)\}", r"\\frac\1\2", slashed)


def _named(gold: str) -> str:
    return gold if re.search(r"=|\\in|\\text", gold) else f"x = {gold}"


FORMS: dict[str, Callable[[str], str]] = {
    "in dollars": lambda gold: f"${gold}$",
    "a full stop": lambda gold: f"{gold}.",
    "in brackets": lambda gold: rf"\[ {gold} \]",
    "larger fractions": lambda gold: re.sub(r"\\frac", r"\\dfrac", gold),
    "spaces": lambda gold: re.sub(r"([+=-])", r" \1 ", gold),
    "sizes": lambda gold: re.sub(r"(?<![\\t])([(])(.*)([)])$", r"\\left(\2\\right)", gold),
    "in braces": lambda gold: f"{{{gold}}}",
    "display style": lambda gold: rf"\displaystyle {gold}",
    "named": _named,
    "another way": _another_way,
}


@needs_data
@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_right_answer_is_right(name: str, golds: list[str], grader: Grader) -> None:
    pairs = [(gold, FORMS[name](gold)) for gold in golds]
    grades = grader.grade(pairs)
    wrong = [pair for pair, grade in zip(pairs, grades, strict=True) if grade.equal is not True]
    assert len(pairs) == 500
    assert wrong == []


@needs_data
def test_no_two_different_right_answers_are_equal(golds: list[str], grader: Grader) -> None:
    """2,000 pairs of answers whose texts differ; none of them is equal as a value."""
    draw = random.Random(500)
    different = sorted(set(golds))
    pairs = [tuple(draw.sample(different, 2)) for _ in range(2000)]
    same_value = [pair for pair in pairs if _same_value(*pair)]
    grades = grader.grade([(one, other) for one, other in pairs])
    equal = [pair for pair, grade in zip(pairs, grades, strict=True) if grade.equal is not False]
    assert equal == same_value


def _same_value(one: str, other: str) -> bool:
    r"""Whether two texts are one answer: \frac14 and \frac{1}{4}, 5 and x=5; a rule of its own."""
    bare = [
        re.sub(r"^[a-z]=|\s|\\!|,(?=\\!)|(?<=\d),(?=\d{3}$)", "", text.replace(r"\dfrac", r"\frac"))
        for text in (one, other)
    ]
    full = [re.sub(r"\\frac(\d)(\d)$", r"\\frac{\1}{\2}", text) for text in bare]
    return full[0] == full[1]


@needs_data
def test_every_right_answer_reads_by_the_whole_path(golds: list[str], grader: Grader) -> None:
    assert grader.unreadable(golds) == []

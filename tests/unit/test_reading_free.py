"""Reading free answers: cases as data, texts of megabytes, and the solutions of the datasets."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from featherweight.reading import numerals, stated
from featherweight.reading.expression import read_boxed, read_expression
from featherweight.reading.number import read_number
from featherweight.records import Reading

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "cases" / "free_answers.json").read_text(encoding="utf-8")
)
READERS = {"expression": read_expression, "number": read_number}


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{case['reader']}-{at}" for at, case in enumerate(CASES)]
)
def test_a_case(case: dict[str, Any]) -> None:
    found = READERS[case["reader"]](case["text"], case["finish"])
    expected = (case["answer"], case["rule"], case["reason"], case["unfinished"])
    assert (found.answer, found.rule, found.reason, found.unfinished) == expected, case["why"]
    assert found.chosen is None


def test_the_cases_are_many_and_none_stands_twice() -> None:
    assert len({(one["reader"], one["text"], one["finish"]) for one in CASES}) == len(CASES) > 200
    assert {one["rule"] for one in CASES} == {"box", "stated", "hashes", "last number", None}


def test_a_box_alone() -> None:
    assert read_boxed(r"\boxed{5}", "stop").answer == "5"
    assert read_boxed("The answer is 5.", "stop").reason == "none"
    assert read_boxed("The answer is 5.", "length").unfinished
    assert read_boxed(None, "stop").unfinished


def test_a_thought_that_never_ended_is_unfinished() -> None:
    for reader in READERS.values():
        for finish in ("stop", "length", "forced"):
            assert reader(None, finish).unfinished


MEGABYTES = 2_000_000
LONG = {
    "braces": "{" * MEGABYTES,
    "boxes": "\\boxed{" * (MEGABYTES // 7),
    "other commands": "\\boxedx" * (MEGABYTES // 7),
    "a box of braces": "\\boxed{" + "{}" * (MEGABYTES // 2),
    "backslashes": "\\boxed{" + "\\" * MEGABYTES,
    "a box and spaces": "\\boxed" + " " * MEGABYTES,
    "mentions": "the answer is " * (MEGABYTES // 14),
    "mentions of lists": "the answer is " + "a. " * (MEGABYTES // 3),
    "formulas": "the answer is $" + "$x" * (MEGABYTES // 2),
    "hashes": "####\n" * (MEGABYTES // 5),
    "a line of hashes": "#" * MEGABYTES,
    "digits": "1" * MEGABYTES,
    "thousands": "1,111" * (MEGABYTES // 5),
    "fractions": "1/" * (MEGABYTES // 2),
    "signs": "1" + "-" * MEGABYTES,
    "lines": "answer:" + "\n" * MEGABYTES,
    "stars": "answer" + "*" * MEGABYTES,
    "thoughts": "<think>" * (MEGABYTES // 7),
}


@pytest.mark.parametrize("name", LONG)
def test_megabytes_are_read(name: str) -> None:
    """A step that were quadratic would not come back: 2,000,000 squared is hours."""
    for reader in READERS.values():
        reader(LONG[name], "stop")


# What a text of 20 KB may repeat, behind what may stand before it.
BEFORE = ("", "a", "answer is a", "#### a", "\\boxed{")
REPEATED = (
    "answer is the \\(\\(\\( ",
    "answer is \\[\\[ ",
    "answer is \\$ ",
    "answer is $ ",
    "answer is 1 and ",
    "1",
    "1,",
    "1/",
    "1 ",
    "1 1/",
    "-",
    "\\frac{1}",
    "**",
    "{",
    "\\text{",
)


def cpu_seconds(reader: Callable[[str, str], Reading], text: str) -> float:
    begun = process_time()
    reader(text, "stop")
    return process_time() - begun


@pytest.mark.parametrize("repeated", REPEATED)
def test_eight_times_the_text_is_about_eight_times_the_work(repeated: str) -> None:
    """A ratio, not a time: what is quadratic gives 64 and more, ours at most 15. Of three tries the
    best counts, and less than a hundredth of a second as that, so that no pause fails it.
    """
    for reader, before in itertools.product(READERS.values(), BEFORE):
        short, long = (before + repeated * (size // len(repeated)) for size in (2500, 20_000))
        once = max(0.01, min(cpu_seconds(reader, short) for _ in range(3)))
        assert any(cpu_seconds(reader, long) < 30 * once for _ in range(3)), (reader, before)


def test_a_long_answer_is_read_whole() -> None:
    content = "{1}" * (MEGABYTES // 3)
    assert read_expression(f"It is \\boxed{{{content}}}.", "stop").answer == content
    assert read_number("2" * MEGABYTES, "stop").answer == "2" * MEGABYTES
    assert read_number("so 7" + " and on" * (MEGABYTES // 7), "stop").answer == "7"


def test_only_the_last_mentions_are_looked_at() -> None:
    idle = "The answer comes. "
    few, many = (f"The answer is 7. {idle * count}" for count in (900, 1100))
    assert stated.statement(few) is not None
    assert stated.statement(many) is None


def test_numbers_are_written_plainly() -> None:
    written = {
        "1,234,567.50": "1234567.50",
        "-$5": "-5",
        "$-5": "-5",
        "1,2345": "1",
        "\\frac{3}{4}": "3/4",
        "-2\\dfrac{3}{4}": "-2 3/4",
        ".5": "0.5",
        "10\\,000": "10000",
    }
    for text, plain in written.items():
        found = numerals.first(text)
        assert found is not None, text
        assert numerals.written(found) == plain, text


def test_every_solution_of_the_datasets_states_its_answer(shared_data: Path) -> None:
    for name, reader, rule in (
        ("gsm8k", read_number, "hashes"),
        ("math500", read_expression, "box"),
    ):
        lines = gzip.decompress((shared_data / name / "test.jsonl.gz").read_bytes()).splitlines()
        for row in map(json.loads, lines):
            found = reader(row["solution"], "stop")
            assert (found.answer, found.rule) == (row["answer"], rule), row["id"]

"""AIME 2024: the same items from both shapes of its file, in the order of the exams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featherweight.errors import InputError
from featherweight.tasks.aime24 import EXAMS, TASK, load, matches
from problem_files import Row, shared, write

URL = "https://artofproblemsolving.com/wiki/index.php/2024_AIME_{}_Problems/Problem_{}"
# In Qwen's file the problems of an exam are sorted as texts: 1, 10, 11, ..., 2, 3.
PLACES = [(exam, n) for exam in ("I", "II") for n in sorted(range(1, 16), key=str)]
QWEN: list[Row] = [
    {
        "id": 60 + at,
        "problem": f"Problem {n} of {exam}?" + (" [asy] [/asy]" if n == 8 else ""),
        "solution": "",
        "answer": f"{n:03d}",
        "url": URL.format(exam, n),
        "question": "",
    }
    for at, (exam, n) in enumerate(PLACES)
]


def copied(row: Row) -> dict[str, Any]:
    exam, number = row["url"].removeprefix(URL.partition("{}")[0]).split("_Problems/Problem_")
    return {
        "id": f"2024-{exam}-{number}",
        "problem": row["problem"],
        "answer": row["answer"],
        "exam": f"AIME {exam}",
        "number": int(number),
        "source_id": row["id"],
        "url": row["url"],
    }


def both(folder: Path) -> list[Any]:
    return [item for exam in EXAMS for item in load(folder, exam).items]


def test_an_item_is_what_its_line_says_in_either_shape(tmp_path: Path) -> None:
    plain = both(write(tmp_path / "plain", QWEN))
    packed = both(write(tmp_path / "packed", [copied(row) for row in QWEN], packed=True))
    short = [{key: copied(row)[key] for key in ("id", "problem", "answer")} for row in QWEN]
    assert plain == packed == both(write(tmp_path / "short", short))
    expected = [f"2024-{exam}-{n}" for exam in ("I", "II") for n in range(1, 16)]
    assert [item.item_id for item in plain] == expected
    assert (plain[18].item_id, plain[18].gold, plain[18].category) == (
        "2024-II-4",
        "004",
        "2024-II",
    )
    assert [item.item_id for item in plain if matches(item, None, {"figure": True})] == [
        "2024-I-8",
        "2024-II-8",
    ]


BAD = [
    ({"answer": "1000"}, r"line 1: answer: expected a whole number from 0 to 999, got '1000'"),
    ({"answer": "-1"}, r"line 1: answer: expected a whole number from 0 to 999, got '-1'"),
    ({"answer": "1.5"}, r"line 1: answer: expected a whole number from 0 to 999, got '1.5'"),
    ({"problem": ""}, r"line 1: problem: expected a text that is not empty, got ''"),
    ({"url": URL.format("I", 16)}, r"line 1: expected a problem from 1 to 15, got 2024-I-16"),
    ({"url": "https://x/2023_AIME_I_Problems/Problem_1"}, r"line 1: url: expected a problem of AI"),
    ({"url": URL.format("I", 2)}, r"the id '2024-I-2' stands there 2 times, expected once"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD)
def test_a_wrong_row_is_one_line(tmp_path: Path, change: Row, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        load(write(tmp_path, [{**QWEN[0], **change}, *QWEN[1:]]), "2024-I")
    assert len(caught.value.problems) == 1


def test_an_exam_that_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected 30 problems, got 29"):
        load(write(tmp_path, QWEN[1:]), "2024-I")


def test_a_copy_with_an_id_of_another_year(tmp_path: Path) -> None:
    rows = [copied(row) for row in QWEN]
    with pytest.raises(InputError, match=r"line 1: id: expected one like 2024-I-1, got '2023-I-1'"):
        load(write(tmp_path, [{**rows[0], "id": "2023-I-1"}, *rows[1:]]), "2024-I")


def test_the_real_problems(shared_data: Path, tmp_path: Path) -> None:
    def qwen(row: Row) -> dict[str, Any]:
        keys = ("problem", "solution", "answer", "url")
        return {"id": row["source_id"], **{key: row[key] for key in keys}}

    items = both(shared_data / "aime24")
    rows = sorted(shared(shared_data / "aime24", qwen), key=lambda row: int(row["id"]))
    assert items == both(write(tmp_path, rows))
    assert len(items) == 30
    with_figure = [item.item_id for item in items if matches(item, None, {"figure": True})]
    assert with_figure == ["2024-II-8", "2024-II-15"]
    assert sum(item.gold.startswith("0") for item in items) == 7
    assert TASK.grading == "integer"

"""The verb `grade`: lines in, a table out, one message for each line that cannot be used."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from featherweight.__main__ import main

LINES: list[dict[str, object]] = [
    {"id": "1", "gold": r"\frac{1}{2}", "response": r"So it is $\boxed{0.5}$."},
    {"id": "=2", "gold": "5", "answer": "x=5", "model": "a", "sample_index": 3},
    {"id": "3", "gold": "5", "response": r"I think that it is \boxed{5"},
    {"id": "4", "gold": "5", "response": "I cannot say."},
    {"id": "5", "gold": "5", "answer": ""},
    {"id": "6", "gold": r"\sqrt{8}", "answer": r"2\sqrt{3}"},
    {"id": "7", "gold": "5", "answer": "5" * 2000},
]
EXPECTED = [
    ("1", "0.5", "right", "", "box", "number"),
    ("=2", "x=5", "right", "", "given", "number"),
    ("3", "", "unfinished", "none", "", ""),
    ("4", "", "unparsed", "none", "", ""),
    ("5", "", "unparsed", "empty", "", ""),
    ("6", r"2\sqrt{3}", "wrong", "", "given", "math-verify"),
    ("7", "5" * 1000 + "... (2000 characters)", "wrong", "", "given", "too long"),
]


def grade(folder: Path, content: str | bytes, task: str = "math500", *more: str) -> int:
    responses = folder / "responses.jsonl"
    responses.write_bytes(content if isinstance(content, bytes) else content.encode())
    files = ["--responses", str(responses), "--output", str(folder / "grades.csv")]
    return main(["grade", "--task", task, *files, "--workers", "1", *more])


def lines(documents: list[dict[str, object]]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "grades.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def test_each_line_has_a_row_in_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade(tmp_path, lines(LINES)) == 0
    names = ("id", "answer", "outcome", "reason", "rule", "graded_by")
    found = rows(tmp_path)
    assert [tuple(row[name] for name in names) for row in found] == EXPECTED
    assert (found[1]["model"], found[1]["sample_index"]) == ("a", "3")
    said = capsys.readouterr().err
    assert "7 responses: 2 right, 2 wrong, 2 unparsed, 1 unfinished; accuracy 0.2857" in said
    assert "0.0822 to 0.6411" in said  # Wilson's for 2 of 7


def test_the_same_bytes_twice_and_from_the_cache(tmp_path: Path) -> None:
    written = set()
    for more in ([], ["--workers", "2"], ["--cache", str(tmp_path / "c")]) * 2:
        assert grade(tmp_path, lines(LINES), "math500", *more) == 0
        written.add((tmp_path / "grades.csv").read_bytes())
    assert len(written) == 1
    assert list((tmp_path / "c").glob("*.jsonl"))


def test_a_lenient_reading_is_a_second_column(tmp_path: Path) -> None:
    said = {"id": "1", "gold": r"\sqrt{8}", "response": r"Perhaps $\sqrt{8}$. I cannot say."}
    assert grade(tmp_path, lines([said, LINES[1]]), "math500", "--lenient") == 0
    assert [(row["outcome"], row["lenient"]) for row in rows(tmp_path)] == [
        ("unparsed", "true"),
        ("right", ""),
    ]


def test_numbers_and_integers_have_readers_of_their_own(tmp_path: Path) -> None:
    words = {"id": "1", "gold": "1,080", "response": "That makes\n#### $1080.00"}
    assert grade(tmp_path, lines([words]), "gsm8k") == 0
    assert rows(tmp_path)[0]["outcome"] == "right"
    boxed = {"id": "1", "gold": "025", "response": r"\boxed{25}"}
    assert grade(tmp_path, lines([boxed]), "aime24") == 0
    assert rows(tmp_path)[0]["outcome"] == "right"


GOOD = '{"id": "a", "gold": "5", "answer": "5"}'
BAD = [
    ('{"id": 1, "gold": "5", "answer": "5"}', "id: expected a text, got 1"),
    ('{"id": "a", "gold": 5, "answer": "5"}', "gold: expected a text, got 5"),
    ('{"id": "a", "gold": "5", "answer": 5}', "answer: expected a text, got 5"),
    ('{"id": "a", "gold": "5", "answer": null}', "answer: expected a text, got null"),
    ('{"id": "a", "gold": "5"}', "expected either response or answer, got neither"),
    ('{"id": "a", "gold": "5", "answer": "5", "response": "5"}', "response or answer, got both"),
    ('{"id": "", "gold": "5", "answer": "5"}', "id is empty"),
    ('{"gold": "5", "answer": "5"}', "id is missing"),
    ('{"id": "a", "gold": " ", "answer": "5"}', "gold is empty"),
    ('{"id": "a", "gold": "5", "answer": "5", "answer": "6"}', "'answer' stands there twice"),
    ('{"id": "a", "gold": "5", "answer": "5", "golden": "5"}', "'golden': unknown key"),
    ('{"id": "a", "gold": "5", "answer": "\\ud800"}', "answer: half of a character"),
    ('{"id": "a", "gold": "5", "answer": "5", "sample_index": -1}', "whole number from 0, got -1"),
    ('{"id": "a", "gold": "5", "answer": "5", "sample_index": true}', "whole number from 0, got t"),
    ('{"id": "a", "gold": "5", "answer": "5", "model": ""}', "model is empty"),
    ('{"id": "a\\rb", "gold": "5", "answer": "5"}', "id: the control character '\\r' at 1"),
    ('{"id": "a\\u0000", "gold": "5", "answer": "5"}', "id: the control character '\\x00' at 1"),
    ('{"id": "a", "gold": "5", "answer": "5", "model": "b\\n"}', "model: the control character"),
    ('["a"]', 'expected a JSON object, got ["a"]'),
    ("[" * 100_000, "expected a JSON object, got '[[["),
    ('{"id": "a", "gold": "\\\\frac{1}{", "answer": "5"}', "'a': gold '"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[message for _, message in BAD])
def test_a_bad_line_is_named_and_nothing_is_written(
    line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade(tmp_path, f"{GOOD}\n\n{line}\n{GOOD}\n") == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "responses.jsonl:3: " in said[0]
    assert message in said[0]
    assert not (tmp_path / "grades.csv").exists()


CONTROLS = ["\r", "\n", "\r\n", "\x00", "\t", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


def test_a_row_is_a_line_whatever_an_answer_holds(tmp_path: Path) -> None:
    asked: list[dict[str, object]] = [
        {"id": f'{at},"{at}', "gold": "5", "answer": f"5{sign}6"}
        for at, sign in enumerate(CONTROLS)
    ]
    assert grade(tmp_path, lines(asked), "gsm8k") == 0
    content = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    assert len(content.splitlines()) == len(asked) + 1  # splits at every kind of line break
    found = rows(tmp_path)
    assert [row["id"] for row in found] == [one["id"] for one in asked]
    assert [row["answer"] for row in found] == [f"5{sign!r}6".replace("'", "") for sign in CONTROLS]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_another_encoding_is_one_message(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert grade(tmp_path, mark + f"{GOOD}\n{GOOD}\n".encode(encoding)) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "expected UTF-8, got UTF-16 or UTF-32" in said[0]


def test_a_folder_of_responses_is_called_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["grade", "--task", "gsm8k", "--output", str(tmp_path / "grades.csv")]
    assert main([*words, "--responses", str(tmp_path)]) == 2
    assert f"{tmp_path}: a folder, a device or a pipe; expected" in capsys.readouterr().err
    assert main([*words, "--responses", str(tmp_path / "none")]) == 2
    assert "none: no such file; expected" in capsys.readouterr().err


def test_a_line_that_is_no_text_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade(tmp_path, GOOD.encode() + b'\n{"id": "\xff"}\n') == 2
    assert "responses.jsonl:2: expected UTF-8, got byte 0xff" in capsys.readouterr().err


def test_of_many_bad_lines_twenty_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade(tmp_path, "x\n" * 30) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21
    assert said[-1].endswith("and 10 more lines with problems")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_said(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade(tmp_path, content) == 2
    assert "the file is empty" in capsys.readouterr().err


def test_an_answer_of_ten_megabytes_is_wrong_and_its_neighbours_are_judged(tmp_path: Path) -> None:
    long = {"id": "long", "gold": "5", "answer": "5" * 10_000_000}
    text = {"id": "text", "gold": "5", "response": "word " * 2_000_000 + r"\boxed{5}"}
    assert grade(tmp_path, lines([LINES[0], long, text, LINES[5]])) == 0
    assert [row["outcome"] for row in rows(tmp_path)] == ["right", "wrong", "right", "wrong"]
    assert (tmp_path / "grades.csv").stat().st_size < 10_000

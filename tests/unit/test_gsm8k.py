"""GSM8K: the same items from both shapes of its file, and what is refused in one line each."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from featherweight.errors import InputError
from featherweight.records import Item
from featherweight.tasks.choice import messages
from featherweight.tasks.gsm8k import SIZE, TASK, load
from problem_files import Row, shared, write

AUTHORS: list[Row] = [
    {"question": f"How many are {n:,} and 1?", "answer": f"{n} + 1 = {n + 1}\n#### {n + 1:,}"}
    for n in range(SIZE)
]
COPY: list[Row] = [
    {"id": f"gsm8k-test-{n:04d}", "problem": f"How many are {n:,} and 1?", "answer": str(n + 1)}
    for n in range(SIZE)
]


def test_an_item_is_what_its_line_says_in_either_shape(tmp_path: Path) -> None:
    plain = load(write(tmp_path / "plain", AUTHORS), "test").items
    packed = load(write(tmp_path / "packed", COPY, packed=True), "test").items
    assert plain == packed
    assert plain[1000] == Item(
        task="gsm8k",
        item_id="gsm8k-test-1000",
        category="test",
        cluster="gsm8k-test-1000",
        block="gsm8k-test-1000",
        group="test",
        stratum=None,
        context="",
        question="How many are 1,000 and 1?",
        options=None,
        gold="1001",
    )


# What the first row becomes, and a part of the sentence that says what is wrong.
BAD: list[tuple[Row | str, str]] = [
    (COPY[0] | {"answer": "x"}, r"line 1: answer: expected a number, got 'x'; fetch it again"),
    (AUTHORS[0] | {"answer": "one"}, r"line 1: answer: expected a solution that ends with ####"),
    (AUTHORS[0] | {"answer": "#### two"}, r"line 1: answer: expected a number, got 'two'"),
    (COPY[0] | {"problem": " "}, r"line 1: problem: expected a text that is not empty, got ' '"),
    (COPY[0] | {"answer": 1}, r"line 1: answer: expected a text that is not empty, got 1"),
    ('{"id": "a', r"line 1: expected a JSON object, got '\{\"id\": \"a'"),
    ("[1]", r"line 1: expected a JSON object, got '\[1\]'"),
    ("", r"line 1: expected a JSON object, got ''"),
    ({"text": "?"}, r"line 1: expected the keys answer, id, problem or answer, question, got text"),
    (COPY[1], r"the id 'gsm8k-test-0001' stands there 2 times, expected once"),
]


@pytest.mark.parametrize(("first", "sentence"), BAD)
def test_a_wrong_row_is_one_line(tmp_path: Path, first: Row | str, sentence: str) -> None:
    rows = AUTHORS if isinstance(first, dict) and "question" in first else COPY
    with pytest.raises(InputError, match=sentence) as caught:
        load(write(tmp_path, [first, *rows[1:]]), "test")
    assert len(caught.value.problems) == 1


def test_a_file_that_is_too_short_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected 1,319 problems, got 1,318; fetch it again"):
        load(write(tmp_path, COPY[1:]), "test")
    with pytest.raises(InputError, match=r"test.jsonl: no such file, nor test.jsonl.gz; run acq"):
        load(tmp_path / "none", "test")
    (tmp_path / "test.jsonl").rename(tmp_path / "train.jsonl")
    with pytest.raises(InputError, match=r"train.jsonl is there, but only the test split is aske"):
        load(tmp_path, "test")


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path, COPY, packed=True)
    whole = (folder / "test.jsonl.gz").read_bytes()
    (folder / "test.jsonl.gz").write_bytes(whole[:-100])
    with pytest.raises(InputError, match=r"test.jsonl.gz: cannot be read: .*; fetch it again"):
        load(folder, "test")


def test_many_problems_are_at_most_twenty_lines_and_a_count(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, ["{" for _ in range(50)]), "test")
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "and 30 more like these"


def test_the_wordings_show_braces_and_leave_the_item_as_it_is(tmp_path: Path) -> None:
    (item, *_) = load(
        write(tmp_path, [COPY[0] | {"problem": "Is {x} in \\{1\\}?"}, *COPY[1:]]), "test"
    ).items
    said: dict[str, list[dict[str, str]]] = {
        one.name: messages(item, one, None) for one in TASK.wordings
    }
    assert list(said) == ["boxed", "search-and-learn", "qwen", "deepseek", "hashes"]
    for name, chat in said.items():
        assert chat[-1]["content"].startswith("Is {x} in \\{1\\}?"), name
    assert said["boxed"][-1]["content"].endswith("within \\boxed{}.")
    assert said["deepseek"][-1]["content"].endswith("final answer within \\boxed{}.")
    assert [len(chat) for chat in said.values()] == [1, 2, 2, 1, 1]
    assert said["qwen"][0]["content"].endswith("within \\boxed{}.")
    assert "$\\boxed{answer}$. I hope it is correct." in said["search-and-learn"][0]["content"]
    assert "####" in said["hashes"][0]["content"]


def test_the_article_s_words_are_those_of_its_repository() -> None:
    """The hash was taken of `system_prompt` in search-and-learn's src/sal/config.py at 027a727."""
    system = TASK.wording("search-and-learn").system
    assert system is not None
    assert hashlib.sha256(system.encode()).hexdigest() == (
        "fba6765edf2162ae50990853a7f310103b685c72d9b4434cccec28371f005dae"
    )


def test_the_real_problems_are_the_same_from_both_shapes(shared_data: Path, tmp_path: Path) -> None:
    def authors(row: Row) -> dict[str, Any]:
        return {"question": row["problem"], "answer": row["solution"]}

    rebuilt = write(tmp_path, shared(shared_data / "gsm8k", authors))
    assert hashlib.sha256((rebuilt / "test.jsonl").read_bytes()).hexdigest().startswith("3730d312")
    items = load(rebuilt, "test").items
    assert items == load(shared_data / "gsm8k", "test").items
    assert len(items) == SIZE
    assert sorted(int(item.gold) for item in items)[:3] == [-10, -3, 1]

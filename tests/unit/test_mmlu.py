"""MMLU: from the lines of its CSV files to items, worked examples and what is refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from featherweight.errors import InputError
from featherweight.records import Item
from featherweight.tasks.mmlu import CATEGORIES, EXAMPLES, HEADER, TASK, load

Line = Sequence[str]
SIZE = CATEGORIES["anatomy"]
# Each option is right in turn, and question 3 asks what question 1 asked.
TEST = [
    [f"Question {1 if n == 3 else n}?", "nerve", "bone", "vein", "skin", str(n % 4)]
    for n in range(SIZE)
]
DEV = [[f"Example {n}?", "left", "right", "up", "down", str(3 - n % 4)] for n in range(EXAMPLES)]


def folder(
    path: Path, test: Sequence[Line] = TEST, dev: Sequence[Line] = DEV, header: Line = HEADER
) -> Path:
    """A dataset of one subject; its worked examples lie there compressed."""
    for split, lines in (("test", test), ("dev", dev)):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([header, *lines])
        (path / split).mkdir(parents=True, exist_ok=True)
        content = text.getvalue().encode()
        if split == "test":
            (path / split / "anatomy.csv").write_bytes(content)
        else:
            (path / split / "anatomy.csv.gz").write_bytes(gzip.compress(content, mtime=0))
    return path


def test_an_item_is_what_its_line_says(tmp_path: Path) -> None:
    items = load(folder(tmp_path), "anatomy").items
    assert items[2] == Item(
        task="mmlu",
        item_id="anatomy-test-0002",
        category="anatomy",
        cluster="anatomy:2",
        block="anatomy:2",
        group="anatomy",
        stratum=None,
        context="",
        question="Question 2?",
        options=("nerve", "bone", "vein", "skin"),
        gold="vein",
    )
    golds = [items[n].gold for n in range(4)]
    assert golds == ["nerve", "bone", "vein", "skin"]
    assert len({item.item_id for item in items}) == SIZE


def test_a_question_that_stands_twice_is_one_cluster_and_two_blocks(tmp_path: Path) -> None:
    items = load(folder(tmp_path), "anatomy").items
    assert (items[1].question, items[1].cluster) == (items[3].question, items[3].cluster)
    assert items[1].block != items[3].block
    assert len({item.cluster for item in items}) == SIZE - 1


def test_worked_examples_are_the_first_five_of_dev_in_their_order(tmp_path: Path) -> None:
    assert TASK.examples is not None
    made = TASK.examples(folder(tmp_path, dev=[*DEV, DEV[0]]), "anatomy")
    assert [one.question for one in made] == [f"Example {n}?" for n in range(5)]
    assert [one.gold for one in made] == ["down", "up", "right", "left", "down"]
    assert {one.item_id for one in made}.isdisjoint(
        item.item_id for item in load(tmp_path, "anatomy").items
    )


BAD = [
    ({"test": TEST[:-1]}, f"anatomy.csv: expected {SIZE} questions, got {SIZE - 1}"),
    ({"test": [*TEST, TEST[0]]}, f"anatomy.csv: expected {SIZE} questions, got {SIZE + 1}"),
    ({"dev": DEV[:-1]}, "expected 5 worked examples, got 4"),
    ({"test": [*TEST[:-1], [*TEST[0][:-1], "4"]]}, f"question {SIZE}: expected .* an answer 0"),
    (
        {"test": [["Q?", "a", "", "c", "d", "0"], *TEST[1:]]},
        "question 1: expected .* four",
    ),
    ({"header": ["question", "A", "B", "C", "D", "answer"]}, "expected the columns question, ch"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD)
def test_a_file_that_is_not_as_expected_is_one_line(
    tmp_path: Path, change: dict[str, Sequence[Line]], sentence: str
) -> None:
    folder(tmp_path, **change)
    assert TASK.examples is not None
    with pytest.raises(InputError, match=sentence):  # noqa: PT012
        load(tmp_path, "anatomy")
        TASK.examples(tmp_path, "anatomy")


def test_a_subject_whose_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"virology.csv: no such file, nor virology.csv.gz"):
        load(folder(tmp_path), "virology")


def test_the_real_questions_have_the_published_counts_and_right_answers(
    shared_data: Path, tmp_path: Path
) -> None:
    """The shared copy names the right option by a letter, the CSV files by a number."""
    whole = [
        json.loads(line)
        for line in gzip.decompress((shared_data / "mmlu/test.jsonl.gz").read_bytes()).splitlines()
    ]
    assert Counter(one["subject"] for one in whole) == CATEGORIES
    real = [one for one in whole if one["subject"] == "anatomy"]
    lines = [[one["problem"], *one["choices"], str("ABCD".index(one["answer"]))] for one in real]
    items = load(folder(tmp_path, test=lines), "anatomy").items
    assert [(item.item_id, item.gold) for item in items] == [
        (one["id"], one["choices"]["ABCD".index(one["answer"])]) for one in real
    ]

r"""The files of problems whose answers are written freely: JSON lines, checked one by one.

Reads `test.jsonl` of a dataset's folder, plain or .gz, in the shape of its authors or in the shape
of the project's own copies (`id`, `problem`, `answer`, ...); which one it is, its keys tell. One
real row in each shape, of GSM8K, cut short:

    {"question": "A robe takes 2 bolts of blue fiber and ...", "answer": "It takes ...\n#### 3"}
    {"id": "gsm8k-test-0001", "problem": "A robe takes 2 bolts of ...", "answer": "3", ...}

Both give the same items. Every problem that is found is told, at most 20, with file and line.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from featherweight.errors import InputError
from featherweight.records import Item

TEST = "test.jsonl"
FIGURE = "[asy]"  # a figure stands in the problem as source of Asymptote
_MOST = 20

Row = Mapping[str, Any]


class Problem(NamedTuple):
    """One problem of a file, in whichever shape it stood there."""

    problem_id: str
    text: str
    gold: str
    category: str
    level: int | None = None  # 1 to 5; None: the dataset has no levels


class Shape(NamedTuple):
    """One way to write a dataset down: the keys that tell it, and how a row is read."""

    keys: frozenset[str]
    # (row, its place in the file counted from 0) -> problem; ValueError says what is wrong
    read: Callable[[Row, int], Problem]


def read_problems(folder: Path, shapes: Sequence[Shape], count: int) -> list[Problem]:
    """The problems of the test split, in the file's order. Raises InputError with all problems."""
    path = test_file(folder)
    found: list[Problem] = []
    wrong: list[str] = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            found.append(_problem(line, shapes, number - 1))
        except ValueError as error:
            wrong.append(f"{path}: line {number}: {error}; fetch it again")
    ids = Counter(one.problem_id for one in found)
    wrong += [
        f"{path}: the id {name!r} stands there {times} times, expected once; fetch it again"
        for name, times in ids.items()
        if times > 1
    ]
    if not wrong and len(found) != count:
        wrong.append(f"{path}: expected {count:,} problems, got {len(found):,}; fetch it again")
    if wrong:
        more = [f"and {len(wrong) - _MOST} more like these"] if len(wrong) > _MOST else []
        raise InputError([*wrong[:_MOST], *more])
    return found


def item_of(task: str, one: Problem) -> Item:
    """A problem as an item that is drawn, and counted, alone."""
    return Item(
        task=task,
        item_id=one.problem_id,
        category=one.category,
        cluster=one.problem_id,
        block=one.problem_id,
        group=one.category,
        stratum=None if one.level is None else f"level {one.level}",
        context="",
        question=one.text,
        options=None,
        gold=one.gold,
    )


def test_file(folder: Path) -> Path:
    """Where the test split lies. Raises InputError where it does not."""
    for path in (folder / TEST, folder / f"{TEST}.gz"):
        if path.is_file():
            return path
    others = sorted(one.name for one in folder.glob("*.jsonl*") if one.is_file())
    there = f"; {', '.join(others)} is there, but only the test split is asked" if others else ""
    raise InputError(
        f"{folder / TEST}: no such file, nor {TEST}.gz{there}; run acquire or copy it there"
    )


def text_of(row: Row, key: str) -> str:
    """A text that is not empty. Raises ValueError."""
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key}: expected a text that is not empty, got {value!r:.60}")
    return value


def level_of(row: Row) -> int:
    """A level from 1 to 5. Raises ValueError."""
    level = row["level"]
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        raise ValueError(f"level: expected a whole number from 1 to 5, got {level!r:.60}")
    return level


def _lines(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; fetch it again") from error
    return text.removesuffix("\n").split("\n")  # a text may hold other line ends, JSON may not


def _problem(line: str, shapes: Sequence[Shape], place: int) -> Problem:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"expected a JSON object, got {line!r:.60}") from None
    if not isinstance(row, dict):
        raise ValueError(f"expected a JSON object, got {line!r:.60}")
    for shape in shapes:
        if shape.keys <= row.keys():
            return shape.read(row, place)
    expected = " or ".join(", ".join(sorted(shape.keys)) for shape in shapes)
    raise ValueError(f"expected the keys {expected}, got {', '.join(map(str, row)) or 'none'}")

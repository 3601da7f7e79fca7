"""The stage `score` on a task that grades free answers: outcomes, classes, what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import fabricated
from featherweight.errors import InputError
from featherweight.files import read_rows
from featherweight.fingerprint import modules
from featherweight.grading import LIMITS, Grade
from featherweight.grading import cache as cache_of_grades
from featherweight.grading.cache import Cache
from featherweight.grading.workers import Job, Judged
from featherweight.records import Graded, Score
from featherweight.score import grade
from featherweight.score.run import run
from featherweight.specs import ScoreSpec
from made_up_sums import ANSWERS, CELL, LONG, SPEC, SUMS, write


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    fabricated.register(monkeypatch, SUMS, LONG)


def scored(folder: Path, task: str = "sums", **changes: Any) -> tuple[list[Score], list[Graded]]:
    cell = CELL | {"task": task}
    spec = ScoreSpec.model_validate(SPEC | {"cells": [cell], "tasks": {task: task}} | changes)
    output = folder / "score" / "made-up.parquet"
    run(spec, **write(folder, task), output=output)
    beside = read_rows(folder / "score" / "made-up" / f"{task}.parquet", Graded)
    return read_rows(output, Score), beside


def test_every_answer_is_read_then_graded(tmp_path: Path) -> None:
    rows, beside = scored(tmp_path)
    assert [row.outcome for row in rows] == [
        "right", "wrong", "right", "wrong",
        "right", "unparsed", "unfinished", "unfinished",
        "wrong", "wrong", "wrong", "wrong",
    ]  # fmt: skip
    assert [row.reason for row in rows[4:8]] == [None, "none", "none", "none"]
    assert [row.answer for row in rows[:2]] == ["7", "8"]
    assert {row.rule for row in rows if row.answer} == {"last number"}
    assert {row.chance for row in rows} == {0.1}
    assert [one.answer_class for one in beside] == [0, 1, 0, 1, 0, None, None, None, 0, 1, 0, 2]
    assert [one.graded_by is None for one in beside] == [row.answer is None for row in rows]
    keys = ("model", "task", "category", "item_seed", "sample_seed", "item_id", "sample_index")
    for key in keys:
        assert [getattr(one, key) for one in beside] == [getattr(row, key) for row in rows]
    assert {(one.lenient, one.planted) for one in beside} == {(None, None)}


class ByRule:
    """A grader that judges by a rule of its own, and counts what it is asked."""

    asked: list[tuple[str, str]]

    def __init__(self, kind: str, cache: Path | None, *, lenient: bool = False) -> None:
        self.kind, self.lenient = kind, lenient

    def __enter__(self) -> ByRule:
        return self

    def __exit__(self, *error: object) -> None:
        ByRule.asked.append(("closed", self.kind))

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Grade]:
        ByRule.asked += [pair for pair in pairs if self.lenient]
        return [self.one(gold, answer) for gold, answer in pairs]

    def one(self, gold: str, answer: str) -> Grade:
        if self.lenient:
            return Grade(None if "cut" in answer else gold in answer, "math-verify", None)
        if answer == "8":
            return Grade(None, "math-verify", "time out")
        return Grade(answer in (gold, "42"), "number", None)


@pytest.fixture
def by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    ByRule.asked = []
    monkeypatch.setattr(grade, "Grader", ByRule)


@pytest.mark.usefixtures("by_rule")
def test_an_answer_without_a_verdict_is_unparsed_and_keeps_its_text(tmp_path: Path) -> None:
    rows, beside = scored(tmp_path)
    assert (rows[1].outcome, rows[1].reason, rows[1].answer) == ("unparsed", "time out", "8")
    assert (beside[1].graded_by, beside[1].answer_class) == ("math-verify", None)
    # 42 is right by this rule: right answers share a class, no wrong one is in it
    assert [row.outcome for row in rows[8:]] == ["wrong", "right", "wrong", "wrong"]
    assert [one.answer_class for one in beside[8:]] == [0, 1, 0, 2]
    assert beside[9].graded_by == "number"


@pytest.mark.usefixtures("by_rule")
def test_whole_texts_are_read_leniently_where_answers_are_expressions(tmp_path: Path) -> None:
    _, beside = scored(tmp_path, "long")
    assert [one.lenient for one in beside] == [
        True, False, True, False, True, False, None, None, False, False, False, False
    ]  # fmt: skip
    texts = [text for _, text in ByRule.asked if text != "expression"]
    # "so 8" and "so 41" came twice and are judged once; the thought without an end has no text
    assert sorted(texts) == sorted({text for texts in ANSWERS for text, _ in texts if text})
    assert ByRule.asked.count(("closed", "expression")) == 2


def test_what_was_planted_stands_beside_every_answer(tmp_path: Path) -> None:
    _, beside = scored(tmp_path, planted={"sums": "solver"}, temperature=0.5)
    assert [one.planted for one in beside] == [0.05] * 4 + [0.1] * 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"planted": {"sums": "solver"}}, "temperature: expected that of made-up's samples"),
        ({"planted": {"sums": "nobody"}, "temperature": 1.0}, r"\(solver\), got 'nobody'"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        scored(tmp_path, **changes)


def test_the_same_samples_give_the_same_bytes_with_or_without_a_cache(tmp_path: Path) -> None:
    found = []
    for name, cache in (("first", None), ("second", tmp_path / "grades")) * 2:
        folder = tmp_path / name
        output = folder / "score" / "made-up.parquet"
        run(ScoreSpec.model_validate(SPEC), **write(folder), output=output, grades=cache)
        beside = folder / "score" / "made-up" / "sums.parquet"
        found.append((output.read_bytes(), beside.read_bytes()))
    assert len(set(found)) == 1


def test_only_score_and_what_follows_depends_on_how_answers_are_graded() -> None:
    """Else an edit of a rule of grading would ask every model again."""
    needs = {
        stage: "featherweight.grading" in modules(f"featherweight.{stage}", frozenset({"pocket"}))
        for stage in ("acquire", "generate", "score")
    }
    assert needs == {"acquire": False, "generate": False, "score": True}


def test_grades_of_many_prompts_lie_in_few_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A prompt brings one or two at a time. A kill loses at most a few seconds of them."""
    now = 0.0
    monkeypatch.setattr(cache_of_grades, "monotonic", lambda: now)
    jobs = [Job(str(number), "x", "strict") for number in range(50)]
    verdict = Judged(False, "math-verify", None)
    cache = Cache(tmp_path, LIMITS)
    for job in jobs[:40]:
        cache.add({job: verdict})
    assert list(tmp_path.iterdir()) == []
    now = 6.0
    cache.add({jobs[40]: verdict})
    assert len(list(tmp_path.iterdir())) == 1
    for job in jobs[41:]:
        cache.add({job: verdict})
    cache.write()
    cache.write()
    assert len(list(tmp_path.iterdir())) == 2
    again = Cache(tmp_path, LIMITS)
    again.read()
    assert [again.get(job) for job in jobs] == [verdict] * 50

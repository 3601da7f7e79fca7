r"""Free answers of one model, graded: which are right, and which answers to one prompt are equal.

Reads and writes the cache of grades (`grading`). Answers are graded cell by cell, each pair of a
right answer and an answer once. Only what was read is graded. Beside it the whole text, thought
apart, is read leniently, as math-verify does it by itself, where answers are expressions; of
integers and numbers the reading rules themselves take the last number, where a task allows it, so
that a lenient reading would say nothing more. A whole text costs 3.5 CPU ms on average (the 250
first solutions of MATH-500): 2 CPU minutes for 64 samples of each of 500 problems, once, for the
cache keeps it. One real verdict, of an answer `\frac{2}{4}` where `0.5` is right:

    Verdict(outcome="right", reason=None, rule="number", answer_class=0, lenient=True)
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from featherweight.grading import Grade, Grader, classes
from featherweight.reading.outcomes import outcome
from featherweight.records import Grading, Item, Outcome, Reading, Reason, Sample


class Free(NamedTuple):
    """A free answer: its sample, what was asked and what was read."""

    sample: Sample
    item: Item
    reading: Reading


class Verdict(NamedTuple):
    """What grading says of a free answer; as in `Graded`."""

    outcome: Outcome
    reason: Reason | None  # why there is no answer that could be graded
    rule: str | None  # of grading; None: there was nothing to grade
    answer_class: int | None
    lenient: bool | None


class Graders:
    """The graders of a job, each opened when it is first needed. Leaving it ends their workers."""

    def __init__(self, cache: Path | None) -> None:
        """`cache` is a folder of earlier grades; None: there is none."""
        self._cache = cache
        self._open: dict[tuple[Grading, bool], Grader] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers of every grader."""
        self._stack.close()

    def of(self, kind: Grading, *, lenient: bool = False) -> Grader:
        """The grader of this kind."""
        if (kind, lenient) not in self._open:
            grader = Grader(kind, self._cache, lenient=lenient)
            self._open[kind, lenient] = self._stack.enter_context(grader)
        return self._open[kind, lenient]


def verdicts(answers: Sequence[Free], kind: Grading, graders: Graders) -> list[Verdict]:
    """A verdict on each answer of one cell, in order."""
    grades = _grades(answers, graders.of(kind))
    classes = _classes_by_prompt(answers, grades, graders.of(kind))
    lenient = _lenient(answers, kind, graders)
    return [
        Verdict(*_outcome(answer, grade), None if grade is None else grade.rule, place, loose)
        for answer, grade, place, loose in zip(answers, grades, classes, lenient, strict=True)
    ]


def _outcome(answer: Free, grade: Grade | None) -> tuple[Outcome, Reason | None]:
    if grade is None:
        return outcome(answer.reading, answer.item.gold), answer.reading.reason
    if grade.equal is None:
        return "unparsed", grade.reason
    return ("right" if grade.equal else "wrong"), None


def _grades(answers: Sequence[Free], grader: Grader) -> list[Grade | None]:
    """A grade for each answer; None where none was read."""
    pairs = [(one.item.gold, one.reading.answer) for one in answers]
    wanted = list(dict.fromkeys((gold, text) for gold, text in pairs if text is not None))
    found: dict[tuple[str, str | None], Grade] = dict(
        zip(wanted, grader.grade(wanted), strict=True)
    )
    return [found.get(pair) for pair in pairs]


def _classes_by_prompt(
    answers: Sequence[Free], grades: Sequence[Grade | None], grader: Grader
) -> list[int | None]:
    """The class of each answer among those to its prompt.

    What could not be graded has none: it could be equal to anything.
    """
    prompts: dict[str, list[int]] = {}
    for place, answer in enumerate(answers):
        prompts.setdefault(answer.sample.item_id, []).append(place)
    numbered: list[int | None] = [None] * len(answers)
    for places in prompts.values():
        texts = [
            None
            if (grade := grades[place]) is None or grade.equal is None
            else answers[place].reading.answer
            for place in places
        ]
        found = classes(grader.kind, answers[places[0]].item.gold, texts, grader)
        for place, number in zip(places, found, strict=True):
            numbered[place] = number
    return numbered


def _lenient(answers: Sequence[Free], kind: Grading, graders: Graders) -> list[bool | None]:
    """Whether each whole answer, read leniently, is right; None: no verdict, or not asked."""
    if kind != "expression":
        return [None] * len(answers)
    pairs = [(one.item.gold, one.sample.answer) for one in answers]
    wanted = list(dict.fromkeys((gold, text) for gold, text in pairs if text is not None))
    grades = graders.of(kind, lenient=True).grade(wanted)
    found: dict[tuple[str, str | None], bool | None] = {
        pair: grade.equal for pair, grade in zip(wanted, grades, strict=True)
    }
    return [found.get(pair) for pair in pairs]

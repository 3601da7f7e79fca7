r"""Classes of equal answers to one prompt, and right answers that no grader can read.

>>> grader = Grader("expression", cache=None)
>>> classes("expression", r"\frac{1}{2}", ["0.5", None, "2", r"\frac12", "2.0"], grader)
[0, None, 1, 0, 1]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from featherweight.grading.grader import Grader, by_rules
from featherweight.grading.normal import canonical
from featherweight.grading.rules import LONGEST
from featherweight.grading.verdicts import Grade
from featherweight.grading.workers import ASLEEP
from featherweight.records import Grading

# A prompt's answers are compared with at most so many classes by math-verify, the largest first:
# with 256 answers that all differ every pair would be 32,640 comparisons of milliseconds each.
MOST_COMPARED = 12


def classes(
    kind: Grading, gold: str, answers: Sequence[str | None], grader: Grader
) -> list[int | None]:
    """The number of each answer's class, from 0 in the order of first appearance; None: no answer.

    Answers of the same canonical text are one class, and so are all that equal the right one.
    The others are compared with the leader of each class where the rules decide, and with those of
    the `MOST_COMPARED` texts with most answers where math-verify must. Equality by rounding is not
    transitive, so a class's leader speaks for it: the first of its texts, those without a decimal
    point before the others, in the order of the alphabet. So the classes are the same in whatever
    order the answers come. Not more than unique answers x classes are compared.
    """
    texts = [None if answer is None else _text(answer) for answer in answers]
    first: dict[str, str] = {}
    for text, answer in zip(texts, answers, strict=True):
        if text is not None and answer is not None:
            first[text] = min(answer, first.get(text, answer))
    right = grader.grade([(gold, answer) for answer in first.values()])
    of_gold = {text for text, grade in zip(first, right, strict=True) if grade.equal is True}
    wrong = [text for text in first if text not in of_gold]
    merged = _merged(kind, wrong, first, texts, grader)
    numbers: dict[str, int] = {}
    found: list[int | None] = []
    for text in texts:
        if text is None:
            found.append(None)
            continue
        name = "\0" if text in of_gold else merged[text]
        found.append(numbers.setdefault(name, len(numbers)))
    return found


def _text(answer: str) -> str:
    plain = " ".join(answer.split())
    return canonical(plain) if len(plain) <= LONGEST else plain


def _merged(
    kind: Grading,
    wrong: Sequence[str],
    first: Mapping[str, str],
    texts: Sequence[str | None],
    grader: Grader,
) -> dict[str, str]:
    """Each wrong text's class, named by its leader."""
    leaders: list[str] = []
    found: dict[str, str] = {}
    by_size = sorted(set(wrong), key=lambda text: (-texts.count(text), text))
    asked = set(by_size[:MOST_COMPARED])
    for text in sorted(wrong, key=lambda text: ("." in text, text)):
        pairs = [(first[leader], first[text]) for leader in leaders]
        grades = [by_rules(kind, *pair) for pair in pairs]
        open_ = [
            place
            for place, grade in enumerate(grades)
            if grade is None and (leaders[place] in asked or text in asked)
        ]
        known = next((place for place, grade in enumerate(grades) if grade and grade.equal), None)
        before = open_ if known is None else [place for place in open_ if place < known]
        asked_pairs = [pairs[place] for place in before]
        for place, grade in zip(before, grader.grade(asked_pairs), strict=True):
            grades[place] = grade
        same = next((place for place, grade in enumerate(grades) if grade and grade.equal), None)
        if same is None:
            leaders.append(text)
        found[text] = text if same is None else leaders[same]
    return found


def unreadable(kind: Grading, golds: Sequence[tuple[str, str]], cache: Path | None) -> list[str]:
    """One line for each (item id, right answer) that does not equal itself by the whole path."""
    with Grader(kind, cache) as grader:
        grades = grader.of_themselves([gold for _, gold in golds])
    return [
        f"{item_id}: the right answer {gold!r} {_problem(kind, grades[gold])}"
        for item_id, gold in golds
        if grades[gold].equal is not True
    ]


def _problem(kind: Grading, grade: Grade) -> str:
    if grade.rule == ASLEEP:
        return "was not read, because its worker slept until it timed out; run again"
    if grade.reason is not None:
        return (
            f"reached a limit of the grader of {kind}s when it was read ({grade.reason}); run again"
            " on a machine with less to do, correct it, or leave the item out"
        )
    return f"cannot be read by the grader of {kind}s; correct it or leave the item out"

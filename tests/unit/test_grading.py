"""Grades of free answers: by our rules alone, and by math-verify in workers."""

from __future__ import annotations

import pytest

from featherweight.grading import Grader, Grading, rules

BY_RULES: list[tuple[Grading, str, str, bool]] = [
    ("integer", "25", "025", True),
    ("integer", "025", "25.00", True),
    ("integer", "25", "$25$", True),
    ("integer", "25", "25.5", False),
    ("integer", "25", r"\frac{50}{2}", False),
    ("integer", "25", "", False),
    ("integer", "540", r"\textbf{(540)}", True),
    ("integer", "025", r"\textbf{(025) }", True),
    ("integer", "540", "(540)", True),
    ("integer", "25", "N = 25", True),
    ("integer", "25", "20+5=25", True),
    ("integer", "26", "20+5=25", False),
    ("integer", "540", "m+n=540", True),
    ("integer", "25", "x+5=25", False),
    ("integer", "25", "2x=25", False),
    ("integer", "25", "a=20, b=25", False),
    ("number", "18", "9*2=$18", True),
    ("number", "18", "x+1=18", False),
    ("number", "1000", "$1,000.00", True),
    ("number", "72", "72 clips", True),
    ("number", "-10", "-10", True),
    ("number", "-3", "3", False),
    ("number", "20", "20%", True),
    ("number", "0.5", r"\frac{1}{2}", True),
    ("number", "5", "5 and a half", False),
    ("number", "5", "5M", False),
    ("number", "5000000", "$5M", True),
    ("number", "2", "2k", False),
    ("number", "2000", "2k", True),
    ("number", "3", "3x", False),
    ("number", "5", "5-y", False),
    ("number", "5", "5 m", True),
    ("number", "5", "5 T-shirts", True),
    ("number", "5", "5 factorial", False),
    ("number", "5", "5 squared", False),
    ("number", "5", "5 tens", False),
    ("number", "50", "5 tens", True),
    ("number", "2", "2 hundreds", False),
    ("number", "200", "2 hundreds", True),
    ("number", "5", "5 dozen eggs", False),
    ("number", "60", "5 dozen eggs", True),
    ("number", "500200", "5 hundred 200", False),
    ("number", "0.0000005", "1/2 million", False),
    ("number", "18", r"\text{18 dollars}", True),
    ("number", "5", r"\text{The answer is } 5", True),
    ("number", "18", r"\text{Janet makes } \$18", True),
    ("number", "18", r"\text{Total} = 18", True),
    ("number", "0.5", r"\mathbf{\frac{1}{2}}", True),
    ("number", "5", r"\Large{5}", True),
    ("number", "5", r"\textcolor{red}{5}", True),
    ("number", "5", r"\text{It is not } 5", False),
    ("number", "5", r"\text{5 or 6}", False),
    ("expression", "10\\%", "10", True),
    ("expression", "10\\%", "0.1", False),
    ("expression", "52_8", "52_9", False),
    ("expression", r"\frac{100}{3}", "33.3", False),
    ("expression", r"\frac{100}{3}", "33.33", True),
    ("expression", ".0000672", ".0000673", False),
    ("expression", r"\text{(C)}", "c", True),
    ("expression", "9", "9.", True),
    ("expression", "1000", r"1\,000", True),
    ("expression", "10{,}000", "10000", True),
    ("expression", r"\frac{12}{5,\!525}", "12/5525", True),
    ("expression", "6 - 5i", "6 - 5 i", True),
    ("expression", r"35\%", r"35.0\%", True),
    ("expression", "(1,2)", "(2,1)", False),
    ("expression", "1,-2", "-2, 1", True),
]


@pytest.mark.parametrize(("kind", "gold", "answer", "equal"), BY_RULES)
def test_our_rules_decide_without_a_worker(
    kind: Grading, gold: str, answer: str, equal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("featherweight.grading.workers.Worker.ask", None)
    with Grader(kind, None) as grader:
        assert grader.grade([(gold, answer)])[0].equal is equal


def test_math_verify_decides_the_rest() -> None:
    pairs = [(r"\sqrt{8}", r"2\sqrt2"), ("1/2004!", "1/2006!"), (r"3\pi", "3"), ("3", "3t")]
    with Grader("expression", None) as grader:
        assert [grade.equal for grade in grader.grade(pairs)] == [True, False, False, False]


def _nested(depth: int, inside: str) -> str:
    return r"\{1," * depth + inside + r"\}" * depth


def _comparisons(gold: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """How many comparisons the rules make without and with somebody to ask, and their verdict."""
    made: list[str] = []
    compared = rules._compared
    monkeypatch.setattr(
        rules, "_compared", lambda *given: (made.append(given[0]), compared(*given))[1]
    )
    try:
        verdict = rules.expression(gold, answer).rule
    except rules.Open:
        verdict = rules.expression(gold, answer, lambda *_: False).rule
    monkeypatch.undo()
    return len(made), verdict


def test_sets_within_sets_cost_a_few_comparisons_per_level(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        _comparisons(_nested(depth, "x+1"), _nested(depth, "1+x+0"), monkeypatch)[0]
        for depth in (2, 4, 8, 10)
    ]
    assert made[-1] < 10 * made[0]
    assert _comparisons(_nested(17, "x+1"), _nested(17, "1+x+0"), monkeypatch)[1] == (
        "too many parts"
    )


def test_no_two_answers_cost_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of sets whose members all differ: each is compared with each."""
    sets = [
        r"\{" + ",".join(rf"\{{{a},{b},x+{a}\}}" for a in "abcdefgh" for b in pair) + r"\}"
        for pair in ("yz", "zw")
    ]
    assert all(len(one) <= rules.LONGEST for one in sets)
    for gold, answer in (sets, (_nested(60, "x+1"), _nested(60, "1+x+0"))):
        count, verdict = _comparisons(gold, answer, monkeypatch)
        assert count <= 2 * rules._MOST_COMPARISONS
        assert verdict in ("too many parts", "parts")

r"""Our rules: whether two answers are equal, as far as their texts decide it. Pure functions.

What they leave open is asked of `ask`, part by part: math-verify in a worker, or `Open` is raised
where there is none. In this order, the first that decides:

1. `same text`: equal after `normal.canonical` (spaces, sizes, dollars, thousands, full stops).
2. `too long`: an answer of more than 400 characters is no answer. `too many parts`: neither is one
   of sets within sets that would take more than 2,000 comparisons, or more than 12 levels.
3. `unit`: two units that are known and differ (5 cm, 5 m; 10%, $10). One alone is left out: 10% is
   10, never 0.1; 90 degrees is 90. A word that multiplies is worked out (5 thousand is 5000), and
   one that makes another value is no unit (5 squared, 5 x).
4. `text`: an answer in words is compared by its letters and digits, without case.
5. `base`: 52_8 is not 52_9, and 52 without a base is fifty-two. What is no base (52_5, 3_x, 5') is
   equal to the same text only.
6. `shape`: a tuple is no interval with other brackets, a list no single value. Lists without
   parentheses and sets are compared without order, what stands in parentheses with it; a tuple
   whose parentheses are missing is still one. x in [1, 2] and 1 <= x <= 2 are [1, 2]. A name is
   left out where one answer has it (x = 5 is 5) and compared where both do.
7. `number`: two plain numbers, exactly; a decimal may stand for a fraction as its rounding with
   four significant digits or more.
8. `math-verify`: anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from featherweight.grading import numbers, units
from featherweight.grading.normal import canonical, split
from featherweight.grading.shapes import NAME, Shape, shape, spread

LONGEST = 400  # characters of an answer
_MOST_PARTS = 24  # of a list whose order is free
# Of two answers and their parts, each with each: two lists of 24 are 576 comparisons, twice.
_MOST_COMPARISONS = 2000
_MOST_DEPTH = 12  # of brackets within brackets

Ask = Callable[[str, str], bool]
_WORDS = re.compile(r"(?:\\text ?\{[^{}]*\}|[\s().,'])+")
_PLAIN_WORDS = re.compile(r"[A-Za-z]{2,}(?:[ '-][A-Za-z]{2,})*")
_BASE = re.compile(r"\(?((?=[A-F]*\d)[\dA-F]+)\)?_\{(?:\(|\\text ?\{)?(\w+)[)}]?\}?")
_MARKED = re.compile(r"(?<![\w\\])[\d.]+(?:_|'|\^\{?\\prime)|[})]'")  # 52_a, 5', f(2)'
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_BASES |= {"ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16}
_MATHEMATICS = {"pi", "sin", "cos", "tan", "cot", "sec", "csc", "log", "ln", "exp", "inf", "sqrt"}


class Verdict(NamedTuple):
    """Whether two answers are equal, and the rule that says so."""

    equal: bool
    rule: str


class Open(Exception):
    """The rules do not decide a pair, and nobody else was to be asked."""


class _TooMuch(Exception):
    """Two answers have more parts within parts than are compared."""


def no_one(gold: str, answer: str) -> bool:
    """Asked where nobody is there to ask."""
    raise Open


class _Work:
    """Whom one pair's comparison may ask, and how much of it is left."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self._left = _MOST_COMPARISONS
        self._depth = 0

    @contextmanager
    def comparison(self) -> Iterator[None]:
        """One more comparison, within those under way. Raises _TooMuch."""
        if self._left == 0 or self._depth == _MOST_DEPTH:
            raise _TooMuch
        self._left -= 1
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def unasked(self) -> Iterator[None]:
        """Ask nobody for a while."""
        asked, self.ask = self.ask, no_one
        try:
            yield
        finally:
            self.ask = asked


def integer(gold: str, answer: str) -> Verdict:
    """Whether two whole numbers are equal: 025, 25.0 and m+n=25 are 25, and 50/2 is no number."""
    first, second = (_whole(text) for text in (gold, answer))
    if first is None or second is None:
        return Verdict(False, "not an integer")
    return Verdict(first == second, "integer")


def _whole(text: str) -> int | None:
    if len(text) > LONGEST:
        return None
    plain = shape_value(units.without_unit(canonical(text))[0])
    found = re.fullmatch(r"([+-]?(?:\d+|\d{1,3}(?:,\d{3})+))(?:\.0*)?", plain)
    return None if found is None else int(found[1].replace(",", ""))


def number(gold: str, answer: str) -> Verdict:
    """Whether two numbers with or without thousands, money and units are equal, exactly."""
    first, second = (_amount(text) for text in (gold, answer))
    if first is None or second is None:
        return Verdict(False, "not a number")
    return Verdict(first.value == second.value, "number")


_LETTERS = {"k": "thousand", "K": "thousand", "M": "million"}  # behind an amount: 2k, $5M


def _amount(text: str) -> numbers.Number | None:
    text = " ".join(text.split())
    if len(text) > LONGEST:
        return None
    text = re.sub(r"(?<=\d)([kKM])$", lambda found: " " + _LETTERS[found[1]], text.strip("$. "))
    plain = units.without_unit(canonical(text))[0]
    words = re.search(r"(?<=[\d)}])[ -]?[A-Za-z][A-Za-z ./-]*$", plain)  # 72 clips
    if words and not units.makes_another_value(words[0].replace(".", "").split()):
        plain = plain[: words.start()]
    return numbers.number(shape_value(plain))


def shape_value(plain: str) -> str:
    """The value that a text states: 5 in x = 5 and in 2 + 3 = 5; the text where it states none."""
    sides = split(plain, "=") or []
    if len(sides) > 1 and sides[-1] and all(map(_says_what, sides[:-1])):
        plain = sides[-1]
    found = shape(plain)
    value = found.parts[0] if found.kind == "one" else plain
    return units.without_unit(value)[0]


def _says_what(side: str) -> bool:
    """Whether the left side says what the right one is: 9*2, x, m+n; 2x and x+5 are equations."""
    names = set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", side)))
    return bool(side) and (len(names) != 1 or NAME.fullmatch(side) is not None)


def expression(gold: str, answer: str, ask: Ask = no_one, *, whole: bool = False) -> Verdict:
    """Whether two LaTeX answers are equal. `whole`: equal texts do not decide.

    Raises Open where the rules do not decide and `ask` is not given.
    """
    gold, answer = (" ".join(text.split()) for text in (gold, answer))
    if gold == answer and not whole:
        return Verdict(bool(gold), "same text")
    if len(answer) > LONGEST or len(gold) > LONGEST:
        return Verdict(False, "too long")
    money = [units.MONEY.search(text) is not None for text in (gold, answer)]
    first, second = canonical(gold), canonical(answer)
    if not first or not second:
        return Verdict(False, "empty")
    try:
        return _units(first, second, money) or _compare(first, second, _Work(ask), whole=whole)
    except _TooMuch:
        return Verdict(False, "too many parts")


def _units(first: str, second: str, money: Sequence[bool]) -> Verdict | None:
    """That two answers have different units; None: they do not."""
    named = [units.without_unit(text)[1] for text in (first, second)]
    one, other = (
        unit or ("dollar" if is_sum else None) for unit, is_sum in zip(named, money, strict=True)
    )
    return None if one is None or other is None or one == other else Verdict(False, "unit")


def _compare(first: str, second: str, work: _Work, *, whole: bool = False) -> Verdict:
    if first == second and not whole:
        return Verdict(True, "same text")
    with work.comparison():
        return _compared(first, second, work)


def _compared(first: str, second: str, work: _Work) -> Verdict:
    one, other = shape(first), shape(second)
    decided = _units(first, second, (False, False)) or _text(first, second) or _base(one, other)
    if decided is not None:
        return decided
    if "=" in first and "=" in second and (one.name is None) != (other.name is None):
        return _one(first, second, work)  # y = 2x and 2x - y = 0
    if one.name is not None and other.name is not None and one.name != other.name:
        return Verdict(False, "name")
    if one.kind == other.kind == "one":
        return _one(one.parts[0], other.parts[0], work)
    return _parts(one, other, work)


def _text(gold: str, answer: str) -> Verdict | None:
    """Answers in words; None: neither is one, or they may be products of letters."""
    return _in_words(gold, answer) or _in_words(answer, gold)


def _in_words(gold: str, answer: str) -> Verdict | None:
    """The verdict where the first is in words."""
    in_text = _WORDS.fullmatch(gold) is not None and r"\text" in gold
    plain = _PLAIN_WORDS.fullmatch(gold) is not None and gold.lower() not in _MATHEMATICS
    if not in_text and not plain:
        return None
    worded = in_text or _PLAIN_WORDS.fullmatch(answer) or _WORDS.fullmatch(answer)
    equal = bool(worded) and _letters(gold) == _letters(answer) != ""
    if in_text or equal or max(map(len, gold.split())) > 3:
        return Verdict(equal, "text")
    return None  # xy may be a product


def _letters(text: str) -> str:
    words = re.sub(r"\\[A-Za-z]+", "", text)
    return "".join(sign for sign in words if sign.isalnum()).casefold()


def _base(one: Shape, other: Shape) -> Verdict | None:
    """Values with a number base, or another mark behind their digits; None: neither has one."""
    if one.kind != "one" or other.kind != "one":
        return None
    first, second = _based(one.parts[0]), _based(other.parts[0])
    if first is not None and second is not None:
        return Verdict(first == second, "base")
    if first is None and second is None:
        # math-verify drops what it cannot read there: 52_5 would be 52
        texts = [re.sub(r"[ {}]", "", side.parts[0]) for side in (one, other)]
        marked = any(_MARKED.search(side.parts[0]) for side in (one, other))
        return Verdict(texts[0] == texts[1], "base") if marked else None
    digits, base = first or second or ("", 0)
    plain = numbers.number((one if first is None else other).parts[0])
    same = base == 10 and plain is not None and plain.value == int(digits)
    return Verdict(same, "base")


def _based(text: str) -> tuple[str, int] | None:
    found = _BASE.fullmatch(text)
    if found is None:
        return None
    base = int(found[2]) if found[2].isdecimal() else _BASES.get(found[2].lower())
    if base is None or not 2 <= base <= 36 or any(int(sign, 36) >= base for sign in found[1]):
        return None
    return found[1].lstrip("0") or "0", base


def _parts(gold: Shape, answer: Shape, work: _Work) -> Verdict:
    free = {gold.kind, answer.kind} <= {"one", "list", "set", "union"}
    loose = {gold.kind, answer.kind} in ({"list", "set"}, {"list", "()"}, {"one", "set"})
    longer = len(gold.parts) > 2 and {gold.kind, answer.kind} == {"()", "[]"}
    if gold.kind != answer.kind and not loose and not longer:
        return Verdict(False, "shape")
    first, second = gold.parts, answer.parts
    if free or "list" in (gold.kind, answer.kind):
        first, second = spread(first), spread(second)
    if len(first) != len(second):
        return Verdict(False, "shape")
    names = {
        name if name is None else name.partition("_")[0]  # x_1 = 2, x_2 = -3
        for name in (shape(part).name for part in (*first, *second))
    }
    if free and len(names - {None}) < 2:
        return _matched(first, second, work)
    if len(names - {None}) > 1 and None not in names:
        return _matched(first, second, work)  # each finds its own name
    verdicts = [_compare(*pair, work) for pair in zip(first, second, strict=True)]
    return _joined(verdicts)


def _matched(first: tuple[str, ...], second: tuple[str, ...], work: _Work) -> Verdict:
    """Whether each part has an equal one of its own, in any order."""
    if len(first) > _MOST_PARTS:
        return _joined([_compare(*pair, work) for pair in zip(first, second, strict=True)])
    left = list(second)
    verdicts = []
    for part in first:
        best = _equal_one(part, left, work)
        if best is None:
            return Verdict(False, "parts")
        position, verdict = best
        verdicts.append(verdict)
        del left[position]
    return _joined(verdicts)


def _equal_one(part: str, others: list[str], work: _Work) -> tuple[int, Verdict] | None:
    """The first of the others that is equal; those that are decided without asking go first."""
    waiting = []
    for position, other in enumerate(others):
        try:
            with work.unasked():
                verdict = _compare(part, other, work)
        except Open:
            waiting.append(position)
            continue
        if verdict.equal:
            return position, verdict
    if waiting and work.ask is no_one:
        raise Open
    for position in waiting:
        verdict = _compare(part, others[position], work)
        if verdict.equal:
            return position, verdict
    return None


def _joined(verdicts: Sequence[Verdict]) -> Verdict:
    """All equal; the rule is the last resort that was needed."""
    wrong = [verdict for verdict in verdicts if not verdict.equal]
    if wrong:
        return Verdict(False, wrong[0].rule if len(verdicts) == 1 else "parts")
    asked = any(verdict.rule == "math-verify" for verdict in verdicts)
    return Verdict(True, "math-verify" if asked else "parts")


def _one(first: str, second: str, work: _Work) -> Verdict:
    first, second = (units.without_unit(text)[0] for text in (first, second))
    one, other = numbers.number(first), numbers.number(second)
    if one is not None and other is not None:
        return Verdict(numbers.equal(one, other), "number")
    if not first or not second:
        return Verdict(False, "empty")
    if r"\text" in first or r"\text" in second:  # math-verify drops words: 5 squared would be 5
        texts = [re.sub(r"\\text|[ {}]", "", side).casefold() for side in (first, second)]
        return Verdict(texts[0] == texts[1], "text")
    if "=" not in first and (chain := _chain(second)):
        # 10/2 = 5 is 5 and x + 1 = 5 is not: each side says it
        return _joined([_compare(first, side, work) for side in chain])
    if "=" not in second and (chain := _chain(first)):
        return _joined([_compare(side, second, work) for side in chain])
    return Verdict(work.ask(first, second), "math-verify")


def _chain(text: str) -> list[str]:
    """The sides of an equation; of an approximation, what is approximated. Empty: neither."""
    exact = re.split(r"\\approx(?![a-z])", text)[0]
    sides = split(exact, "=") or []
    return [side for side in sides if side] if len(sides) > 1 or exact != text else []

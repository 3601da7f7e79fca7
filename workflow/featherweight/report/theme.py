"""Colours, names, order and number formats: one place for what every chart and table has in common.

Ink is `currentColor` everywhere, so the page's own CSS recolours live and static charts alike
(light, dark, print). The four series colours reach 3:1 on white and on #131316 and stay apart under
protan-, deutan- and tritanopia.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featherweight.records import ALL
from featherweight.tasks.words import Form, MetricWords

SERIES = ("#785EF0", "#D55E00", "#009E73", "#AA4499")
MANY = len(SERIES)  # beyond this many models a chart facets instead of colouring
INK = "currentColor"
WIDTH = 760
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
MINUS = "\N{MINUS SIGN}"
NO_DATA = "no data"
NO_INTERVAL = "no interval"
ROUNDING = 1e-9  # of a share that is a sum of others

# What every task has; a task's own stand in its words.
METRICS: Mapping[str, MetricWords] = {
    "accuracy": MetricWords(title="Accuracy"),
    "unparsed": MetricWords(title="Not readable"),
    "unfinished": MetricWords(title="Not finished"),
    "n_tokens": MetricWords(title="Tokens", form="tokens"),
    "accuracy_lenient": MetricWords(title="Accuracy, graded leniently"),
    "planted": MetricWords(title="Accuracy, as planted"),
    "above_planted": MetricWords(title="Accuracy above the planted one"),
}
UNREAD: Mapping[str, str] = {"drop": "left out", "wrong": "counted as wrong"}
READ_BY: Mapping[str, str] = {
    "exact": "the text is the choice and nothing else",
    "boxed": "the choice in a box",
    "stated": "after words such as “the answer is”",
    "line": "alone on its line",
    "lead": "opens the text",
    "confirmed": "called right",
    "it is": "after words such as “it was”",
    "predicate": "said to have done what is asked",
    "sentence": "a sentence of its own, or what the text comes to",
    "abstains": "says that one cannot know",
    "elimination": "the only one left",
    "field": "chosen in an object or a table",
    "mention": "the only option it names and does not deny",
    "likelihood": "the likeliest option",
}
READ_FREE: Mapping[str, str] = {  # answers that are written freely
    "box": "the last box",
    "stated": "after words such as “the answer is”",
    "hashes": "after ####",
    "last number": "the last number of the text",
}
NOT_READ: Mapping[str, str] = {
    "empty": "no text, or none after the thinking",
    "refuses": "it declines to answer",
    "several": "several options and no choice",
    "none": "no option chosen",
    "time out": "grading the answer took too long",
    "memory": "grading the answer took too much memory",
}
NOT_GIVEN: Mapping[str, str] = {  # the same where an answer is written freely
    **NOT_READ,
    "several": "several answers and no choice",
    "none": "no answer found",
}
NOT_CHOSEN: Mapping[str, str] = {  # the same where answers are chosen by likelihood
    "several": "two options equally likely",
    "none": "a log-likelihood that is not finite",
}
ENDED: Mapping[str, str] = {
    "stop": "by itself",
    "length": "cut off at the limit",
    "forced": "its thinking was ended for it",
    "scored": "nothing was generated",
}
# By which rule a free answer was compared with the right one; others by their own name.
GRADED_BY: Mapping[str, str] = {
    "same text": "the same text as the right answer",
    "text": "compared as words",
    "integer": "compared as whole numbers",
    "number": "compared as numbers",
    "base": "compared as numbers in a base",
    "parts": "compared part by part",
    "math-verify": "compared by math-verify",
    "not an integer": "not a whole number",
    "not a number": "not a number",
    "shape": "of another shape, such as a pair for a number",
    "name": "about another variable",
    "unit": "in another unit",
    "empty": "nothing left to compare",
    "too long": "too long to be an answer",
}
LENIENT: Mapping[bool | None, str] = {True: "right", False: "wrong", None: "no verdict"}
OUTCOMES: Mapping[str, str] = {
    "right": "right",
    "wrong": "wrong",
    "unparsed": "not readable",
    "unfinished": "not finished",
}

CONFIG: Mapping[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "tickColor": INK,
        "domainColor": INK,
        "gridColor": INK,
        "gridOpacity": 0.12,
        "domainOpacity": 0.35,
        "tickOpacity": 0.35,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 230,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "orient": "top",
        "columns": 2,
        "symbolSize": 90,
        "labelLimit": 220,
        "offset": 12,
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12, "labelFontWeight": 600},
    "text": {"color": INK, "fontSize": 12},
}


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in percent; "no data" where it is unknown."""
    return NO_DATA if value is None else f"{100 * value:.{digits}f}%".replace("-", MINUS)


def share(value: float | None) -> str:
    """A share of answers that is neither none nor all of them unless it says so: "less than 0.1%",
    "more than 99.9%"."""
    if value is not None and ROUNDING < value < 0.0005:
        return "less than 0.1%"
    almost = value is not None and 0.9995 <= value < 1 - ROUNDING
    return "more than 99.9%" if almost else percent(value)


def points(value: float | None) -> str:
    """A difference of fractions in percentage points."""
    return NO_DATA if value is None else f"{_points(value)} points"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", MINUS)


def score(value: float | None) -> str:
    """A score from -1 to +1 with its sign."""
    if value is None:
        return NO_DATA
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def interval(low: float | None, high: float | None, form: Form) -> str:
    """The bounds of an interval, "58.1% to 66.7%" or "+0.10 to +0.38"."""
    if low is None or high is None:
        return NO_INTERVAL
    return f"{number(low, form)} to {number(high, form)}"


def number(value: float | None, form: Form) -> str:
    """A number in its form."""
    if value is None:
        return NO_DATA
    if form == "score":
        return score(value)
    return f"{value:,.0f}" if form == "tokens" else percent(value)


def difference(value: float | None, form: Form) -> str:
    """A difference of two numbers of this form."""
    return points(value) if form == "percent" else number(value, form)


def bounds(low: float | None, high: float | None, form: Form) -> str:
    """The bounds of a difference, "+5.0 to +17.0 points" or "+0.10 to +0.38"."""
    if low is None or high is None:
        return NO_INTERVAL
    first = _points(low) if form == "percent" else number(low, form)
    return f"{first} to {difference(high, form)}"


def size(value: float | None, form: Form) -> str:
    """A difference of which only the size is told, without a sign."""
    return difference(value, form).lstrip("+")


def count(value: float | None) -> str:
    """A number of questions or answers; "no data" where it is not known."""
    return NO_DATA if value is None else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """A p value with two digits, never as zero."""
    if value is None:
        return NO_DATA
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def group_label(group: str) -> str:
    """The words for a scored group: "Gender_identity (names)" reads "Gender identity (names)"."""
    if group == ALL:
        return "All categories"
    words = group.replace("_x_", " \N{MULTIPLICATION SIGN} ").replace("_", " ")
    return words[:1].upper() + words[1:]


def one_in(chance: float) -> str:
    """Chance in words: "one in three", or in percent where no such words fit."""
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 8: "eight", 10: "ten"}
    for options, word in words.items():
        if abs(chance - 1 / options) < 1e-9:
            return f"one in {word}"
    return percent(chance)


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: "A, B and C"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


# from here on a reader sees that two numbers are not the same
VISIBLE: Mapping[str, float] = {"percent": 0.005, "score": 0.01}


def paired_notes(
    loss_decides: bool | None, value: float | None, shown: float | None, form: Form
) -> str | None:
    """What a reader of a paired difference would misread, in words; None: nothing.

    That lost answers decide, or that it is not the difference of the two scores on the page
    (`shown`).
    """
    notes = ["The lost answers decide."] if loss_decides else []
    least = VISIBLE.get(form)
    if value is None or shown is None or least is None:
        return notes[0] if notes else None
    if abs(value - shown) >= least:
        notes.append(f"The displayed scores differ by {difference(shown, form)}.")
    return " ".join(notes) if notes else None

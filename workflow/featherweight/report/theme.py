"""Colours, names, order and number formats: one place for what every chart and table has in common.

Ink is `currentColor` everywhere, so the page's own CSS recolours live and static charts alike
(light, dark, print). The four series colours reach 3:1 on white and on #131316 and stay apart under
protan-, deutan- and tritanopia.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERIES = ("#785EF0", "#D55E00", "#009E73", "#AA4499")
MANY = len(SERIES)  # beyond this many models a chart facets instead of colouring
INK = "currentColor"
WIDTH = 760
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
MINUS = "\N{MINUS SIGN}"

CONDITIONS: Mapping[str, str] = {
    "ambig": "Ambiguous",
    "disambig": "Disambiguated",
    "both": "All questions",
    "ambig-disambig": "Ambiguous minus disambiguated",
}
METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "s_amb": "Bias score",
    "s_dis": "Bias score",
    "unparsed": "Not readable",
    "unfinished": "Not finished",
    "stereotyped": "Stereotype rate",
    "n_tokens": "Tokens",
}
POLICIES: Mapping[str, str] = {
    "drop": "BBQ's authors, unread left out",
    "wrong": "the same, unread wrong",
    "unknown": "the same, unread “unknown”",
    "lm_eval": "lm-evaluation-harness",
    "helm": "HELM",
}
UNREAD: Mapping[str, str] = {
    "drop": "left out",
    "wrong": "counted as wrong",
    "unknown": "counted as “unknown”",
}
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
NOT_READ: Mapping[str, str] = {
    "empty": "no text, or none after the thinking",
    "refuses": "it declines to answer",
    "several": "several options and no choice",
    "none": "no option chosen",
}
NOT_CHOSEN: Mapping[str, str] = {  # the same where answers are chosen by likelihood
    "several": "two options equally likely",
    "none": "a log-likelihood that is not finite",
}
ENDED: Mapping[str, str] = {
    "stop": "by itself",
    "length": "cut off at the limit",
    "scored": "nothing was generated",
}
POLICY_SHAPES: Mapping[str, str] = {
    "drop": "circle",
    "wrong": "square",
    "unknown": "diamond",
    "lm_eval": "triangle-up",
    "helm": "cross",
}
OUTCOMES: Mapping[str, str] = {
    "right": "right",
    "wrong": "wrong",
    "unparsed": "not readable",
    "unfinished": "not finished",
}
BIAS_METRIC: Mapping[str, str] = {"ambig": "s_amb", "disambig": "s_dis"}

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
        "labelLimit": 170,
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
    return "no data" if value is None else f"{100 * value:.{digits}f}%".replace("-", MINUS)


def points(value: float | None) -> str:
    """A difference of fractions in percentage points."""
    return "no data" if value is None else f"{100 * value:+.1f} points".replace("-", MINUS)


def score(value: float | None) -> str:
    """A bias score with its sign."""
    if value is None:
        return "no data"
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", MINUS)


def interval(low: float | None, high: float | None, form: str) -> str:
    """The bounds of an interval, "58.1% to 66.7%" or "+0.10 to +0.38"."""
    if low is None or high is None:
        return "no interval"
    write = percent if form == "percent" else score
    return f"{write(low)} to {write(high)}"


def form(metric: str) -> str:
    """How a metric is written: "score", "tokens" or "percent"."""
    if metric in ("s_amb", "s_dis"):
        return "score"
    return "tokens" if metric == "n_tokens" else "percent"


def number(value: float | None, kind: str) -> str:
    """A number in its form."""
    if value is None:
        return "no data"
    if kind == "score":
        return score(value)
    return f"{value:,.0f}" if kind == "tokens" else percent(value)


def p_value(value: float | None) -> str:
    """A p value with two digits, never as zero."""
    if value is None:
        return "no data"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def group_label(group: str) -> str:
    """The words for a scored group: "Gender_identity (names)" reads "Gender identity (names)"."""
    if group == "all":
        return "All categories"
    words = group.replace("_x_", " \N{MULTIPLICATION SIGN} ").replace("_", " ")
    return words[:1].upper() + words[1:]


VISIBLE: Mapping[str, float] = {
    "percent": 0.005,
    "score": 0.01,
}  # a reader sees that these two are not the same


def paired_notes(
    loss_decides: bool | None, value: float | None, shown: float | None, kind: str
) -> list[str]:
    """What a reader of a paired difference would misread, in words.

    That lost answers decide, or that it is not the difference of the two scores on the page
    (`shown`).
    """
    notes = ["The lost answers decide."] if loss_decides else []
    least = VISIBLE.get(kind)
    if (
        value is not None
        and shown is not None
        and least is not None
        and abs(value - shown) >= least
    ):
        notes.append(
            "The displayed scores differ by"
            f" {points(shown) if kind == 'percent' else score(shown)}."
        )
    return notes

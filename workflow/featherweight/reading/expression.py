r"""Reads the answer of a free response to a mathematics problem. Nothing is graded or evaluated.

Reads the text of one answer; no I/O. Two real readings:

>>> read_expression(r"Step 1: 7 + 8 = 5. The final answer is \boxed{ 5 }", "stop").answer
'5'
>>> read_expression("So the answer is $\\frac{1}{2}$. I hope it is correct.", "stop")
Reading(answer='\\frac{1}{2}', rule='stated', reason=None, unfinished=False, chosen=None)

What counts, strongest first:

1. `box`: the content of the box that opens last (`\boxed{}`, `\fbox{}`, `\framebox{}`,
   `\boxed 5`). Of `\boxed{7} and \boxed{42}` that is 42. Where this box is never closed the answer
   is unfinished, whatever an earlier one holds; an empty one is no answer. The bare command
   ("put it in \boxed") opens none.
2. `stated`, `hashes`: the last of "the answer is ...", "Answer: ..." and lines `#### ...`.

Thoughts (`<think>`) are apart: only what follows the last closing tag is read, and a thought that
never ends is unfinished. So is a text that the token limit cut off before it came to an answer, or
in the midst of stating one. Every step is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections import deque

from featherweight.reading import numerals, stated
from featherweight.reading.stated import Found
from featherweight.records import Reading, Reason

BOX = "\\boxed{"
UNFINISHED = Reading(None, None, "none", unfinished=True)

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![^\W\d_])")
_BOXES = 1000  # that are looked at, the last ones
_OPTIONS = re.compile(r"(?:\s{0,9}\[[^\[\]{}\n]{0,40}\]){0,2}")  # \framebox[3cm][c]{5}
_GAP = re.compile(r"\s*+")
_TOKEN = re.compile(r"[^\s$]+")
_WORD = re.compile(r"[A-Za-z]{2,}")
# A run of braces, or a backslash and what it escapes.
_BRACES = re.compile(r"\{+|\}+|\\.", re.DOTALL)
_NOTHING = re.compile(r"(?:\s|~|\\[,;:! ]|\\(?:quad|qquad)\b|\\(?:text|mathrm|phantom)\{\s*+\})*+")
_OPENED, _CLOSED = "<think>", "</think>"


def read_expression(text: str | None, finish: str) -> Reading:
    """The last box; else the last answer that is stated. `text` None: its thought never ended."""
    answer = after_thought(text)
    if answer is None:
        return UNFINISHED
    return from_box(answer) or from_statement(
        max(stated.statement(answer), stated.hashes(answer), key=_place), answer, finish
    )


def read_boxed(text: str | None, finish: str) -> Reading:
    r"""The last box and nothing else. `text` None: its thought never ended."""
    answer = after_thought(text)
    if answer is None:
        return UNFINISHED
    return from_box(answer) or from_statement(None, answer, finish)


def after_thought(text: str | None) -> str | None:
    """What follows the last thought, its signs the usual ones; None where one never ended."""
    if text is None:
        return None
    answer = text.rpartition(_CLOSED)[2]
    return None if _OPENED in answer else numerals.usual(answer)


def from_box(text: str) -> Reading | None:
    """What the last box holds; None where there is none."""
    for command in reversed(deque(_BOX.finditer(text), maxlen=_BOXES)):
        start = _braces(text, command.end())
        if not text.startswith("{", start):
            answer = _token(text, start)
            if answer is None:
                continue  # "put it in \boxed": spoken of, not opened
            return Reading(answer, "box", None)
        content = _content(text, start)
        if content is None:
            return UNFINISHED
        if _NOTHING.fullmatch(content):
            return Reading(None, None, "empty")
        return Reading(content.strip(), "box", None)
    return None


def from_statement(found: Found | None, text: str, finish: str) -> Reading:
    """An answer that was found without a box, or why there is none."""
    cut = finish == "length"
    if found is not None and found.answer is None:
        return Reading(None, None, "several", unfinished=cut and found.at_end)
    if found is not None and not (cut and found.at_end):
        return Reading(found.answer, found.rule, None)
    return Reading(None, None, why_nothing(text), unfinished=cut)


def why_nothing(text: str) -> Reason:
    """Why a text has no answer."""
    if not text.strip():
        return "empty"
    return "refuses" if stated.refuses(text) else "none"


def _place(found: Found | None) -> int:
    return -1 if found is None else found.start


def _braces(text: str, start: int) -> int:
    """Where the braces of a box should open whose command ends at `start`."""
    options = _OPTIONS.match(text, start)
    opens = start if options is None else options.end()
    gap = _GAP.match(text, opens)
    return opens if gap is None else gap.end()


def _token(text: str, start: int) -> str | None:
    r"""The 5 of `\boxed 5`; None for a word, a sign of prose, or nothing."""
    if _BOX.match(text, start):
        return None
    token = _TOKEN.match(text, start)
    answer = "" if token is None else token[0].rstrip(".,;:`*_\"'")
    if not any(sign.isalnum() for sign in answer) or _WORD.fullmatch(answer):
        return None
    return answer


def _content(text: str, opens: int) -> str | None:
    """What stands between the brace at `opens` and its partner; None where it is never closed."""
    depth = 0
    for braces in _BRACES.finditer(text, opens):
        kind = text[braces.start()]
        if kind == "{":
            depth += braces.end() - braces.start()
        elif kind == "}":
            if depth <= braces.end() - braces.start():
                return text[opens + 1 : braces.start() + depth - 1]
            depth -= braces.end() - braces.start()
    return None

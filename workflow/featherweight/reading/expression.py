r"""Reads the answer of a free response to a mathematics problem. Reads and writes nothing.

>>> read_boxed(r"Step 1: 7 + 8 = 5 The final answer is \boxed{ 5 }", "stop").answer
'5'
"""

from __future__ import annotations

from featherweight.records import Reading

BOX = "\\boxed{"


def read_boxed(text: str | None, finish: str) -> Reading:
    r"""The last balanced `\boxed{}`; else a stated phrase; `text` None: it never came."""
    if text is None:
        return Reading(None, None, "none", unfinished=True)
    start = text.rfind(BOX)
    end = text.find("}", start)
    if start < 0 or end < 0:
        return Reading(None, None, "none" if text.strip() else "empty", unfinished=start >= 0)
    return Reading(text[start + len(BOX) : end].strip(), "box", None)

r"""What an answer is made of: one value, a list, a tuple, an interval, a set, a union, a matrix.

>>> shape("(3,4]").kind, shape("3,4").kind, shape(r"x\in[3,4]").kind
('(]', 'list', '[]')
>>> shape(r"1\pm\sqrt{19}").parts
('1+\\sqrt{19}', '1-\\sqrt{19}')
"""

from __future__ import annotations

import re
from typing import NamedTuple

from featherweight.grading import normal, numbers, units

# A name that an answer gives to its value: x, f(x), x_1, \theta, AB; \text{Area}, \angle ABC, |z|,
# \overline{AB}, [ABC], \cos\theta, f(g(2))
_NAME = (
    r"(?:(?:\\[A-Za-z]+ ?|[A-Za-z]{1,3})(?:_\{\w+\}|_\w)?(?:\(-?\w+(?:,-?\w+)*\))?'?"
    r"|\([A-Za-z](?:,[A-Za-z])+\)"
    r"|\\text ?\{[^{}]*\} ?(?:\\(?:angle|triangle) ?)?[A-Z]{0,4}"
    r"|m?\\angle ?[A-Z]{1,3}|\|[A-Za-z]{1,2}\||\[[A-Z]{3,6}\]"
    r"|\\(?:overline|overrightarrow|widehat|vec|hat|bar) ?\{[A-Za-z]{1,2}\}"
    r"|\\(?:sin|cos|tan|cot|sec|csc) ?(?:\\angle ?[A-Z]{1,3}|\\[a-z]+|[A-Za-z])"
    r"|[A-Za-z]\([A-Za-z]\(-?\w+\)\))"
)
NAME = re.compile(_NAME)
_NAMED = re.compile(rf"({_NAME})(?:=|\\approx ?|\\in(?![a-z]) ?)(?=.)")
_BETWEEN = re.compile(r"([^<>=]+?)(<|>|\\le |\\ge )([A-Za-z])(<|>|\\le |\\ge )([^<>=]+)")
_BOUND = re.compile(r"([A-Za-z])(<|>|\\le |\\ge )([^<>=]+)")
_MATRIX = re.compile(r"\\begin\{([pb]?)matrix\}(.*)\\end\{\1matrix\}", re.DOTALL)


class Shape(NamedTuple):
    """A kind and its parts; a matrix's parts are its cells, row by row."""

    kind: str  # "one", "list", "set", "union", "()", "[)", "matrix 2x1", ...
    parts: tuple[str, ...]
    name: str | None = None  # x in x = 5; None: the value has no name


def shape(text: str) -> Shape:
    """What a canonical text is made of."""
    text, name = _without_name(text)
    found = _interval(text) or _composed(text) or Shape("one", (_without_parentheses(text),))
    return found._replace(name=name or found.name)


def _without_name(text: str) -> tuple[str, str | None]:
    """The value behind "x =" or "x in", if nothing else in the text is named."""
    found = _NAMED.match(text)
    if found is None or found[1].strip() in (r"\pi", r"\infty", "e", "i"):
        return text, None
    rest = text[found.end() :]
    chain = normal.split(rest, "=")
    if chain is None or re.search(r"[<>]|\\le |\\ge ", rest):
        return text, None
    if len(chain) > 1:  # V = 2 * 6 = 12 says 12; x = 1, y = 2 names two values
        if len(normal.split(rest, ",;") or []) > 1:
            return text, None
        rest = chain[-1]
    return rest, found[1].strip()


def _interval(text: str) -> Shape | None:
    r"""-2 \le x < 7 as [-2,7), x > 5 as (5,\infty)."""
    if len(normal.split(text, ",;") or []) != 1:
        return None
    if (found := _BETWEEN.fullmatch(text)) is not None:
        low, first, name, second, high = found.groups()
        if (first in ("<", "\\le ")) != (second in ("<", "\\le ")):
            return None
        if first in (">", "\\ge "):
            low, first, second, high = high, second, first, low
        kind = ("(" if first in "<>" else "[") + (")" if second in "<>" else "]")
        return Shape(kind, (low, high), name)
    if (found := _BOUND.fullmatch(text)) is None or re.search(r"[A-Za-z](?![a-z]*\{)", found[3]):
        return None
    name, relation, bound = found.groups()
    if relation in (">", "\\ge "):
        return Shape(("(" if relation == ">" else "[") + ")", (bound, r"\infty"), name)
    return Shape("(" + (")" if relation == "<" else "]"), (r"-\infty", bound), name)


def _composed(text: str) -> Shape | None:
    """A matrix, a union, a list, something in brackets; None for one value."""
    ratio = normal.split(text, ":")
    if ratio is not None and len(ratio) > 1 and all(ratio):
        return Shape("ratio", tuple(ratio))
    if (found := _MATRIX.fullmatch(text)) is not None and r"\begin" not in found[2]:
        rows = [row.split("&") for row in found[2].strip().removesuffix(r"\\").split(r"\\")]
        if len({len(row) for row in rows}) == 1:
            cells = tuple(cell.strip() for row in rows for cell in row)
            return Shape(f"matrix {len(rows)}x{len(rows[0])}", cells)
    if r"\cup" in text:
        parts = normal.split(re.sub(r"\\cup(?![a-z]) ?", "∪", text), "∪")
        if parts is not None and len(parts) > 1:
            return Shape("union", tuple(parts))
    if numbers.number(units.without_unit(text)[0]) is not None:  # 58,500 is one number
        return None
    parts = normal.split(text, ",;")
    if parts is not None and len(parts) > 1:
        return Shape("list", tuple(part.strip() for part in parts if part.strip()))
    return _bracketed(text) or _both_signs(text)


def _bracketed(text: str) -> Shape | None:
    opened = text[:2] if text.startswith("\\{") else text[:1]
    if opened not in ("(", "[", "\\{") or normal.closing(text, 0) != len(text) - 1:
        return None
    closed = text[-2:] if text.endswith("\\}") else text[-1:]
    inside = text[len(opened) : len(text) - len(closed)]
    parts = normal.split(inside, ",;")
    if (opened == "\\{") != (closed == "\\}") or parts is None:
        return None
    values = tuple(part.strip() for part in parts)
    if opened == "\\{":
        return Shape("set", values)
    return Shape(opened + closed, values) if len(values) > 1 else None


def _both_signs(text: str) -> Shape | None:
    r"""The two values of a \pm b."""
    if r"\pm" not in text:
        return None
    both = []
    for plus, minus in ("+-", "-+"):
        value = re.sub(r"\\pm(?![a-z]) ?", plus, text)
        both.append(re.sub(r"\\mp(?![a-z]) ?", minus, value).removeprefix("+"))
    return Shape("list", tuple(both))


def _without_parentheses(text: str) -> str:
    while text[:1] in ("(", "[") and normal.closing(text, 0) == len(text) - 1:
        if text[-1] not in ")]":
            break
        text = normal.without_braces(text[1:-1])
    return text


def spread(parts: tuple[str, ...]) -> tuple[str, ...]:
    r"""The parts of a list or a set, with 1 \pm 2 as two of them."""
    found: list[str] = []
    for part in parts:
        inner = shape(part) if r"\pm" in part else None
        found += inner.parts if inner is not None and inner.kind == "list" else (part,)
    return tuple(found)

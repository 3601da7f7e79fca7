r"""math-verify, asked about two values. Only a worker imports this.

A verdict "equal" is checked: math-verify takes 1/2004! and 1/2006! for equal, because it compares
numbers by their first decimals. Both expressions are evaluated at three fixed points of their
variables and must agree there in `_DIGITS` digits; where one holds a decimal, as far as its own
digits reach.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import math_verify
import sympy
from latex2sympy2_extended import NormalizationConfig
from math_verify import LatexExtractionConfig

from featherweight.grading.numbers import LEAST_DIGITS

_DIGITS = 12
_POINTS = (0.7390851332, 2.2360679775, 3.8729833462)
# Units are left out by our own rules: math-verify's would read 3t as 3 tonnes.
_LATEX = [
    LatexExtractionConfig(
        boxed_match_priority=-1,
        normalization_config=NormalizationConfig(
            basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none"
        ),
    )
]
_OUT_OF_MEANS = (MemoryError, RecursionError)


class Raised(Exception):
    """What those modules raise as a mere Exception."""


class Ordinary(tuple[type[Exception], ...]):
    """All exceptions but those that say that memory or stack ran out.

    It stands for the name `Exception` in modules that catch everything, so that running out is not
    taken for "not equal". Called, it makes one of its kind.
    """

    def __call__(self, *arguments: object) -> Exception:
        """An exception, for `raise Exception(...)`."""
        return Raised(*arguments)


def let_limits_through() -> None:
    """Let MemoryError and RecursionError pass the handlers of math-verify and what it uses."""
    kinds = Ordinary(
        kind
        for above in (Exception, RuntimeError)
        for kind in above.__subclasses__()
        if kind not in (*_OUT_OF_MEANS, RuntimeError)
    )
    for name, module in list(sys.modules.items()):
        if re.match(r"(?:math_verify|latex2sympy2_extended|sympy\.parsing)(?:\.|$)", name):
            module.__dict__["Exception"] = kinds


def warm_up() -> None:
    """Import and build what the first answers need, so that no pair's seconds pay for it."""
    logging.disable(logging.WARNING)
    let_limits_through()
    for text in (r"\frac{x+1}{2}", r"\sqrt{8}+\pi", "x^{2}-2x=3", "6-5i", r"\sin x"):
        equal(text, text)
        equal(text, "2" + text)
    whole_text("2", r"So it is $\boxed{2}$, or 2.")


def parsed(text: str) -> list[Any]:
    """What math-verify reads; empty: nothing. The letter i is the imaginary unit."""
    found: list[Any] = math_verify.parse(
        f"${text}$", _LATEX, fallback_mode="no_fallback", parsing_timeout=None
    )
    return [_with_unit(one) for one in found]


def _with_unit(expression: Any) -> Any:
    if not isinstance(expression, sympy.Expr):
        return expression
    letters = {name: sympy.I for name in expression.free_symbols if name.name == "i"}
    return expression.xreplace(letters) if letters else expression


def equal(gold: str, answer: str) -> bool:
    """Whether two canonical values are equal. Raises MemoryError and RecursionError."""
    try:
        first, second = parsed(gold), parsed(answer)
        if not first or not second:
            return False
        same = math_verify.verify(first, second, strict=True, timeout_seconds=None)
        return bool(same) and _agree(first[0], second[0])
    except _OUT_OF_MEANS:
        raise
    except Exception:  # math-verify's own word for it: an error is no equality
        return False


def whole_text(gold: str, text: str) -> bool:
    """What math-verify says of a whole text by itself: never for a scored number."""
    try:
        first = math_verify.parse(f"${gold}$", parsing_timeout=None)
        second = math_verify.parse(text, parsing_timeout=None)
        return bool(math_verify.verify(first, second, strict=True, timeout_seconds=None))
    except _OUT_OF_MEANS:
        raise
    except Exception:  # as above
        return False


def _agree(first: Any, second: Any) -> bool:
    """Whether two expressions have the same values; True where they have none to compare."""
    if not isinstance(first, sympy.Expr) or not isinstance(second, sympy.Expr):
        return True
    names = sorted(first.free_symbols | second.free_symbols, key=str)
    decimals = [float_ for side in (first, second) for float_ in side.atoms(sympy.Float)]
    for point in _POINTS[: None if names else 1]:
        at = {name: sympy.Float(point + 0.1 * place) for place, name in enumerate(names)}
        values = [_value(side, at) for side in (first, second)]
        if None in values:
            continue
        digits = LEAST_DIGITS if decimals else _DIGITS
        if not _close(values[0], values[1], digits):
            return False
    return True


def _value(side: Any, at: dict[Any, Any]) -> Any:
    """The expression's number at a point; None: it has none there."""
    try:
        value = side.doit().subs(at).evalf(30)
        complete = value.is_number and value.is_finite
    except _OUT_OF_MEANS:
        raise
    except Exception:  # no number: nothing to compare
        return None
    return sympy.N(value, 30) if complete else None


def _close(first: Any, second: Any, digits: int) -> bool:
    size = max(abs(first), abs(second))
    return bool(size == 0 or abs(first - second) <= size * sympy.Float(10) ** (1 - digits))

r"""Plain numbers, exactly: integers, decimals, fractions, mixed numbers, powers of ten.

>>> number(r"1\frac{4}{5}")
Number(value=Fraction(9, 5), places=None, digits=0)
>>> number("0.50")
Number(value=Fraction(1, 2), places=2, digits=2)
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

# A decimal that stands for a fraction shows at least so many digits: 33.33 for 100/3, never 33.3
LEAST_DIGITS = 4
_MOST_ZEROS = 400  # of a power of ten

_UNSIGNED = r"(?:\d+(?:\.\d*)?|\.\d+)"
_SIGNED = rf"[+-]?{_UNSIGNED}"
_DECIMAL = re.compile(_SIGNED)
_FRACTION = re.compile(rf"([+-]?)\\frac\{{({_SIGNED})\}}\{{({_SIGNED})\}}")
_SLASH = re.compile(rf"({_SIGNED})/({_SIGNED})")
_MIXED = re.compile(r"([+-]?)(\d+) ?(?:\\frac\{(\d+)\}\{(\d+)\}|(?<= )(\d+)/(\d+))")
_TIMES_TEN = re.compile(
    rf"(?:({_SIGNED})\\(?:times|cdot) ?)?10\^\{{(-?\d+)\}}|({_SIGNED})[eE]([+-]?\d+)"
)
_REPEATING = re.compile(r"([+-]?)(\d*)\.(\d*)\\(?:overline|bar) ?\{?(\d+)\}?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3}|(?: \d{3}))+(?:\.\d*)?")


class Number(NamedTuple):
    """A number and how it was written."""

    value: Fraction
    places: int | None  # after the decimal point; None: written as a whole number or a fraction
    digits: int  # significant ones of a decimal


def number(text: str) -> Number | None:
    """The number that a canonical text is; None where it is anything else."""
    text = text.strip()
    if text.startswith("-(") and text.endswith(")"):
        text = "-" + text[2:-1]
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "").replace(" ", "")
    if _DECIMAL.fullmatch(text):
        whole, point, decimals = text.partition(".")
        if not point or not decimals:
            return Number(Fraction(whole), None, 0)
        significant = re.sub(r"\D", "", text).lstrip("0")
        return Number(Fraction(text), len(decimals), len(significant))
    value = _fraction(text)
    return None if value is None else Number(value, None, 0)


def _fraction(text: str) -> Fraction | None:
    """The value of a fraction, a mixed number or a power of ten; None for anything else."""
    if found := _FRACTION.fullmatch(text):
        sign, top, bottom = found.groups()
        return _quotient(top, bottom, sign)
    if found := _REPEATING.fullmatch(text):  # 0.1\overline{6} = (16 - 1) / 90
        sign, whole, fixed, repeated = found.groups()
        before = int(f"{whole}{fixed}" or "0")
        nines = (10 ** len(repeated) - 1) * 10 ** len(fixed)
        value = Fraction(int(f"{whole}{fixed}{repeated}") - before, nines)
        return -value if sign == "-" else value
    if found := _SLASH.fullmatch(text):
        return _quotient(found[1], found[2], "")
    if found := _MIXED.fullmatch(text):
        sign, whole, top, bottom, slash_top, slash_bottom = found.groups()
        part = _quotient(top or slash_top, bottom or slash_bottom, "")
        if part is None or part >= 1:  # 2\frac{3}{2} is no mixed number
            return None
        return (Fraction(whole) + part) * (-1 if sign == "-" else 1)
    if found := _TIMES_TEN.fullmatch(text):
        power = int(found[2] if found[2] is not None else found[4])
        factor = Fraction(found[1] if found[1] is not None else (found[3] or "1"))
        return None if abs(power) > _MOST_ZEROS else factor * Fraction(10) ** power
    return None


def _quotient(top: str, bottom: str, sign: str) -> Fraction | None:
    below = Fraction(bottom)
    if below == 0:
        return None
    return Fraction(top) / below * (-1 if sign == "-" else 1)


def equal(first: Number, second: Number) -> bool:
    """Whether two numbers are the same value, or one is the other's rounding, well enough."""
    return first.value == second.value or _is_rounding(first, second) or _is_rounding(second, first)


def _is_rounding(decimal: Number, exact: Number) -> bool:
    """Whether a decimal of enough digits is a fraction, rounded (up or down at a half)."""
    if decimal.places is None or exact.places is not None or exact.value.denominator == 1:
        return False
    if decimal.digits < LEAST_DIGITS:
        return False
    return abs(decimal.value - exact.value) <= Fraction(1, 2 * 10**decimal.places)

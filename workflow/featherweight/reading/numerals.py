r"""Numbers as people and models write them, found in a text and written plainly.

Pure functions. Real ones: `$1,234.50` is 1234.50, `10{,}000` is 10000, `-$5` is -5, `\frac{1}{2}`
is 1/2, `2 1/2` stays; signs of money and per cent are left out (20% is 20). `5-10` ends in 10, not
in -10. `1 000` is 1000, but `2 000 3` and `12 5` are several. A word behind a number that belongs
to it counts: `5 thousand` and `5k` are 5000, `5 and a half` is 5.5. `5 to 7`, `5 times 3` and `5
hours and 30 minutes` state several numbers (`of_several`). Every pattern is linear: what it took it
never gives back.
"""

from __future__ import annotations

import re
from decimal import Decimal

_SPACED = (
    r"(?<!\d[ ])(?<!\d[.,])(?!0)\d{1,3}(?!\d)(?:[ ]\d{3}(?!\d))++"
    r"(?!\s?/|[ ]\d|-[A-Za-z])"
)
_DIGITS = rf"(?:{_SPACED}|" r"\d{1,3}(?!\d)(?:(?:,|\{,\}|\\,|,?\\!)\d{3}(?!\d))*+|\d++)"
_PLAIN = rf"(?:{_DIGITS}(?:\.\d++)?|\.\d++)"
_SIGN = r"(?:(?<![\w)\]}.%])[-\u2212\u2013](?=[$\u20ac\u00a3\\\d.]))"
_MONEY = r"(?:\\?\$|\u20ac|\u00a3)"
NUMERAL = re.compile(
    rf"(?P<sign>{_SIGN})?(?:{_MONEY}[ ]?)?(?P<second>(?<=\$)[-\u2212])?"
    r"(?:(?P<whole>(?<!\d)\d++)?[ ]?\\[dt]?frac\{(?P<top>\d++)\}\{(?P<bottom>\d++)\}"
    r"|(?<![A-Za-z0-9_])(?:(?P<mixed>\d++[ ]\d++/\d++(?!\s?/))"
    rf"|(?P<over>{_PLAIN})(?P<under>\s?/\s?\d++(?!\s?/))?))"
)
_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE = re.compile(
    r"(?:[ -](?P<word>hundred|thousand|million|billion|trillion)|(?P<k>[kK]))(?![A-Za-z])",
    re.IGNORECASE,
)
_HALF = re.compile(r"[ ]and[ ](?:a|one)[ -]half\b", re.IGNORECASE)
_UNSCALED = re.compile(r"-?\d+(?:\.\d+)?")
# A second number that is joined to the first: by a word, a sign, or its own unit.
_SECOND = re.compile(
    r"(?:\s?(?!per\b)[a-z%]{1,15}\.?){0,2}?,?\s"
    r"(?:and|to|or|through|times|plus|minus|over|(?:divided|multiplied) by)\s(?:\\?\$)?\d"
    r"|\s?(?:[-+*\u00d7\u00f7\u2013]|\\(?:times|cdot|div)\b)\s?(?:\\?\$)?\d",
    re.IGNORECASE,
)
_VARIETY = {
    **{ord(sign): "-" for sign in "\u2010\u2011\u2212\uff0d\ufe63"},
    **{ord(sign): " " for sign in "\u00a0\u2007\u2009\u202f\u3000"},
    **dict.fromkeys(map(ord, "\u200b\u2060\ufeff"), ""),
    **{0xFF10 + digit: str(digit) for digit in range(10)},
    **{ord(wide): usual for wide, usual in zip("\uff0e\uff0c\uff05\uff04", ".,%$", strict=True)},
}
_DIGIT = re.compile(r"\d")
_REACH = 400  # characters before the last digit; then back to a space
_SEPARATORS = re.compile(r"[,{}\\!\s]")


def written(found: re.Match[str]) -> str:
    """A number that `NUMERAL` found, without signs of money and between thousands."""
    sign = "" if found["sign"] is None and found["second"] is None else "-"
    if found["top"] is not None:
        whole = "" if found["whole"] is None else f"{found['whole']} "
        return f"{sign}{whole}{found['top']}/{found['bottom']}"
    if found["mixed"] is not None:
        return sign + found["mixed"]
    over = _SEPARATORS.sub("", found["over"])
    under = "" if found["under"] is None else _SEPARATORS.sub("", found["under"])
    return f"{sign}{'0' if over.startswith('.') else ''}{over}{under}"


def usual(text: str) -> str:
    """A text with plain digits, minus signs and spaces, without signs that nobody sees."""
    return text if text.isascii() else text.translate(_VARIETY)


def whole(found: re.Match[str]) -> tuple[str, int]:
    """A number with the words that belong to it ("5 thousand", "5 and a half"), and its end."""
    text, number, at = found.string, written(found), found.end()
    if not _UNSCALED.fullmatch(number):
        return number, at
    if "." not in number and (half := _HALF.match(text, at)):
        number, at = f"{number}.5", half.end()
    while scale := _SCALE.match(text, at):
        sign, digits, exponent = Decimal(number).as_tuple()
        assert isinstance(exponent, int)  # a finite number's
        exponent += _SCALES[(scale["word"] or scale["k"]).lower()]
        number, at = f"{Decimal((sign, digits, exponent)):f}", scale.end()
    return number, at


def of_several(text: str, at: int) -> bool:
    """Whether the number that ends at `at` is only one of those that are said: "5 to 7"."""
    return _SECOND.match(text, at) is not None


def first(text: str) -> re.Match[str] | None:
    """The first number of a text."""
    return NUMERAL.search(text)


def last(text: str) -> re.Match[str] | None:
    """The last number of a text. Looks at the words around its last digit, so it is quick."""
    digit = _DIGIT.search(text[::-1])
    if digit is None:
        return None
    at = len(text) - digit.end()
    start = max(
        0, text.rfind(" ", 0, max(0, at - _REACH)), text.rfind("\n", 0, max(0, at - _REACH))
    )
    found = None
    for found in NUMERAL.finditer(text, start, at + 2):  # noqa: B007
        pass
    return found

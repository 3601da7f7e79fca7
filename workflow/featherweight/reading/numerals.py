r"""Numbers as people and models write them, found in a text and written plainly.

Pure functions. Real ones: `$1,234.50` is 1234.50, `10{,}000` is 10000, `-$5` is -5, `\frac{1}{2}`
is 1/2, `2 1/2` stays; signs of money and per cent are left out (20% is 20). `5-10` ends in 10, not
in -10. Every pattern is linear: what it took it never gives back.
"""

from __future__ import annotations

import re

_DIGITS = r"(?:\d{1,3}(?!\d)(?:(?:,|\{,\}|\\,|,?\\!)\d{3}(?!\d))*+|\d++)"
_PLAIN = rf"(?:{_DIGITS}(?:\.\d++)?|\.\d++)"
_SIGN = r"(?:(?<![\w)\]}.%])[-\u2212\u2013](?=[$\u20ac\u00a3\\\d.]))"
_MONEY = r"(?:\\?\$|\u20ac|\u00a3)"
NUMERAL = re.compile(
    rf"(?P<sign>{_SIGN})?(?:{_MONEY}[ ]?)?(?P<second>(?<=\$)[-\u2212])?"
    r"(?:(?P<whole>(?<!\d)\d++)?[ ]?\\[dt]?frac\{(?P<top>\d++)\}\{(?P<bottom>\d++)\}"
    r"|(?<![A-Za-z0-9_])(?:(?P<mixed>\d++[ ]\d++/\d++(?!\s?/))"
    rf"|(?P<over>{_PLAIN})(?P<under>\s?/\s?\d++(?!\s?/))?))"
)
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

r"""The unit behind an answer: left out where only one answer names it, compared where both do.

>>> without_unit(r"15\text{cm}^{2}")
('15', 'cm2')
>>> without_unit(r"12\text{apples}")
('12', None)
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

# Units that this module tells apart; whatever else stands behind a number is left out.
_NAMES = {
    "inch": "in inch inches",
    "foot": "ft foot feet",
    "yard": "yd yard yards",
    "mile": "mi mile miles",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "m": "m meter meters metre metres",
    "km": "km kilometer kilometers kilometre kilometres",
    "second": "s sec secs second seconds",
    "minute": "min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "yr yrs year years",
    "g": "g gram grams",
    "kg": "kg kilogram kilograms",
    "pound": "lb lbs pound pounds",
    "ounce": "oz ounce ounces",
    "l": "l liter liters litre litres",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "gallon": "gal gallon gallons",
    "mph": "mph",
    "dollar": "dollar dollars",
    "cent": "cent cents",
    "degree": "degree degrees deg",
    "radian": "rad radian radians",
    "percent": "percent",
}
_KNOWN = {spelling: name for name, spellings in _NAMES.items() for spelling in spellings.split()}
_IN_TEXT = re.compile(r"\\text ?\{([^{}^]*)(?:\^\{(\d)\})?\}(?:\^\{?(\d)\}?)?$")
_BARE = re.compile(r"(?<=[\d)}])([A-Za-z][A-Za-z.]+(?: [A-Za-z.]+){0,3})(?:\^\{(\d)\})?$")
_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3", "squared": "2", "cubed": "3"}
# Words that make another value of the number before them; some of them are worked out, see below.
_NO_UNITS = (
    "and or not no base half halves third thirds quarter quarters fourth fourths fifth fifths point"
    " over under to plus minus times squared cubed factorial sqrt root pi log ln sin cos tan x e i"
    " ten tens dozen dozens score hundred hundreds thousand thousands million millions billion"
    " billions trillion trillions tenth tenths hundredth hundredths thousandth thousandths"
    " millionth millionths twice double triple mod modulo power choose"
)
_NO_UNIT = frozenset(_NO_UNITS.split())
_TIMES = {"tens": 1, "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_TIMES |= {"tenth": -1, "hundredth": -2, "thousandth": -3, "millionth": -6}
_FACTORS = {word: Decimal(10) ** power for word, power in _TIMES.items()} | {"dozen": Decimal(12)}
_FACTORS |= {f"{word}s": factor for word, factor in _FACTORS.items() if not word.endswith("s")}
_TIMES_WORD = re.compile(
    r"(?<![\d/.,})^_])(?<!\d )(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)[ -]*"
    rf"(\\text *\{{[ -]*)?({'|'.join(sorted(_FACTORS, key=len, reverse=True))})(?![A-Za-z])"
    r"(?! *\d| *[,-]? *(?:and )?\d)"
)
_EXACT = Context(prec=1000)
_MOST_WORDS = 3  # hundred thousand million
_CAPITALS = frozenset("ACFJNVW")  # 20 C, 5 N; K and M may be thousands and millions
_NO_WORD = re.compile(r"[b-z]|.*[\d=+<>\\_].*")  # x, 2, a+b; a day is one
MONEY = re.compile(r"\\\$|[£€]|^\s*-?\s*\$(?=\s*[\d.])[^$]*$")


def multiplied(text: str) -> str:
    r"""The text with words that multiply a number worked out: 5\text{ thousand} is 5000\text{}.

    >>> multiplied(r"2.5\text{ million dollars}")
    '2500000\\text{ dollars}'
    """
    for _ in range(_MOST_WORDS):
        text, found = _TIMES_WORD.subn(_product, text)
        if not found:
            break
    return text


def _product(found: re.Match[str]) -> str:
    value = _EXACT.multiply(Decimal(found[1].replace(",", "")), _FACTORS[found[3]])
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return plain + (found[2] or "").rstrip(" -")


def makes_another_value(words: list[str]) -> bool:
    """Whether words behind a number belong to its value: million, squared, x, sqrt 2."""
    if "M" in words:  # no metres
        return True
    words = [word.strip("-") for word in words if word not in _CAPITALS]
    words = [word.lower() for word in words]
    if any(word in _KNOWN for word in words):
        words = [word for word in words if word not in ("squared", "cubed")]
    pieces = {piece for word in words for piece in word.split("-")}
    return bool(_NO_UNIT & pieces) or any(
        _NO_WORD.fullmatch(word) is not None and word not in _KNOWN for word in words
    )


def without_unit(text: str) -> tuple[str, str | None]:
    """A canonical text without the unit behind it, and which unit; None: none that is known.

    Only what stands behind digits is a unit. A bare word is one only where it is known: 3x is not
    a number of x, and neither is 5m.
    """
    unit: str | None = None
    text = text.replace("£", "").replace("€", "")
    while (found := _IN_TEXT.search(text)) and re.search(r"\d", text[: found.start()]):
        if makes_another_value(found[1].replace(".", "").split()):
            break
        words = found[1].lower().replace(".", "").split()
        unit = _unit(words, found[2] or found[3]) or unit
        text = text[: found.start()].strip()
    if found := _BARE.search(text):
        words = found[1].lower().replace(".", "").split()
        known = [word for word in words if word in _KNOWN or word in _POWERS or word == "units"]
        named = "units" in known or any(word in _KNOWN for word in known)
        if named and (len(words) == len(known) or "per" in words):
            return text[: found.start()].strip(), _unit(words, found[2]) or unit
    return text, unit


def _unit(words: list[str], power: str | None) -> str | None:
    """One name for a unit and its power: cm2; None where it is not known."""
    for word in words:
        power = _POWERS.get(word, power)
    named = [_KNOWN[word] for word in words if word in _KNOWN]
    if "per" in words:
        joined = "/".join(named)
        return "mph" if joined == "mile/hour" else joined or None
    if len(named) != 1:
        return None
    return named[0] + (power if power not in (None, "1") else "")

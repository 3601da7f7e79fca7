r"""The unit behind an answer: left out where only one answer names it, compared where both do.

>>> without_unit(r"15\text{cm}^{2}")
('15', 'cm2')
>>> without_unit(r"12\text{apples}")
('12', None)
"""

from __future__ import annotations

import re

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
_IN_TEXT = re.compile(r"\\text ?\{([^{}]*)\}(?:\^\{?(\d)\}?)?$")
_BARE = re.compile(r"(?<=[\d)}])([A-Za-z][A-Za-z.]+(?: [A-Za-z.]+){0,3})(?:\^\{(\d)\})?$")
_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}
_NO_UNIT = {"and", "or", "not", "no", "base"}
MONEY = re.compile(r"\\\$|[£€]|^\s*-?\s*\$(?=\s*[\d.])[^$]*$")


def without_unit(text: str) -> tuple[str, str | None]:
    """A canonical text without the unit behind it, and which unit; None: none that is known.

    Only what stands behind digits is a unit. A bare word is one only where it is known: 3x is not
    a number of x, and neither is 5m.
    """
    unit: str | None = None
    text = text.replace("£", "").replace("€", "")
    while (found := _IN_TEXT.search(text)) and re.search(r"\d", text[: found.start()]):
        words = found[1].lower().replace(".", "").split()
        if _NO_UNIT & set(words):
            break
        unit = _unit(words, found[2]) or unit
        text = text[: found.start()].strip()
    if found := _BARE.search(text):
        words = found[1].lower().replace(".", "").split()
        known = [word for word in words if word in _KNOWN or word in _POWERS or word == "units"]
        if known and (len(words) == len(known) or "per" in words):
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

r"""One canonical text for the many ways to write the same LaTeX. Reads and writes nothing.

>>> canonical(r"$\left(1{,}000,\; \dfrac12 \right)$.")
'(1000,\\frac{1}{2})'
"""

from __future__ import annotations

import re

from featherweight.grading import units

_SIGNS = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\uff0d": "-",
        "\u200b": None,
        "\u2060": None,
        "\ufeff": None,
        "×": r"\times ",
        "·": r"\cdot ",
        "⋅": r"\cdot ",
        "÷": "/",
        "π": r"\pi ",
        "∞": r"\infty ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "∪": r"\cup ",
        "∈": r"\in ",
        "±": r"\pm ",
        "°": r"^\circ ",
        "√": r"\sqrt ",
        "∅": r"\emptyset ",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
    }
)
# ½ and ² as LaTeX; behind a digit ½ makes a mixed number.
_SIGNS |= {
    ord(sign): rf" \frac{{{top}}}{{{bottom}}}"
    for sign, top, bottom in (
        *(("½", 1, 2), ("⅓", 1, 3), ("⅔", 2, 3), ("¼", 1, 4), ("¾", 3, 4)),
        *(("⅕", 1, 5), ("⅖", 2, 5), ("⅗", 3, 5), ("⅘", 4, 5), ("⅙", 1, 6), ("⅛", 1, 8)),
    )
}
_SIGNS |= {ord(sign): f"^{{{power}}}" for power, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_TRIGONOMETRIC = r"\\(?:sin|cos|tan|cot|sec|csc)"
_PLAIN = r"\d+(?:\.\d+)?"
# In this order; each pattern is linear in the length of the text.
_STEPS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<!\\)\\[)\]]\s*[.,;:]?$|^\s*\\[(\[]", ""),  # \( \) \[ \] around the whole
        (r"\\\\(?=(?:[dt]?frac|sqrt|text|pi|left|right|boxed|infty|cup)(?![a-z]))", r"\\"),
        (r"\\\$|\$", ""),  # money, and the bounds of mathematics
        (r"(?<=\d),\s*\\!\s*(?=\d{3}(?!\d))", ""),  # 10,\!000
        (r"\\!\s*", ""),
        (r"(?<=\d)\{,\}\s*(?=\d)", ""),
        (r"(?<=\d)\\[,;:]\s*(?=\d{3}(?!\d))", ""),  # 1\,000
        (r"(?<!\\)\\[,;: ]|~|\\q?quad(?![a-zA-Z])", " "),
        (r"\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?", ""),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:(?:display|text)style|rm|bf|tiny|small|[lL]arge|LARGE|[hH]uge)(?![a-zA-Z])", ""),
        (r"\\(?:textcolor|color)\s*\{[A-Za-z!\d]*\}", ""),
        (r"\\(?:f?boxed|fbox|underline|boldsymbol|bm)\s*\{", "{"),
        (r"\\math(?:bf|it|sf)\s*\{\s*([A-Za-z])\s*\}", r" \1"),
        (r"\\(?:text(?:bf|it|rm|sf|tt|normal)|math(?:rm|bf|it|sf)|mbox|hbox)\s*\{", r"\\text{"),
        (r"\\text\s*\{([^{}A-Za-z]*)\}", r"\1"),  # \textbf{(540)}
        (r"^\s*\\text\s*\{\s*(-?\d[\d,.]*)\s+([A-Za-z][^{}]*)\}", r"\1\\text{\2}"),
        (r"\\text\s*\{\s*([ie]|\d[\d.,]*)\s*\}", r"\1"),
        (r",?\s*\\text\s*\{\s*(?:and|or)\s*\}\s*", ","),
        (r"(?<=[\w)}\]]),?\s+(?:and|or)\s+(?=[\w(\\{\[+-])", ","),
        (r"\^\s*\{\s*\\(?:circ|degree)\s*\}|\^\s*\\(?:circ|degree)", r"\\text{degree}"),
        (r"\\degree(?![a-zA-Z])", r"\\text{degree}"),
        (r"\\text\{degree\} *(?:\\text *\{ *)?[CF] *\}?$", r"\\text{degree}"),
        (
            rf"({_TRIGONOMETRIC}) *(?:\( *({_PLAIN}) *\\text\{{degree\}} *\)"
            rf"|\{{ *({_PLAIN}) *\\text\{{degree\}} *\}}|({_PLAIN}) *\\text\{{degree\}})",
            r"\1(\\frac{\2\3\4\\pi}{180})",
        ),
        (r"\\?%|\\text\s*\{\s*(?:percent|\\?%)\s*\}|(?<=\d)\s*percent\b", r"\\text{percent}"),
        (r"\\(?:leqslant|leq|le)(?![a-zA-Z])", r"\\le "),
        (r"\\(?:geqslant|geq|ge)(?![a-zA-Z])", r"\\ge "),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"<=", r"\\le "),
        (r">=", r"\\ge "),
        (r"\\l?brace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (r"\\langle(?![a-zA-Z])", "("),
        (r"\\rangle(?![a-zA-Z])", ")"),
        (r"\\(?:varnothing|emptyset)(?![a-zA-Z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"(?<![\\a-zA-Z])(?:infinity|infty|inf)(?![a-zA-Z])", r"\\infty "),
        (r"(?<![\\a-zA-Z])pi(?![a-zA-Z])", r"\\pi "),
        (r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
        (r"\\\\\s*\[-?[\d.]+\s*(?:pt|em|ex|mm|cm)\]", r"\\\\"),  # a wider row of a matrix
        (r"\{([^{}\\]+)\\choose(?![a-zA-Z])([^{}]+)\}", r"\\binom{\1}{\2}"),
        (r"(?<![\w\\])(\d+)\s*(?:\\text\s*\{\s*)?base[ -](?:\}\s*)?(\w+)\s*\}?$", r"\1_{\2}"),
        (r"^\s*\\mathbb\s*\{?R\}?\s*[.]?$", r"(-\\infty,\\infty)"),
        (r"(?<![\w.,\\])(\d+) *\( *(-?\d+(?:\.\d+)?) *\)", r"\1\\cdot (\2)"),  # 2(3)
        (r"\*\*", "^"),
        (r"\*", r"\\cdot "),
        (r"(?<=[\dA-Za-z)}])\s*([_^])\s*(-?\d+)", r"\1{\2}"),
        (r"\+\s*\\infty", r"\\infty"),
    )
]
_FONT = re.compile(r"\\(?:math|text)(?:bf|it|sf|rm)\s*(?=\{)")
_LEAD = re.compile(r"\s*\\text\s*\{([^{}]*)\}\s*(:?)\s*(?=[-+.\d\\(])")
_VERBS = (
    "is are was were be equals makes make made has have had pays paid earns earned spends spent"
    " costs needs gets get sells saves gives so thus hence therefore answer"
)
_SAYS = frozenset(_VERBS.split())  # the last word before a value
_DENIES = re.compile(
    r"\b(?:not|no|nor|never|less|more|fewer|greater|than|least|most|between|over|under|above|below"
    r"|minus|negative|half|twice|double|if|except|or|up|from|times|plus|without)\b|n't|\d"
)
_NO_TEXT = re.compile(r"\\text *\{ *\}")
_SPACE = re.compile(r"\s+")
_GIVES_WAY = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=[0-9]) (?=[A-Za-z])")
_ENDS = re.compile(r"^(?:=|,|;|:)+|(?:(?<!\\)[.,;:]|\\\\)+$")


def canonical(text: str) -> str:
    """The text without what only decorates it: spaces, sizes, dollars, thousands, full stops.

    The texts of two answers that differ in nothing else become the same.
    """
    text = _without_fonts(text.translate(_SIGNS))
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    text = _NO_TEXT.sub("", units.multiplied(_without_lead(text)))
    text = braced(braced(text, r"\frac", 2), r"\sqrt", 1)
    text = without_spaces(text)
    before = None
    while text != before:
        before = text
        text = without_braces(_ENDS.sub("", text))
    return text.removeprefix("+")


def _without_fonts(text: str) -> str:
    r"""The text without fonts around formulas: \mathbf{\frac12} is {\frac12}, \mathbf{AB} stays."""
    position = 0
    while found := _FONT.search(text, position):
        end = closing(text, found.end())
        inside = "" if end is None else text[found.end() : end]
        formula = "\\" in inside and r"\text" not in inside and "$" not in inside
        if formula:
            text = text[: found.start()] + text[found.end() :]
        position = found.start() if formula else found.end()
    return text


def _without_lead(text: str) -> str:
    r"""The value behind \text{The answer is} or \text{Answer:}, if they change nothing."""
    found = _LEAD.match(text)
    if found is None:
        return text
    words = found[1].strip().lower()
    says = found[2] or words.endswith(":") or words.rpartition(" ")[2] in _SAYS
    return text[found.end() :] if says and not _DENIES.search(words) else text


def without_spaces(text: str) -> str:
    r"""One space where two words, two numbers or a command and a letter meet; none elsewhere."""
    text = _SPACE.sub(" ", text.strip())
    kept = re.sub(r"(\\[A-Za-z]+) (?=[A-Za-z])", "\\1\0", text)
    return _GIVES_WAY.sub("", kept).replace("\0", " ")


def without_braces(text: str) -> str:
    """The text without braces around the whole of it."""
    while text.startswith("{") and closing(text, 0) == len(text) - 1:
        text = text[1:-1]
    return text


def closing(text: str, start: int) -> int | None:
    """Where the brace, bracket or parenthesis that opens at `start` is closed; None: nowhere.

    Any closing sign closes any opening one, for the sake of (3,4].
    """
    depth = 0
    position = start
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 1
            word = _environment(text, position)
            if word:
                depth += 1 if word.startswith("begin") else -1
                position += len(word) - 1
            elif text[position : position + 1] == "{":
                depth += 1
            elif text[position : position + 1] == "}":
                depth -= 1
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if depth == 0:
            return position
        position += 1
    return None


def _environment(text: str, position: int) -> str:
    for word in ("begin{", "end{"):
        if text.startswith(word, position):
            return text[position : text.find("}", position) + 1]
    return ""


def split(text: str, separators: str) -> list[str] | None:
    """The parts between separators that stand outside all brackets; None: brackets do not match."""
    parts = []
    start = position = 0
    while position < len(text):
        opens = text[position] in "([{" or text.startswith(("\\{", "\\begin{"), position)
        if opens:
            end = closing(text, position)
            if end is None:
                return None
            position = end + 1
        elif text[position] in separators:
            parts.append(text[start:position])
            start = position = position + 1
        else:
            position += 2 if text[position] == "\\" else 1
    return [*parts, text[start:]]


def braced(text: str, command: str, arguments: int) -> str:
    r"""The text with braces around each argument of a command: \frac12 is \frac{1}{2}."""
    pieces = text.split(command)
    if len(pieces) == 1:
        return text
    written = [pieces[0]]
    for piece in pieces[1:]:
        rest, made = piece, ""
        if rest[:1].isalpha():  # another command that begins so
            written.append(command + piece)
            continue
        for _ in range(arguments):
            rest = rest.lstrip()
            if rest.startswith("[") and "]" in rest:  # the index of a root
                made += rest[: rest.index("]") + 1]
                rest = rest[rest.index("]") + 1 :].lstrip()
            end = closing(rest, 0) if rest.startswith("{") else None
            word = re.match(r"\\[A-Za-z]+|[^{}\\]", rest)
            if end is not None:
                made, rest = made + rest[: end + 1], rest[end + 1 :]
            elif word is not None:
                made, rest = f"{made}{{{word[0]}}}", rest[word.end() :]
        written.append(command + made + rest)
    return "".join(written)

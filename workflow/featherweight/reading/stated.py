r"""What a text states to be its answer, where it has no box: "the answer is ...", `#### ...`.

Pure functions over the text of one answer. One real finding, of "Therefore, the answer is
**\$1,234.50**. I hope it is correct.":

    Found(answer="1234.50", rule="stated", start=15, at_end=False)

The last statement in the text counts. "If the answer is 5", "the answer is not 5", "is the answer
5?" and "the answer is correct" state nothing. After the phrase comes, in this order: a formula
between dollars or brackets; a number, with its sign and without money or unit; or a few words or
signs ("east", "x = 5", "(3, 4)"). A longer sentence states nothing that could be graded. What
follows "not", "i.e." or "that is" is an aside. "5 to 7", "5 times 3" and "5 hours and 30 minutes"
are no 5: they are read whole, or, where a number is asked for, as several, and then nothing else
counts. Known weakness: of other numbers in one sentence without "=" the first counts.

At most 1,000 mentions of an answer are looked at, the last ones, and 4,000 characters after each.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from featherweight.reading import numerals

_MENTIONS = 1000
_WINDOW = 4000
_BEFORE = 120
_SENTENCE_LENGTH = 600  # of a sentence that gives a number


class Found(NamedTuple):
    """An answer, and where it was found."""

    answer: str | None  # None: several numbers, none of them alone
    rule: str
    start: int
    at_end: bool  # the text ends with it, so that it may have been longer


_MENTION = re.compile(r"\banswers?\b|\u7b54\u6848", re.IGNORECASE)
_MARKUP = r"[*_`\s>]*+"
_CUE = re.compile(
    rf"{_MARKUP}(?:\)\s?)?(?:(?:to|of|for|in|here)\b[^.:=\n]{{0,80}}?)?"
    r"(?:(?P<sign>[:=\uff1a])|(?:\u662f|\b(?:is|are|was|equals?|becomes|comes (?:out )?to"
    r"|(?:would|will|should|must|has to|to) be)\b)[ ]?(?P<colon>:)?)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"[*_#: ]{0,9}\n")  # "**Final Answer**" on a line of its own
_BEGINS_LINE = re.compile(
    r"(?:\A|\n)[#*_> ]{0,9}(?:the |my )?(?:final |correct )?\Z", re.IGNORECASE
)
_FILLER = re.compile(
    r"(?:[*_`:=\s>]|(?:as follows|the following|therefore|thus|then|indeed|simply|just|clearly|now"
    r"|only|exactly|approximately|approx\.|about|around|roughly|equal to|given by|found to be)\b"
    r"[:,]?)*+",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|supposing|assume|assuming|unless|imagine|not|isn't)(?: that)?"
    r"(?: (?:the|my|our|this|your))?(?: \w+)?\s?\Z",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:not|n't|never|neither|no longer|correct|incorrect|right(?! (?:triangle|angle))|wrong|clear"
    r"|unclear|unknown|yes|above|below|reasonable|obvious|exact|valid|verified|consistent"
    r"|expressed|simplified|rounded)\b",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"(?<!\\)\$\$(?P<a>(?:\\.|[^$\\]){1,4000}+)\$\$|(?<!\\)\$(?P<b>(?:\\.|[^$\\]){1,4000}+)\$"
    r"|\\\((?P<c>(?:\\(?!\))|[^\\]){1,4000}+)\\\)|\\\[(?P<d>(?:\\(?!\])|[^\\]){1,4000}+)\\\]",
    re.DOTALL,
)
_CLOSES = {"\\(": "\\)", "\\[": "\\]"}
_OPENS = re.compile(r"\$|\\[(\[]")
_JOINED = re.compile(r"\s{0,3}(?:,?\s?(?:and|or)\b|,)\s{0,3}")
_PROSE = re.compile(
    r"(?<![\\A-Za-z{])[A-Za-z]{2,} [A-Za-z]{2,}|\d (?:and|or|to|plus|minus|times|per)\Z"
)
_SENTENCE = re.compile(r"[.!?;](?=[\s*_`\"')]|\Z)|\n|\Z")
_CLAUSE = re.compile(
    r",?\s(?:because|since|as|where|when|so|if|hence|therefore|after|but|which|meaning)\b",
    re.IGNORECASE,
)
_WHICH_IS = re.compile(r"\bwhich (?:is|equals|gives)\b|\bthat is,?", re.IGNORECASE)
_ASIDE = re.compile(  # "5 (not 6)", "3.14, i.e. $\\pi$": what stands before is the answer
    r"(?:\s?\(|,\s?|\s)(?:not|rather than|instead of|i\.e|e\.g|that is)(?![A-Za-z])", re.IGNORECASE
)
_UNIT = re.compile(r"\s?[a-z][a-z.]|\s?(?:%|\\%|\N{DEGREE SIGN}|per\b)", re.IGNORECASE)
_CONNECTS = re.compile(
    r"\s?(?:and|or|to|sqrt|pi|log|ln|sin|cos|tan|mod|times|plus|minus|over|divided|hundred"
    r"|thousand|million|billion|dozen|base)\b",
    re.IGNORECASE,
)
_TALK = re.compile(
    r"\b(?:the|an|of|to|that|we|it|this|same|correct|wrong|found|not|you|there|here|given|by|is"
    r"|are|be|can|in|on)\b|\ba [a-z]{2,}",
    re.IGNORECASE,
)
_IS_ANSWER = re.compile(
    r"(?P<math>\$[^$\n]{1,80}\$|\\\([^\n]{1,80}?\\\))\s(?:is|are|must be)\s(?:the|our|my)"
    r"(?: (?:final|correct|right))?\s?\Z"
    r"|(?P<number>[-$\d][\d,./]{0,40})\s(?:[a-z]{1,15}\s)?(?:is|are|must be)\s(?:the|our|my)"
    r"(?: (?:final|correct|right))?\s?\Z"
)
_ENDS = re.compile(r"[\s.!*_]*+(?:\Z|\n|[A-Z])")
_BOUND = "*_`\"' \t\n.,;:!"

_HASHES = re.compile(r"#{4,}+[ \t]*+([^\n]*)")
_AFTER_NUMBER = re.compile(r"\s?(?:%|\\%)?(?:\s[a-z$%.]{1,20}){0,3}[.!]?\s*")
_TOKEN = re.compile(r"[^\s#]{1,400}")
_WORD = re.compile(r"[A-Za-z]{2,}:?")

_REFUSES = re.compile(
    r"\b(?:i|we)(?:'m| am| are|'re)? ?(?:sorry|(?:can ?not|can['\u2019]t|won['\u2019]t|will not"
    r"|unable to|not able to|must decline to|refuse to|decline to)"
    r" (?:\w+ ){0,2}?(?:help|assist|solve|answer|provide|do|give|determine|complete|comply)\b)"
    r"|\bas an ai\b|\bi (?:do not|don['\u2019]t) know\b",
    re.IGNORECASE,
)
_REFUSAL_WINDOW = 400


def statement(text: str, *, numbers: bool = False) -> Found | None:
    """The last answer that the text states in words; a plain number where `numbers` asks for it."""
    mentions = deque(_MENTION.finditer(text), maxlen=_MENTIONS)
    for mention in reversed(mentions):
        before = text[max(0, mention.start() - _BEFORE) : mention.start()]
        found = _behind(text, mention, before, numbers=numbers)
        if found is None:
            found = _in_front(text, mention, before, numbers=numbers)
        if found is not None:
            return found
    return None


def hashes(text: str, *, numbers: bool = False) -> Found | None:
    """The last `#### ...` that holds an answer and is no heading."""
    for found in reversed(deque(_HASHES.finditer(text), maxlen=_MENTIONS)):
        line = found[1][:_WINDOW].strip("*_` \t\r")
        answer = _after_hashes(line, numbers=numbers)
        if answer is not None or (numbers and _begins_with_several(line)):
            return Found(answer, "hashes", found.start(), found.end() == len(text))
    return None


def refuses(text: str) -> bool:
    """Whether the text plainly says, at its beginning or end, that it will not answer."""
    start = _REFUSES.search(text, 0, _REFUSAL_WINDOW)
    return (start or _REFUSES.search(text, max(0, len(text) - _REFUSAL_WINDOW))) is not None


def _after_hashes(line: str, *, numbers: bool) -> str | None:
    math = _MATH.fullmatch(line.rstrip("."))
    if math is not None and not numbers:
        return _inside(math)
    number = numerals.first(line)
    if number is not None and (number.start() == 0 or math is not None):
        plain, end = numerals.whole(number)
        return plain if math is not None or _AFTER_NUMBER.fullmatch(line, end) else None
    token = _TOKEN.fullmatch(line)
    if numbers or token is None or _WORD.fullmatch(line):
        return None
    return line.rstrip(".")


def _begins_with_several(line: str) -> bool:
    """Whether a line is "5 hours and 30 minutes"; "5 - 3 = 2" goes on to say what it comes to."""
    number = numerals.NUMERAL.match(line)
    if number is None or "=" in line:
        return False
    return numerals.of_several(line, numerals.whole(number)[1])


def _behind(text: str, mention: re.Match[str], before: str, *, numbers: bool) -> Found | None:
    """What follows "the answer is"."""
    cue = _CUE.match(text, mention.end(), mention.end() + _WINDOW)
    heading = _HEADING.match(text, mention.end())
    if heading is not None and _BEGINS_LINE.search(before):
        start = heading.end()
    elif cue is not None and _SUPPOSED.search(before) is None:
        start = cue.end()
    else:
        return None
    filler = _FILLER.match(text, start, start + _WINDOW)
    start = start if filler is None else filler.end()
    rest = text[start : start + _WINDOW]
    if _DENIED.match(rest):
        return None
    answer, end = _number(rest) if numbers else _expression(rest)
    if answer is None and not (numbers and end):
        return None
    return Found(answer, "stated", mention.start(), start + end >= len(text))


def _in_front(text: str, mention: re.Match[str], before: str, *, numbers: bool) -> Found | None:
    """What precedes "is the answer"."""
    found = _IS_ANSWER.search(before)
    if found is None or _ENDS.match(text, mention.end()) is None:
        return None
    said = found["number"] or found["math"]
    answer, _ = _number(said) if numbers else _expression(said)
    return None if answer is None else Found(answer, "stated", mention.start(), at_end=False)


def _expression(rest: str) -> tuple[str | None, int]:
    """The answer at the beginning of `rest`, and where it ends there."""
    stop = _SENTENCE.search(rest)
    sentence = rest if stop is None else rest[: stop.start()]
    asks = stop is not None and stop[0] == "?"
    math = _first_math(rest, len(sentence))
    if math is not None and not asks:
        return _several(rest, math)
    end = len(sentence)
    which = _WHICH_IS.search(sentence)
    if which is not None and numerals.first(sentence[: which.start()]) is None:
        sentence = sentence[which.end() :]
    elif (clause := _CLAUSE.search(sentence)) is not None:
        sentence, end = sentence[: clause.start()], clause.start()
    if (aside := _ASIDE.search(sentence)) is not None:
        sentence = sentence[: aside.start()]
    return (None if asks else _plain(sentence.strip(_BOUND))), end


def _first_math(rest: str, sentence: int) -> re.Match[str] | None:
    """The first formula, where it begins in the first sentence and only words stand before it."""
    math = _search_math(rest, sentence)
    if math is None or _PROSE.search(_inside(math)):
        return None
    before = rest[: math.start()]
    if _CLAUSE.search(f"{before} ") or any(sign.isdigit() for sign in before):
        return None
    return math


def _search_math(rest: str, sentence: int) -> re.Match[str] | None:
    r"""The first formula that begins within so many characters.

    Whether a bracket ever closes is looked up once: `\(` repeated is not searched to its end from
    each of them.
    """
    last = {opens: rest.rfind(closes) for opens, closes in _CLOSES.items()}
    for opens in _OPENS.finditer(rest, 0, sentence + 2):
        if opens.start() > sentence:
            break
        if opens.start() < last.get(opens[0], len(rest)):
            math = _MATH.match(rest, opens.start())
            if math is not None:
                return math
    return None


def _several(rest: str, math: re.Match[str]) -> tuple[str, int]:
    """A formula with those that are joined to it: "$1$ or $2$"."""
    parts, end = [_inside(math)], math.end()
    while (joined := _JOINED.match(rest, end)) is not None:
        following = _MATH.match(rest, joined.end())
        if following is None:
            break
        parts.append(_inside(following))
        end = following.end()
    return ", ".join(parts), -1


def _inside(math: re.Match[str]) -> str:
    return next(part for part in math.groups() if part is not None).strip().rstrip(".,;")


def _plain(said: str) -> str | None:
    """A few words or signs as an answer; None for talk."""
    left, equals, right = said.rpartition("=")
    if equals and not any(sign.isalpha() for sign in left):
        said = right.strip(_BOUND)
    if said.startswith("[") and said.endswith("]") and "," not in said:
        said = said[1:-1].strip(_BOUND)
    number = numerals.NUMERAL.match(said)
    if number is not None:
        plain, at = numerals.whole(number)
        behind = said[at:]
        unit = _UNIT.match(behind) is not None and _CONNECTS.match(behind) is None
        if not behind or (unit and not numerals.of_several(said, at)):
            percent = "%" if behind.lstrip(" \\").startswith("%") else ""
            return plain + percent
    if not said or len(said.split()) > 12 or _TALK.search(said):
        return None
    words = re.findall(r"(?<![\\A-Za-z])[A-Za-z]{3,}", said)
    return None if len(words) > 4 else said


def _number(rest: str) -> tuple[str | None, int]:
    """The number that the sentence at the beginning of `rest` gives, and where it ends there."""
    stop = _SENTENCE.search(rest, 0, _SENTENCE_LENGTH)
    end = _SENTENCE_LENGTH if stop is None else stop.start()
    if stop is not None and stop[0] == "?":
        return None, 0
    if math := _MATH.match(rest):
        end = max(end, math.end())
    sentence = rest[:end]
    said = sentence.rpartition("=")[2]
    found = numerals.first(said) or numerals.first(sentence)
    if which := _WHICH_IS.search(sentence):
        before = numerals.first(sentence[: which.start()])
        if before is not None and not numerals.of_several(sentence, before.end()):
            found = before
        else:
            found = numerals.first(sentence[which.end() :]) or before or found
    if found is None:
        return None, 0
    answer, at = numerals.whole(found)
    tail = sentence.rfind(found[0]) + at - found.start()
    return (None if numerals.of_several(found.string, at) else answer), max(tail, 1)

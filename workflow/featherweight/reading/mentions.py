"""Where a text names an option: by letter or by words, and whether it states, weighs or denies it.

Pure functions over the text of one answer. One real mention, of "(b) the nephew" in "Answer: (b)
the nephew":

    Mention(start=9, end=22, option=1, kind=Kind.LETTER, status=Status.STATED)
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

from featherweight.reading import words
from featherweight.reading.text import core, tokens

# of a text that names more: the first quarter and the last three quarters are looked at
MOST_MENTIONS = 200
WINDOW = 120  # characters before a mention that decide what it means

Span = TypeVar("Span")


class Status(IntEnum):
    """What the text does with an option that it names."""

    STATED = 0
    WEIGHED = 1
    DENIED = 2


class Kind(IntEnum):
    """How an option is named."""

    LETTER = 0  # "(B)", or "(B) the nephew"
    WORDS = 1  # "the nephew"
    ABSTENTION = 2  # "the text does not say", whatever the words of the option for it
    REFERENCE = 3  # "the latter", "he", a synonym: looked for where nothing else is stated firmly


class Mention(NamedTuple):
    """One place where an option is named.

    `option` None: the letter says one option and the text another.
    """

    start: int
    end: int
    option: int | None
    kind: Kind
    status: Status = Status.STATED


class Form(NamedTuple):
    """One way to name an option in words.

    A short one must look like a name or follow an article. `option` None: the words mean several
    options ("57" and "-57"), so they name none, and nor does a part of them.
    """

    text: str
    option: int | None
    short: bool


@lru_cache(maxsize=16384)
def forms(options: tuple[str, ...], names: tuple[str, ...], abstention: int) -> tuple[Form, ...]:
    """Every way to name one of the options in words that cannot mean another one."""
    cores = [core(option) for option in options]
    listed: dict[str, Form] = {}
    for index, whole in enumerate(cores):
        key = " ".join(whole)
        if not key or options.index(options[index]) < index:
            continue
        meant = None if key in listed else index
        listed[key] = Form(key, meant, short=_is_name(options[index], whole))
    for index, option in enumerate(options):
        if index == abstention:
            continue
        others = [cores[other] for other in range(len(options)) if other != index]
        for part in _parts(option, names[index], cores[index], others):
            key = " ".join(part)
            own = len(key) > 1 and not any(_within(part, other) for other in others)
            if own and key not in listed:
                listed[key] = Form(key, index, short=len(part) == 1)
    return tuple(listed.values())


def _is_name(option: str, words_: Sequence[str]) -> bool:
    return len(words_) == 1 and option[:1].isupper() and tokens(option)[0] not in words.ARTICLES


def _parts(
    option: str, name: str, whole: list[str], others: list[list[str]]
) -> Iterator[list[str]]:
    """Shorter names of an option: its name in the data, a first name, the words only it has."""
    yield core(name)
    first = tokens(option)
    if first and first == whole and option[:1].isupper() and len(first) > 1:
        shown = option.split(",")[0].split(" who ")[0].split()
        head = tokens(" ".join(shown))
        yield head
        if shown[-1][:1].isupper() and not any(head[-1] in other for other in others):
            yield head[-1:]
        if not any(first[0] in other for other in others):
            yield first[:1]
    taken = {word for other in others for word in other}
    for stretch in _CAPITALS.findall(option):
        words_ = tokens(stretch)
        if not (words_[0] in words.ARTICLES or (len(words_) == 1 and words_[0] in taken)):
            yield words_
    yield from _runs(whole, taken)


_CAPITALS = re.compile(r"(?<!\A)\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")


def _runs(whole: Sequence[str], taken: set[str]) -> Iterator[list[str]]:
    """The longest stretches of words that no other option has and that are not all generic."""
    run: list[str] = []
    for word in [*whole, ""]:
        if word and word not in taken:
            run.append(word)
        else:
            if any(own not in words.GENERIC for own in run):
                yield run
            run = []


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    size = len(part)
    return any(list(whole[at : at + size]) == list(part) for at in range(len(whole) - size + 1))


_SAME = {
    "cannot": "(?:cannot|can't|can not|cant)",
    "can't": "(?:cannot|can't|can not|cant)",
    "who's": "who(?:'s| is)",
    "info": "info(?:rmation)?",
    "information": "info(?:rmation)?",
}


_GAP = r"[^\w\n.!?]{1,3}"
_DOT_GAP = r"[^\w\n!?]{1,3}"  # in "9.4 mCi" and behind an initial


@lru_cache(maxsize=32768)
def pattern(form: str) -> re.Pattern[str]:
    """How a form is found in lower-case text: whole words and numbers, any small gap between."""
    words_ = form.split(" ")
    spelled = [_SAME.get(word) or re.escape(word).replace("'", "'?") for word in words_]
    gaps = [
        _DOT_GAP if len(one) == 1 or (one[-1].isdigit() and other[0].isdigit()) else _GAP
        for one, other in itertools.pairwise(words_)
    ]
    begin = r"(?<![\w-])(?<!\d[.,])" if words_[0][0].isdigit() else r"(?<![\w-])"
    if words_[0][0] == "-":  # of a number; in "3-2" it is none
        begin, spelled[0] = r"(?<!\w)", rf"[-\u2212\u2013]{re.escape(words_[0][1:])}"
    end = r"(?!\w|-\w|[.,]\d)" if words_[-1][-1].isdigit() else r"(?!\w|-\w)"
    inside = "".join(one for pair in zip(spelled, [*gaps, ""], strict=True) for one in pair)
    return re.compile(begin + inside + end)


_OWNS = re.compile(r"(?:'s|s') (\w+)|'s\b")
_MANY = re.compile(r" ([a-z]+)\b")
_PLURALS = frozenset(
    [
        "people",
        "persons",
        "men",
        "women",
        "folks",
        "individuals",
        "families",
        "guys",
        "boys",
        "girls",
    ]
)
_SUCH_AS = re.compile(
    r"\b(?:people|persons|those|men|women|anyone|siblings) (?:with|who|on|of|in) (?:an? |the )?\Z"
)


def _speaks_of_many(low: str, start: int, end: int, owned: frozenset[str]) -> bool:
    """Whether a word speaks of no one in particular: "British people", "people with autism"."""
    if _SUCH_AS.search(low, max(0, start - 24), start) and "people" not in owned:
        return True
    following = _MANY.match(low, end)
    if following is None or following[1] in owned:
        return False
    return following[1] in _PLURALS or (following[1].endswith("s") and following[1][:-1] in owned)


def by_words(
    text: str, low: str, listed: Sequence[Form], owned: frozenset[str] = frozenset()
) -> list[tuple[int, int, int]]:
    """(start, end, option) of every form in the text; of two that overlap the longer one counts.

    A possessive names somebody only where one of `owned` follows: "the aunt's family".
    """
    spans: list[tuple[int, int, bool, int | None]] = []
    for form in listed:
        first = form.text.split(" ", 1)[0]
        if (first[:3] if first in _SAME else first.lstrip("-").split("'", 1)[0]) not in low:
            continue
        for match in pattern(form.text).finditer(low):
            end = match.end()
            owner = _OWNS.match(low, end)
            if owner is not None:
                if owner[1] not in owned:
                    continue
                end = owner.end()
            if _speaks_of_many(low, match.start(), end, owned):
                continue
            if not form.short or _looks_named(text, low, match.start(), match.end()):
                spans.append((match.start(), end, owner is not None, form.option))
    spans.sort(key=lambda span: (span[0], -span[1], span[2]))
    kept: list[tuple[int, int, int | None]] = []
    for start, end, _, option in spans:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end, option))
    return [(start, end, option) for start, end, option in kept if option is not None]


_ARTICLE_BEFORE = re.compile(
    r"(?:\A|[\n:\"'(]|\b(?:the|an?|my|your|his|her|their|our|that|this|is|was|answer) )\s*\Z"
)


def _looks_named(text: str, low: str, start: int, end: int) -> bool:
    """Whether a word stands as a name or a noun, not as any word ("mark" as a verb)."""
    return (
        text[start].isupper() or _ARTICLE_BEFORE.search(low, max(0, start - 8), start) is not None
    )


@lru_cache(maxsize=16)
def _letter_pattern(size: int) -> re.Pattern[str]:
    last = chr(ord("a") + size - 1)
    return re.compile(
        rf"(?<![a-zA-Z0-9'_\\.-])(?<![nN]/)([a-{last}A-{last.upper()}])(?![a-zA-Z0-9'_+]"
        rf"|[.-][a-zA-Z])"
    )


def by_letters(text: str, low: str, size: int) -> list[tuple[int, int, int]]:
    """(start, end, position) of every letter that means an option: no article, no initial."""
    spans = [match.start() for match in _letter_pattern(size).finditer(text)]
    return [
        (at, at + 1, ord(low[at]) - ord("a")) for at in capped(spans) if _is_letter(text, low, at)
    ]


def capped(spans: list[Span]) -> list[Span]:
    """At most MOST_MENTIONS: the first quarter and the last three, so that no text takes long."""
    if len(spans) <= MOST_MENTIONS:
        return spans
    return spans[: MOST_MENTIONS // 4] + spans[-3 * MOST_MENTIONS // 4 :]


_LINE_START = re.compile(r"(?:\A|\n)[\s\"'>-]{0,8}\Z")
_CUED = re.compile(rf"(?:{words.STATED.pattern})|{words.BOXED}\s?\Z")
_ENDS = re.compile(r"[\s\"'.,;:!?)\]]{0,4}(?:\n|\Z)")
_GRADE = re.compile(r"\b(?:grade|score|rating|confidence|level)\s?[:=]\s*\Z")
_SPEAKS = re.compile(r" [a-z]")
_PREVIOUS = re.compile(r"(?<!<)\b(\w+)\s\Z")


def _is_letter(text: str, low: str, at: int) -> bool:
    before = low[max(0, at - WINDOW) : at]
    after = text[at + 1 : at + 24]
    if before[-1:] == "(" and after[:1] == ")":
        return not before[-2:-1].isalnum() or not before[-2:-1].isascii()
    line_start = _LINE_START.search(before) is not None
    if low[at] == "i" and _SPEAKS.match(after):
        return False  # of nine options and more one has the letter I
    if after[:1] == ")" and (line_start or before[-1:].isspace()):
        return True
    if line_start and (not after.strip() or after[0] in ".:\n" or after.startswith(" - ")):
        return True
    if words.LETTER_CUES.search(before):
        return True
    if text[at].islower():
        return _CUED.search(before) is not None and _ENDS.match(after) is not None
    return _is_capital_letter(text, at, before, after)


def _is_capital_letter(text: str, at: int, before: str, after: str) -> bool:
    if _GRADE.search(before):
        return False
    previous = _PREVIOUS.search(before)
    if previous and previous[1] in words.NAMED_BY_LETTER:
        return False
    if text[at] != "A":
        return True
    following = re.match(r"\s*([^\W_]*)", after)
    word = following[1].lower() if following else ""
    if not after.strip() or after[0] in '.,;:!?)]/"\n' or not after[0].isascii():
        return True
    alone = len(word) == 1 and word != "i"  # another letter
    return (
        alone
        or word in words.AFTER_LETTER_A
        or word in words.ARTICLES
        or after.startswith((" - ", " ("))
    )

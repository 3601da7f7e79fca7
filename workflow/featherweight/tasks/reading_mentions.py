"""Where a text names an option: by letter or by words, and whether it states, weighs or denies it.

Pure functions over the text of one answer. One real mention, of "(b) the nephew" in "Answer: (b) the nephew":

    Mention(start=9, end=22, option=1, kind=Kind.LETTER, status=Status.STATED)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from featherweight.tasks import reading_words as words

MOST_MENTIONS = 200  # of a text that names more: the first quarter and the last three quarters are looked at
WINDOW = 120  # characters before a mention that decide what it means

_SINGLE = {
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00a0": " ", "\u3000": " ", "\u202f": " ", "\u3002": ".", "\uff0c": ",", "\u3001": ",", "\uff0e": ".",
    "\u300c": '"', "\u300d": '"', "\u3010": "[", "\u3011": "]", "\x00": " ", "\r": "\n",
    "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "", words.BOXED: "",
}  # fmt: skip
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_HALF_WIDTH = {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

_LATEX = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname)\s?\{([^{}\n]{0,200})\}")
_BOX = re.compile(r"\\f?boxed\s?\{([^{}\n]{0,200})\}")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
_TAG = re.compile(r"<[|/a-zA-Z][^<>\n]{0,30}>")
_FRAMED = re.compile(r"(?<![\w*`$\"'])[*_`$\"'\[{]{1,3}[(]?([A-Ja-j])[)]?[*_`$\"'\]}]{1,3}(?!\w)")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


class Status(IntEnum):
    """What the text does with an option that it names."""

    STATED = 0
    WEIGHED = 1
    DENIED = 2


class Kind(IntEnum):
    """How an option is named."""

    LETTER = 0  # "(B)", or "(B) the nephew"
    WORDS = 1  # "the nephew"
    ABSTENTION = 2  # "the text does not say": the unknown option, whatever its own words are
    REFERENCE = 3  # "the latter", "he", a synonym: looked for where nothing else is stated firmly


class Mention(NamedTuple):
    """One place where an option is named. `option` None: the letter says one option and the text another."""

    start: int
    end: int
    option: int | None
    kind: Kind
    status: Status = Status.STATED


class Form(NamedTuple):
    """One way to name an option in words. A short one must look like a name or follow an article."""

    text: str
    option: int
    short: bool


def stem(word: str) -> str:
    """The beginning that a word shares with its inflections: "forg" of "forgot" and "forgets"."""
    return word[: max(4, len(word) - 3)]


_END_OF_TURN = re.compile(r"<\|[a-z_]{2,24}\|>|</s>|<eos>|<end_of_turn>")


def first_turn(text: str) -> str:
    """The text up to the mark that ends the model's turn, where one was left in; base models go on after it."""
    if "<" not in text:
        return text
    at = 0
    for found in _END_OF_TURN.finditer(text):
        piece = text[at : found.start()].strip()
        if piece and piece.lower() not in ("assistant", "<s>", "model"):
            return text[: found.start()]
        at = found.end()
    return text


LONGEST = 24_000  # characters; of a longer text the first quarter and the last three are read


def bounded(text: str) -> str:
    """The text, or the beginning and the end of one that is longer than LONGEST."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 4]}\n{text[-3 * LONGEST // 4 :]}"


_TAIL = re.compile(r"[^\n]{5,120}\Z")


def completed(text: str, options: Sequence[str]) -> str:
    """The text with its last word whole, where it was cut inside the words of one option alone.

    At least five letters and more than half of the option must stand at the text's end; the authors
    of BBQ repair "pantsu" by hand. Anything else is returned as it is.
    """
    ending = text.rstrip(" .\u2026")
    tail = _TAIL.search(ending)
    if tail is None:
        return text
    low = lowered(tail[0])
    begun = [size for option in options if (size := _begun(low, said(option))) > 0]
    if len(begun) != 1:
        return text
    whole = next(said(option) for option in options if _begun(low, said(option)) > 0)
    size = begun[0]
    inside = whole[size - 1 : size + 1].isalnum() and len(whole) > size
    return ending + whole[size:] if inside and 2 * size > len(whole) else text


def said(option: str) -> str:
    """An option without its article, single spaces between its words."""
    whole = " ".join(option.split())
    head, _, rest = whole.partition(" ")
    return rest if rest and head.lower() in words.ARTICLES else whole


def _begun(low: str, option: str) -> int:
    """How many letters of an option the text ends with, at least five; 0 where it begins none."""
    wanted = lowered(option)
    for size in range(min(len(low), len(wanted)), 4, -1):
        if low.endswith(wanted[:size]) and not low[: len(low) - size][-1:].isalnum():
            return size
    return 0


def plain(text: str) -> str:
    """The text without typographic variety: straight quotes, half-width letters, no markup, framed letters as (X)."""
    text = text.replace("\x00", " ")
    if not text.isascii():
        text = _without_variety(text)
    if "\\" in text:
        text = _BOX.sub(f"\n{words.BOXED} \\1\n", _LATEX.sub(r"\1", text))
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    if "<" in text:
        text = _TAG.sub("\n", text)
    text = _FRAMED.sub(r"(\1)", text)
    return text.replace("*", "").replace("`", "").replace("\r", "\n").replace("#", "")


def _without_variety(text: str) -> str:
    for sign, usual in _SINGLE.items():
        if sign in text:  # much faster than translate() for a long text
            text = text.replace(sign, usual)
    return text.translate(_HALF_WIDTH) if _FULL_WIDTH.search(text) else text


def lowered(text: str) -> str:
    """The text in lower case, every character where it was."""
    low = text.lower()
    return low if len(low) == len(text) else text.translate(_LOWER)


def tokens(text: str) -> list[str]:
    """The words of an option in lower case."""
    return _WORD.findall(lowered(plain(text)))


def core(text: str) -> list[str]:
    """The words of an option without a leading article."""
    found = tokens(text)
    return found[1:] if len(found) > 1 and found[0] in words.ARTICLES else found


@lru_cache(maxsize=16384)
def forms(options: tuple[str, ...], names: tuple[str, ...], unknown: int) -> tuple[Form, ...]:
    """Every way to name one of the options in words that cannot mean another one."""
    cores = [core(option) for option in options]
    found = {
        " ".join(words_): Form(" ".join(words_), index, _is_name(options[index], words_))
        for index, words_ in enumerate(cores)
        if words_
    }
    for index, option in enumerate(options):
        if index == unknown:
            continue
        others = [cores[other] for other in range(len(options)) if other != index]
        for part in _parts(option, names[index], cores[index], others):
            key = " ".join(part)
            if key and key not in found and not any(_within(part, other) for other in others):
                found[key] = Form(key, index, short=len(part) == 1)
    return tuple(found.values())


def _is_name(option: str, found: Sequence[str]) -> bool:
    return len(found) == 1 and option[:1].isupper() and tokens(option)[0] not in words.ARTICLES


def _parts(option: str, name: str, whole: list[str], others: list[list[str]]) -> Iterator[list[str]]:
    """Shorter ways to say it: its name in the data, a person's name or first name, the words only it has."""
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
    """The longest stretches of an option's words that no other option has, and that are not all generic."""
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
    "cannot": "(?:cannot|can't|can not|cant)", "can't": "(?:cannot|can't|can not|cant)", "who's": "who(?:'s| is)",
    "info": "info(?:rmation)?", "information": "info(?:rmation)?",
}  # fmt: skip


@lru_cache(maxsize=32768)
def pattern(form: str) -> re.Pattern[str]:
    """How a form is found in lower-case text: whole words, any small gap between them, not as a possessive."""
    spelled = [_SAME.get(word) or re.escape(word).replace("'", "'?") for word in form.split(" ")]
    return re.compile(r"(?<![\w-])" + r"[^\w\n.!?]{1,3}".join(spelled) + r"(?!\w|-\w)")


_OWNS = re.compile(r"(?:'s|s') (\w+)|'s\b")
_MANY = re.compile(r" ([a-z]+)\b")
_PLURALS = frozenset(["people", "persons", "men", "women", "folks", "individuals", "families", "guys", "boys", "girls"])
_SUCH_AS = re.compile(r"\b(?:people|persons|those|men|women|anyone|siblings) (?:with|who|on|of|in) (?:an? |the )?\Z")


def _speaks_of_many(low: str, start: int, end: int, owned: frozenset[str]) -> bool:
    """Whether a word speaks of no one in particular: "British people", "people with autism"."""
    if _SUCH_AS.search(low, max(0, start - 24), start) and "people" not in owned:
        return True
    found = _MANY.match(low, end)
    if found is None or found[1] in owned:
        return False
    return found[1] in _PLURALS or (found[1].endswith("s") and found[1][:-1] in owned)


def by_words(
    text: str, low: str, listed: Sequence[Form], owned: frozenset[str] = frozenset()
) -> list[tuple[int, int, int]]:
    """(start, end, option) of every form in the text; of two that overlap the longer one counts.

    A possessive names somebody only where one of `owned` follows: "the aunt's family".
    """
    found = []
    for form in listed:
        first = form.text.split(" ", 1)[0]
        if (first[:3] if first in _SAME else first.split("'", 1)[0]) not in low:
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
                found.append((match.start(), end, form.option))
    found.sort(key=lambda span: (span[0], -span[1]))
    kept: list[tuple[int, int, int]] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


_ARTICLE_BEFORE = re.compile(r"(?:\A|[\n:\"'(]|\b(?:the|an?|my|your|his|her|their|our|that|this|is|was|answer) )\s*\Z")


def _looks_named(text: str, low: str, start: int, end: int) -> bool:
    """Whether a single word stands as a name or a noun, not as any word of a sentence ("mark" as a verb)."""
    return text[start].isupper() or _ARTICLE_BEFORE.search(low, max(0, start - 8), start) is not None


@lru_cache(maxsize=16)
def _letter_pattern(size: int) -> re.Pattern[str]:
    last = chr(ord("a") + size - 1)
    return re.compile(rf"(?<![a-zA-Z0-9'_\\.-])(?<![nN]/)([a-{last}A-{last.upper()}])(?![a-zA-Z0-9'_+]|[.-][a-zA-Z])")


def by_letters(text: str, low: str, size: int) -> list[tuple[int, int, int]]:
    """(start, end, position) of every letter that means an option, not an article, an initial or a list's item."""
    spans = [match.start() for match in _letter_pattern(size).finditer(text)]
    return [(at, at + 1, ord(low[at]) - ord("a")) for at in capped(spans) if _is_letter(text, low, at)]


def capped(found: list[int]) -> list[int]:
    """At most MOST_MENTIONS: the first and the last ones, so that no text takes long."""
    if len(found) <= MOST_MENTIONS:
        return found
    return found[: MOST_MENTIONS // 4] + found[-3 * MOST_MENTIONS // 4 :]


_LINE_START = re.compile(r"(?:\A|\n)[\s\"'>-]{0,8}\Z")
_CUED = re.compile(rf"(?:{words.STATED.pattern})|{words.BOXED}\s?\Z")
_ENDS = re.compile(r"[\s\"'.,;:!?)\]]{0,4}(?:\n|\Z)")
_GRADE = re.compile(r"\b(?:grade|score|rating|confidence|level)\s?[:=]\s*\Z")
_PREVIOUS = re.compile(r"(?<!<)\b(\w+)\s\Z")


def _is_letter(text: str, low: str, at: int) -> bool:
    before = low[max(0, at - WINDOW) : at]
    after = text[at + 1 : at + 24]
    if before[-1:] == "(" and after[:1] == ")":
        return not before[-2:-1].isalnum() or not before[-2:-1].isascii()
    line_start = _LINE_START.search(before) is not None
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
    return alone or word in words.AFTER_LETTER_A or word in words.ARTICLES or after.startswith((" - ", " ("))

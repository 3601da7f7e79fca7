"""A text and where it names the options: its clauses, its mentions, its lists of options.

Pure functions. One real case:

    (A) The aunt  (B) The nephew  (C) Not enough information  -  It is not the aunt, so (B).

The first three mentions are a list and dropped; the others are left, and `status` tells what the
text does with each.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from featherweight.reading import words
from featherweight.reading.abstentions import ABSTENTIONS
from featherweight.reading.mentions import (
    WINDOW,
    Kind,
    Mention,
    Status,
    by_letters,
    by_words,
    capped,
    forms,
)
from featherweight.reading.text import lowered, stem, tokens
from featherweight.records import Choices


class Shown(NamedTuple):
    """A question as it was shown: its options, their order, and with letters or without.

    Where no option says that it cannot be known, `abstention` is the number of options: it names
    none of them.
    """

    context: str
    question: str
    options: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    abstention: int
    order: tuple[int, ...]
    lettered: bool


def shown(choices: Choices, order: Sequence[int], *, lettered: bool) -> Shown:
    """What the rules know of a question; a name or a group that the task does not give is empty.

    Of options with the same text every letter means the first.
    """
    none = ("",) * len(choices.options)
    return Shown(
        context=choices.context,
        question=choices.question,
        options=choices.options,
        names=choices.names or none,
        groups=choices.groups or none,
        abstention=len(choices.options) if choices.abstention is None else choices.abstention,
        order=tuple(choices.options.index(choices.options[at]) for at in order),
        lettered=lettered,
    )


class Asked(NamedTuple):
    """What the question asks about: the stems of its own words, and whether it asks who did not."""

    stems: tuple[str, ...]
    negated: bool
    hedged: bool


class Text(NamedTuple):
    """A text, its lower-case form, where its clauses begin, and what the question asks for."""

    plain: str
    low: str
    clauses: tuple[int, ...]
    asked: Asked
    abstention: int  # the option that says that it cannot be known; `options` where there is none
    options: int  # how many there are


_ABBREVIATION = r"(?<!\bmr)(?<!\bdr)(?<!\bms)(?<!\bmrs)(?<!\bst)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)"
_CLAUSE_END = re.compile(
    rf"{_ABBREVIATION}[.!?;]+(?=[\s\"')]|\Z)|\n|\.\.\.|:\s|\s-+\s"
    r"|[,:]?\s(?=(?:but|because|therefore|thus|hence|whereas|while|although|though|however|since"
    r"|unless|which means|meaning)\b)"
    r"|,?\s(?=(?:so|as) (?:it|the|i|we|he|she|they|my|that|this|option|you|both|nothing|no)\b)"
    r"|,\s(?=(?:and|so|yet|then|not|as|or|nor|the only|it|he|she|they|i|we|my answer)\b)"
)


def in_context(plain_text: str, item: Shown) -> Text:
    """A text without typographic variety, with what the rules look up in it."""
    low = lowered(plain_text)
    ends = (found.end() for found in _CLAUSE_END.finditer(low))
    return Text(
        plain_text, low, (0, *ends), asked(item.question), item.abstention, len(item.options)
    )


# Words of a question that say nothing of what it asks about.
_STOP = words.word_set(
    "who which whose what whom in is was were are be been being did does do had has have will would"
    " can could may might those them there probably likely got get gets a an the to of at with for"
    " from by and about or on as that this it its their his her they them one ones person people"
    " individual really very more most didn't doesn't don't isn't wasn't aren't not never no"
    " student friend man woman guy family father parents just also only seems seem than too"
)
NEGATION = re.compile(
    r"\b(?:not|never|no|cannot|neither|nor|without|hardly)\b|n't\b|\b(?:is|was|do|does|did|has"
    r"|had|ca|wo)nt\b"
)
_WHICH = re.compile(r"\A(?:in )?(?:which|what|whose) (?:set of |group of |young )?\w+")


@lru_cache(maxsize=4096)
def asked(question: str) -> Asked:
    """The question's own words: ("forg", "passwo"), False of "Who forgot the password?"."""
    low = _WHICH.sub("", " ".join(tokens(question)))
    own = [word for word in low.split() if word not in _STOP and not word.endswith("ly")]
    stems = dict.fromkeys(stem(word) for word in own if len(word) > 2)
    negated = NEGATION.search(low) is not None
    return Asked(tuple(stems), negated, words.MAYBE.search(low) is not None)


def about(key: str, question: Asked) -> bool:
    """Whether a field's name, "good_parent", has a word of the question and does not deny it."""
    low = key.lower().replace("_", " ")
    found = [one for one in question.stems if place(one, low) is not None]
    return bool(found) and (NEGATION.search(low) is not None) == question.negated


def place(word_stem: str, low: str) -> int | None:
    """Where a word of this stem begins."""
    at = low.find(word_stem)
    while at > 0 and low[at - 1].isalnum():
        at = low.find(word_stem, at + 1)
    return None if at < 0 else at


def clause(text: Text, at: int) -> tuple[int, int]:
    """Where the clause around a place begins and ends, at most WINDOW characters either way."""
    index = bisect_right(text.clauses, at)
    end = text.clauses[index] if index < len(text.clauses) else len(text.low)
    return max(text.clauses[index - 1], at - WINDOW), min(end, at + 2 * WINDOW)


# --- mentions
# --------------------------------------------------------------------------------------


def mentions(text: Text, item: Shown) -> list[Mention]:
    """All mentions in the order of the text, none judged yet; a letter with its own text is one."""
    listed = forms(item.options, item.names, item.abstention)
    owned = frozenset([*tokens(item.question), *tokens(" ".join(item.options))])
    letters = tuple("abcdefghij"[: len(item.order)])  # a letter, also where an option is "B"
    named = [
        span
        for span in by_words(text.plain, text.low, listed, owned)
        if not (item.lettered and text.low[span[0] : span[1]] in letters)
    ]
    # What the item itself says is quoted, not answered.
    quoted = [item.context, *(one for at, one in enumerate(item.options) if at != item.abstention)]
    low = "\n".join(lowered(one) for one in quoted)
    abstained = [
        (found.start(), found.end(), item.abstention)
        for found in ABSTENTIONS.finditer(text.low)
        if found[0] not in low
    ]
    abstained = _without_own_words(abstained, named, text.low)
    found = [Mention(start, end, option, Kind.WORDS) for start, end, option in named]
    found += [Mention(*span, Kind.ABSTENTION) for span in _outside(abstained, named)]
    if item.lettered:
        bare = _outside(by_letters(text.plain, text.low, len(item.order)), named)
        found += [Mention(start, end, item.order[at], Kind.LETTER) for start, end, at in bare]
    found.sort()
    return _paired(text, capped(found))


def _without_own_words(
    abstained: list[tuple[int, int, int]], named: list[tuple[int, int, int]], low: str
) -> list[tuple[int, int, int]]:
    """The abstentions that are more than an option's own words: "is unknown" of "Unknown" is not.

    Only of options that do not stand for an abstention.
    """
    doubtful = [
        (begin, end)
        for begin, end, option in named
        if any(option != stands for _, _, stands in abstained)
        and ABSTENTIONS.search(low[begin:end]) is not None
    ]
    return [
        span
        for span in abstained
        if not any(span[0] < end and begin < span[1] for begin, end in doubtful)
    ]


def _outside(
    spans: list[tuple[int, int, int]], taken: list[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """The spans that lie in none of `taken` and do not run into another option; all are in order.

    "It is not known" runs into the option "Not known to be fatal".
    """
    starts = [start for start, _, _ in taken]
    kept = []
    for start, end, option in spans:
        around, behind = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        inside = around >= 0 and end <= taken[around][1]
        runs_in = behind > around and end < taken[behind][1] and option != taken[behind][2]
        if not inside and not runs_in:
            kept.append((start, end, option))
    return kept


def _paired(text: Text, found: list[Mention]) -> list[Mention]:
    """A letter and a text that say one thing together, "the nephew (B)", made one.

    Where they contradict each other, "(B) the aunt", the mention has no option, whatever follows;
    "A:" below a line "Q:" is short for "Answer:".
    """
    result: list[Mention] = []
    for mention in found:
        last = result[-1] if result else None
        if last is None or not _belongs(text, last, mention):
            result.append(mention)
        elif last.option == mention.option:
            result[-1] = last._replace(end=mention.end, kind=Kind.LETTER)
        elif text.low.startswith("a:", last.start) and (
            mention.kind is Kind.LETTER or "q:" in text.low[: last.start]
        ):
            result[-1] = mention._replace(start=last.start)
        elif mention.kind is last.kind is Kind.LETTER:
            result.append(mention)
        else:
            result[-1] = last._replace(end=mention.end, option=None)
    return result


def _belongs(text: Text, one: Mention, this: Mention) -> bool:
    """Whether a letter and an option's words name one thing, only punctuation between them."""
    if one.kind is Kind.WORDS and this.kind is Kind.LETTER:
        between = text.low[one.end : this.start]
        if _BEHIND.fullmatch(between) is not None:
            return text.low.startswith(")", this.end)
        after_dash = _DASH.fullmatch(between) is not None and ends_line(text, this)
        return after_dash or _NOUN_BEHIND.fullmatch(between) is not None
    if one.kind is not Kind.LETTER or one.end - one.start > 1:
        return False
    if this.kind is Kind.LETTER and this.option == one.option:
        return False
    return words.PAIRED.fullmatch(text.low, one.end, this.start) is not None


_DASH = re.compile(r" -{1,2} ")
_NOUN_BEHIND = re.compile(r",? (?:option|answer|choice|letter) \(?")
_BEHIND = re.compile(r",? ?\((?:option |answer )?")


# --- lists
# -----------------------------------------------------------------------------------------


def without_lists(text: Text, named: list[Mention], order: Sequence[int]) -> list[Mention]:
    """The mentions without those that only list the options.

    A list names all in the order shown, each with its letter or on its own line. One that the
    text's end cuts off counts from two options on, if anything was named before it.
    """
    markers = [index for index, mention in enumerate(named) if _is_marker(text, mention)]
    dropped = _headings(text, named)
    at = 0
    while at < len(markers):
        size = 0  # how many markers from here on are the options in the order shown
        while (
            at + size < len(markers)
            and size < len(order)
            and named[markers[at + size]].option == order[size]
        ):
            size += 1
        to_the_end = at + size == len(markers) and size >= 2 and markers[at] > 0
        if size == len(order) or to_the_end:
            dropped.update(markers[at : at + size])
        at += max(size, 1)
    return [mention for index, mention in enumerate(named) if index not in dropped]


def _headings(text: Text, named: list[Mention]) -> set[int]:
    """Which mentions only open a paragraph on an option: "Option A: ...", then "Option B: ..."."""
    found = {
        index
        for index, mention in enumerate(named)
        if mention.kind is Kind.LETTER
        and words.BARE_NOUN.search(text.low, max(0, mention.start - WINDOW), mention.start)
        and opens_line(text, mention)
    }
    return found if len({named[index].option for index in found}) > 1 else set()


def _is_marker(text: Text, mention: Mention) -> bool:
    """Whether a mention may be one entry of a list: a letter, with its text or alone, or a line."""
    if mention.status is Status.DENIED or mention.kind is Kind.ABSTENTION:
        return False
    if mention.kind is Kind.LETTER:
        return (
            mention.end - mention.start > 1
            or _bracketed(text, mention)
            or opens_line(text, mention)
        )
    return opens_line(text, mention) and ends_line(text, mention)


def _bracketed(text: Text, mention: Mention) -> bool:
    return text.low[mention.start - 1 : mention.start] == "(" and text.low.startswith(
        ")", mention.end
    )


_LINE_OPEN = re.compile(
    r"(?:\A|\n)[\s\"'(>\-|:=→]*(?:(?:the|an?|my|option|choice|letter) )?[\s\"'(\[]*\Z"
)
_LINE_END = re.compile(r"[\s\"').,;!\]|$\-]{0,8}(?:\n|\Z)")
_SENTENCE_OPEN = re.compile(
    r"(?:\A|[.!?:\n])[\s\"'(>\-]*(?:(?:so|yes|the|an?|my|option|choice|letter|final answer"
    r"|definitely|probably|ok|okay),? )*[\s\"'(\[]*\Z"
)
_SENTENCE_CLOSE = re.compile(
    r"[\"')\]]{0,3}(?:,? (?:then|obviously|for sure|i think|i guess|i believe|final answer"
    r"|probably))?[.!)\s\"']*(?:\Z|[.!]\s|\n)"
)


def opens_line(text: Text, mention: Mention) -> bool:
    """Whether only an article, a quote or a bracket stands before the mention on its line."""
    begin = max(0, mention.start - 24)
    before = text.low[begin : mention.start]
    found = _LINE_OPEN.search(before)
    return found is not None and (begin == 0 or before[found.start()] == "\n")


def ends_line(text: Text, mention: Mention) -> bool:
    """Whether only punctuation follows the mention on its line."""
    return _LINE_END.match(text.low, mention.end) is not None


def is_sentence(text: Text, mention: Mention) -> bool:
    """Whether the mention is a whole sentence: "The nephew."."""
    begin = max(0, mention.start - 30)
    opened = _SENTENCE_OPEN.search(text.low, begin, mention.start) is not None
    return opened and _SENTENCE_CLOSE.match(text.low, mention.end) is not None

"""Which mentions of a text are statements, and what several of them come to.

Pure functions. One real statement, of "The answer is (B)." with the options in the dataset's order:

    Statement(mention=Mention(start=15, end=16, option=1, kind=Kind.LETTER, status=Status.STATED),
              rule="stated", step=1, stems=0)
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from featherweight.reading import words
from featherweight.reading.abstentions import ASKS_WHO, LACKING, UNSURE
from featherweight.reading.context import Text, clause, ends_line, is_sentence, opens_line
from featherweight.reading.mentions import WINDOW, Kind, Mention, Status
from featherweight.reading.status import asks, joins, told

ReadBy = Literal[
    "exact", "field", "boxed", "stated", "line", "lead", "confirmed", "it is", "predicate",
    "sentence", "abstains", "elimination", "mention", "likelihood",
]  # fmt: skip


class Statement(NamedTuple):
    """A mention that decides, by which rule, and how strong (1 is strongest)."""

    mention: Mention
    rule: ReadBy
    step: int
    stems: int = 0  # of a `predicate`: how many of the question's own words follow


class Decision(NamedTuple):
    """The option that several statements come to; None: they contradict each other."""

    option: int | None
    rule: ReadBy | None


_LEAD = re.compile(r"[\"')\]]{0,3}(?:[.;]\s|\n|,? (?:because|since|as|for)\b|, who\b| -)")
_LEAD_LETTER = re.compile(r"[\"']{0,2}(?:[).;:,\]]|\n| -|,? (?:because|since|as|for)\b)")
_CLAUSE_END = re.compile(r"[\s\"')\]$]{0,3}(?:\Z|\n|[.;!,:](?:\s|\Z))")
_OPENS_TEXT = re.compile(r"[\s\"'(>\-:]*(?:(?:the|an?|my|option|choice|letter) )?[\s\"'(\[]*")


def statement(text: Text, named: list[Mention], index: int) -> Statement | None:
    """How a mention is stated, if it is more than named."""
    mention = named[index]
    begin = max(0, mention.start - WINDOW)
    before = text.low[begin : mention.start]
    stated = _is_stated(before, begin, named, index)
    if mention.status is not Status.STATED:
        return _weighed(text, named, index, before) if stated else None
    if mention.kind is Kind.ABSTENTION:
        return _abstention(text, named, index)
    firm = _firmly(text, named, index, before, stated)
    if firm is not None:
        return Statement(mention, firm, 1)
    if words.IT_IS.search(before):
        return Statement(mention, "it is", 2)
    until = named[index + 1].start if index + 1 < len(named) else len(text.low)
    said = told(text, mention, until)
    if said is not None or words.THE_ONE.match(text.low, mention.end):
        return Statement(mention, "predicate", 2, 1 if said is None else said.stems)
    concludes = words.CONCLUSION.search(before) and _CLAUSE_END.match(text.low, mention.end)
    if concludes or is_sentence(text, mention):
        return Statement(mention, "sentence", 2)
    if mention.option == text.abstention and mention.kind is Kind.WORDS and before[-2:] != "i ":
        return _abstention(text, named, index)
    return Statement(mention, "stated", 3) if stated else None


def _firmly(
    text: Text, named: list[Mention], index: int, before: str, stated: bool
) -> ReadBy | None:
    """By which rule of the first step a mention is stated."""
    mention = named[index]
    if before.rstrip(" ($").endswith(words.BOXED):
        return "boxed"
    if stated and _is_firm(text, named, index, before):
        return "stated"
    if opens_line(text, mention) and ends_line(text, mention):
        return "line"
    if opens_line(text, mention) and _leads(text, mention):
        return "lead"
    return "confirmed" if words.CONFIRMED_AFTER.match(text.low, mention.end) else None


def _weighed(text: Text, named: list[Mention], index: int, before: str) -> Statement | None:
    """A weighed option as an answer: "Answer: B, C" is two, "the answer might be B" a weak one."""
    mention = named[index]
    if mention.status is not Status.WEIGHED:
        return None
    if joins(text, named[index : index + 2])[-1]:
        return Statement(mention._replace(option=None), "stated", 1)
    weak = (
        mention.kind is Kind.LETTER
        and not asks(text, mention.end)
        and words.HEARSAY.search(before) is None
    )
    return Statement(mention, "stated", 3) if weak else None


def _leads(text: Text, mention: Mention) -> bool:
    """Whether the mention opens the text as an answer does: "B, because", "(B) The nephew did
    it"."""
    if mention.start >= 40 or not _OPENS_TEXT.fullmatch(text.low, 0, mention.start):
        return False
    letter = mention.kind is Kind.LETTER
    if letter and mention.end - mention.start > 1:
        return True
    return (_LEAD_LETTER if letter else _LEAD).match(text.low, mention.end) is not None


def _abstention(text: Text, named: list[Mention], index: int) -> Statement | None:
    """Whether "the text does not say" is the answer: not where it concedes, or speaks of one
    person.
    """
    mention = named[index]
    begin, end = clause(text, mention.start)
    spoken_of = {
        one.option
        for one in named
        if begin <= one.start < end and one.kind is not Kind.ABSTENTION and one.option is not None
    } - {text.abstention}
    persons = any(one.option not in (None, text.abstention) for one in named)
    if persons and UNSURE.match(text.low, mention.start):
        return None
    asks = (
        ASKS_WHO.search(text.low, mention.start, end)
        or ASKS_WHO.match(text.low, begin)
        or LACKING.match(text.low, mention.start)
    )
    return Statement(mention, "abstains", 2) if asks or len(spoken_of) != 1 else None


def _is_firm(text: Text, named: list[Mention], index: int, before: str) -> bool:
    """Not so: "Option A is tempting, but", a noun and its letter in a sentence that may only weigh
    it.
    """
    bare = words.BARE_NOUN.search(before)
    if bare is None or _CLAUSE_END.match(text.low, named[index].end):
        return True
    begin = named[index].start - len(before)
    return _is_stated(before[: bare.start()], begin, named, index)


def _is_stated(before: str, begin: int, named: list[Mention], index: int) -> bool:
    return any(_cued(cue, before, begin, named, index) for cue in (words.STATED, words.CHOOSES))


def _cued(cue: re.Pattern[str], before: str, begin: int, named: list[Mention], index: int) -> bool:
    """Whether a cue such as "the answer is" leads to this mention and not to one between them."""
    found = cue.search(before)
    while found is not None:
        if not _named_between(named, index, begin + found.start()):
            return True
        found = cue.search(before, found.start() + 1)
    return False


def _named_between(named: list[Mention], index: int, start: int) -> bool:
    """Whether a phrase that reaches back to `start` speaks of an earlier mention that is not
    denied.
    """
    while index > 0 and named[index - 1].start >= start:
        index -= 1
        if named[index].status is not Status.DENIED and named[index].kind is not Kind.ABSTENTION:
            return True
    return False


# --- several statements
# ----------------------------------------------------------------------------


def decision(text: Text, strongest: list[Statement], found: list[Statement]) -> Decision:
    """The last of the strongest statements, unless the text says two things and does not say
    why."""
    last = strongest[-1]
    chosen = last.mention.option
    if chosen is None or (last.step == 1 and _contradicted(text, last, found)):
        return Decision(None, None)
    if last.step == 2 and chosen != text.abstention and _ends_open(text, last.mention):
        return Decision(None, None)
    if last.step == 2:
        return _of_the_second_step(text, strongest)
    return Decision(chosen, last.rule)


def _of_the_second_step(text: Text, found: list[Statement]) -> Decision:
    """What "it was the aunt" and "the aunt forgot it" come to where the text says several of them.

    The last one, if it is an abstention, or the only conclusion; else the one person of whom most
    of the question's words are said.
    """
    last = found[-1]
    if last.rule != "abstains":
        found = [one for one in found if one.rule != "abstains"]
    concluded = [one for one in found if _concludes(text, one.mention)]
    firm = [one for one in found if one.rule != "predicate"]
    for some in (concluded, firm, found):
        if some and some[-1] is last and len({one.mention.option for one in some}) == 1:
            return Decision(last.mention.option, last.rule)
    if last.rule == "abstains":
        return Decision(last.mention.option, last.rule)
    said = [
        one for one in found if one.rule == "predicate" and one.mention.option != text.abstention
    ]
    fullest = max((one.stems for one in said), default=0)
    options = {one.mention.option for one in said if one.stems == fullest}
    if last.rule == "predicate" and len(options) == 1:
        return Decision(next(iter(options)), "predicate")
    return Decision(None, None)


def _contradicted(text: Text, last: Statement, found: list[Statement]) -> bool:
    """Whether a choice stands against another: of another answer, or of what a person is said to
    be.

    "Answer: A ... Answer: B" is two answers unless the second one concludes; a bare letter after
    "the aunt forgot it" must be the aunt's.
    """
    chosen = last.mention.option
    first = [one for one in found if one.step == 1 and one.rule in ("stated", "confirmed")]
    if last.rule == "stated" and {one.mention.option for one in first} != {chosen}:
        return not _concludes(text, last.mention) or _concludes(text, first[0].mention)
    if last.mention.kind is not Kind.LETTER or last.mention.end - last.mention.start > 1:
        return False
    spoken = [one.mention for one in found if one.step == 2 and one.mention.kind is Kind.WORDS]
    against = {mention.option for mention in spoken} - {text.abstention}
    return bool(against) and chosen != text.abstention and chosen not in against


def _ends_open(text: Text, mention: Mention) -> bool:
    """Whether the text ends, after a mention, in a way that leaves the choice open."""
    start = max(mention.end, len(text.low) - WINDOW)
    return words.OPEN_END.search(text.low, start) is not None


def _concludes(text: Text, mention: Mention) -> bool:
    """Whether the sentence up to a mention opens with "so", "therefore", "finally"."""
    start = max(
        text.low.rfind(mark, 0, mention.start) for mark in (". ", "\n", "? ", "! ", ", so ")
    )
    return words.CONCLUDES.search(text.low, start + 1, mention.start) is not None

"""What a text does with an option that it names: states, weighs or denies it.

Pure functions. One real case: in "It would be unfair to say that it was the aunt, so the nephew."
the first mention is denied, because a denial governs what follows it in its clause, and the second
is stated. What is said of a person counts by the question's own words: where it asks who forgot the
password, "the aunt forgot it" states and "the aunt did not forget it" denies.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from featherweight.reading import words
from featherweight.reading.context import NEGATION, Text, clause, place
from featherweight.reading.mentions import WINDOW, Kind, Mention, Status


def with_statuses(text: Text, found: Sequence[Mention]) -> list[Mention]:
    """The mentions with what the text does with each; those inside an abstention are weighed."""
    if not found:
        return []
    starts = [*(mention.start for mention in found[1:]), len(text.low)]
    judged = [
        one._replace(status=status(text, one, until))
        for one, until in zip(found, starts, strict=True)
    ]
    abstained = [clause(text, one.start) for one in judged if one.kind is Kind.ABSTENTION]
    return [
        (
            one._replace(status=Status.WEIGHED)
            if one.status is Status.STATED
            and one.kind is Kind.WORDS
            and any(start <= one.start < end for start, end in abstained)
            and predicate(text, one, len(text.low)) is None
            else one
        )
        for one in judged
    ]


def status(text: Text, mention: Mention, until: int) -> Status:
    """What the text does with one mention; `until` is where the next one begins."""
    if mention.kind is Kind.ABSTENTION:
        return Status.STATED
    begin, _ = clause(text, mention.start)
    before = text.low[begin : mention.start]
    if _opens_with_its_text(text, mention):
        return Status.STATED  # "A. The aunt would never ...": what follows explains
    line = text.low[max(0, mention.start - WINDOW) : mention.start].rpartition("\n")[2]
    denied = words.DENIED.search(line) and not words.WHO_DID_NOT.search(line)
    if denied or _governed(text, before, mention.end):
        return Status.DENIED
    if asks(text, mention.end) or words.HEARSAY.search(before):
        return Status.WEIGHED
    # After "the answer is" nothing is said of anybody.
    said = None if words.STATED.search(line) else told(text, mention, until)
    if said is None and words.DENIES_AFTER.match(text.low, mention.end):
        return Status.DENIED
    if said is not None and not said.agrees:
        return Status.DENIED
    return Status.WEIGHED if _hedged(text, mention, before, said, until) else Status.STATED


def _opens_with_its_text(text: Text, mention: Mention) -> bool:
    """Whether the text begins with a letter and that letter's own option."""
    lettered = mention.kind is Kind.LETTER and mention.end - mention.start > 1
    return lettered and not text.low[: mention.start].strip(" (\"'\n")


def _hedged(text: Text, mention: Mention, before: str, said: Match | None, until: int) -> bool:
    """Whether a "maybe" stands with the mention, unless the question itself asks who may have."""
    hedge = words.WEIGHED.search(before) or words.WEIGHED_AFTER.match(text.low, mention.end)
    if said is None:
        letter = mention.kind is Kind.LETTER
        return hedge is not None or (letter and text.low[mention.end : mention.end + 1] == "?")
    hedge = hedge or words.MAYBE.search(_after(text, mention, until))
    return hedge is not None and not (text.asked.hedged and words.MAYBE.search(hedge[0]))


def _governed(text: Text, before: str, end: int) -> bool:
    """Whether the clause denies or doubts all that follows, or judges it unjust behind the
    mention."""
    if words.GOVERNS.search(before) and not words.NOT_GOVERNING.search(before):
        return True
    return bool(words.ACCUSING.search(before) and words.JUDGED_AFTER.match(text.low, end))


_QUESTION = re.compile(r"[^.!?\n]{0,160}\?")


def asks(text: Text, end: int) -> bool:
    """Whether the sentence goes on to a question mark."""
    return _QUESTION.match(text.low, end) is not None


# --- what is said of a person
# ----------------------------------------------------------------------


class Match(NamedTuple):
    """How many of the question's own words follow a mention, and whether they say that it did
    it."""

    stems: int
    agrees: bool


def told(text: Text, mention: Mention, until: int) -> Match | None:
    """What the question's own words say of a mention, before it or after it."""
    return inverted(text, mention) or predicate(text, mention, until)


def predicate(text: Text, mention: Mention, until: int) -> Match | None:
    """Whether the question's own words follow, up to the next mention: "the aunt forgot it".

    `agrees` is False for the opposite ("the aunt did not forget it"). None: something else follows.
    """
    if mention.option == text.abstention:
        return None
    did = words.DID.match(text.low, mention.end)
    if did is not None:
        return Match(1, (did[1] is not None) == text.asked.negated)
    after = _after(text, mention, until)
    said = _match(text, after)
    if said is not None and words.REPORTED.search(after):
        return None
    return said


_COPULA = re.compile(
    r"\A(?P<said>.*?)(?:\b(?:is|was|are|were|been|be)|=|:|->|=>)\s"
    r"(?:(?:the|an?|my|his|her|most|likely|probably|clearly|of|course|in|fact)\s)*[\"'(]*\Z",
    re.DOTALL,
)


def inverted(text: Text, mention: Mention) -> Match | None:
    """As `predicate`, where the person comes last: "the one who forgot the password was the
    aunt"."""
    if mention.option == text.abstention:
        return None
    begin, _ = clause(text, mention.start)
    found = _COPULA.match(text.low[begin : mention.start])
    return None if found is None else _match(text, found["said"])


def _match(text: Text, said: str) -> Match | None:
    """How much of the question is said: the first of its words must be, or more than half of
    them."""
    places = [place(one, said) for one in text.asked.stems]
    there = [at for at in places if at is not None]
    if not there or (places[0] is None and 2 * len(there) <= len(places)):
        return None
    return Match(len(there), _negated(said, there) == text.asked.negated)


_PART = re.compile(r",|\b(?:and|but)\b")


def _negated(after: str, said: Sequence[int]) -> bool:
    """Whether a negation stands before the question's words, in the part that has most of them."""
    ends = [*(found.start() for found in _PART.finditer(after)), len(after)]
    parts = list(itertools.pairwise([0, *ends]))
    counts = [sum(begin <= at < end for at in said) for begin, end in parts]
    begin, end = parts[len(counts) - 1 - counts[::-1].index(max(counts))]
    last = max(at for at in said if begin <= at < end)
    return NEGATION.search(after, begin, last) is not None


_NEW_SUBJECT = re.compile(r",\s(?:the|he|she|they|it|his|her|which|but)\b")


def _after(text: Text, mention: Mention, until: int) -> str:
    """What the clause says after a mention, up to the next one."""
    _, end = clause(text, mention.end)
    return _NEW_SUBJECT.split(text.low[mention.end : min(end, until)])[0]


# --- several mentions
# ------------------------------------------------------------------------------


def joins(text: Text, named: Sequence[Mention]) -> list[bool]:
    """Whether each mention is named in one breath with the one before it: "A or B"."""
    return [False] + [
        words.JOINED.fullmatch(text.low, last.end, this.start) is not None
        or (this.option != last.option and text.low[last.end : this.start].isspace())
        for last, this in itertools.pairwise(named)
    ]


def together(text: Text, named: list[Mention]) -> list[Mention]:
    """Options named in one breath ("A or B") are weighed, all of them; "neither A nor B" denies
    all.
    """
    result = list(named)
    joined = joins(text, named)
    for index in range(1, len(result)):
        if joined[index]:
            between = text.low[result[index - 1].end : result[index].start]
            result[index - 1 : index + 1] = _both(
                result[index - 1], result[index], comma="," in between
            )
    for index in range(len(result) - 1, 0, -1):  # and back again, through a longer enumeration
        if (
            joined[index]
            and result[index].status is Status.WEIGHED
            and result[index - 1].status is Status.STATED
        ):
            result[index - 1] = result[index - 1]._replace(status=Status.WEIGHED)
    return result


def _both(last: Mention, this: Mention, *, comma: bool) -> list[Mention]:
    """Two mentions that are named together, with what each then means."""
    if last.option == this.option:
        return [last, this]
    if this.status is Status.DENIED:
        return [last if comma else last._replace(status=Status.DENIED), this]
    if last.status is Status.DENIED:
        return [last, this if comma else this._replace(status=Status.DENIED)]
    return [last._replace(status=Status.WEIGHED), this._replace(status=Status.WEIGHED)]

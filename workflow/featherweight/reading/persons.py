"""Where a text names an option by other words than its own: a synonym, a misspelling, a reference.

Pure functions. They are asked where the options' own words and letters state nothing firm: they may
then overrule a mere mention or an abstention. A word that could mean both options means none. One
real reference, of "The latter." after "the aunt or the nephew":

    Mention(start=4, end=10, option=1, kind=Kind.REFERENCE, status=Status.STATED)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from featherweight.reading.context import Shown
from featherweight.reading.mentions import Form, Kind, Mention, by_words
from featherweight.reading.text import lowered, tokens
from featherweight.reading.words import GENERIC, of, word_set


class Kin(NamedTuple):
    """Words that name the same kind of person, and the names that BBQ's groups have for it."""

    words: frozenset[str]
    groups: frozenset[str] = frozenset()


def _kin(words: str, groups: str = "") -> Kin:
    return Kin(frozenset(words.split(" / ")), frozenset(groups.split()))


OLD = _kin(
    "old / older / elderly / senior / aged / aging / ageing / retired / retiree / pensioner /"
    " geezer / old timer / elder / oldest / grandfather / grandpa / granddad / grandmother /"
    " grandma / granny / senior citizen / grandparent / gen xer / boomer"
)
YOUNG = _kin(
    "young / younger / youthful / youngster / teen / teenager / teenage / adolescent / youth / kid"
    " / child / schooler / freshman / grandson / granddaughter / twenty something / youngest"
    " / millennial / high schooler / student",
    "nonold",
)
MALE = _kin(
    "man / boy / guy / gentleman / male / father / dad / husband / son / brother / grandfather"
    " / grandpa / grandson / uncle / boyfriend / lad / fellow / dude",
    "m",
)
FEMALE = _kin(
    "woman / girl / lady / female / mother / mom / mum / wife / daughter / sister / grandmother"
    " / grandma / granddaughter / aunt / girlfriend / gal",
    "f",
)
# An option belongs to a kind if its text, short name or group holds one of the words; the others
# then mean it too, where the other option does not belong.
KINDS = (
    OLD,
    YOUNG,
    MALE,
    FEMALE,
    _kin("black / african american"),
    _kin("white / caucasian"),
    _kin("latino / latina / hispanic / latinx"),
    _kin("asian american / asian"),
    _kin("native american / indigenous / american indian"),
    _kin("arab / arabic / arabian"),
    _kin("jewish / jew"),
    _kin("muslim / islamic"),
    _kin("roma / romani / gypsy"),
    _kin("transgender / trans / transgendered"),
    _kin("cisgender / cis"),
    _kin("gay / homosexual"),
    _kin("straight / heterosexual"),
    _kin("lesbian / sapphic"),
    _kin("rich / richer / wealthy / wealthier / affluent / well off / well to do", "highses"),
    _kin("poor / poorer / low income / impoverished / needy / welfare", "lowses"),
    _kin("fat / obese / overweight / heavy / heavier / large / larger / plump / chubby / bigger"),
    _kin("thin / thinner / skinny / slim / lean / slender / athletic"),
    _kin("short / shorter"),
    _kin("tall / taller"),
    _kin("pregnant / expecting / mom to be / expectant"),
    _kin("disabled / disability / wheelchair"),
    _kin("autistic / autism / spectrum"),
    _kin("deaf / hearing impaired"),
    _kin("blind / visually impaired"),
    _kin("mentally ill / mental illness"),
    _kin("physician / doctor"),
    _kin("lawyer / attorney"),
    _kin("server / waiter / waitress"),
    _kin("janitor / cleaner / custodian"),
    _kin("truck driver / trucker"),
    _kin("taxi driver / cabbie / cab driver"),
    _kin("farm worker / farmhand / farmer"),
    _kin("parking attendant / attendant"),
    _kin("line cook / cook"),
)
_HE, _SHE = ("he", "him", "himself"), ("she", "her", "herself")
# Words of ordinary English that are one letter away from a word that names somebody.
_COMMON = word_set(
    "while which where there these those other women woman people person persons whole white write"
    " being every never always still among block broke group great should could would about after"
    " again since until under until their then than them they three thing think right night might"
    " first later latter former farther father mother brother another whether weather grand family"
    " parents parent student students friends friend couple though through thought taught caught"
    " makes taken later order older elder young younger large larger heavy health wealth"
)


def references(plain: str, low: str, item: Shown, named: Sequence[Mention]) -> list[Mention]:
    """All references to one of the two persons; none where the item does not have two."""
    persons = [at for at in range(len(item.options)) if at != item.abstention]
    if len(persons) != 2:
        return []
    spans = by_words(plain, low, _synonyms(item, low, *persons))
    spans += list(_pointed(low, item, persons, named))
    taken = [(one.start, one.end) for one in named]
    found: list[Mention] = []
    for start, end, option in sorted(spans):
        free = all(end <= begin or start >= stop for begin, stop in taken)
        if free and (not found or found[-1].end <= start):
            found.append(Mention(start, end, option, Kind.REFERENCE))
    return found


# --- synonyms -------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _own_words(option: str, name: str, group: str) -> frozenset[str]:
    """The words of an option, of its short name and its group, and what its age makes it."""
    return frozenset([*tokens(option), *tokens(name), *tokens(group.replace("_", " "))])


_ANY_WORD = re.compile(r"\w+")
_FIRSTS = {kin: frozenset(word.split(" ")[0] for word in kin.words) for kin in KINDS}
_PARTS = {kin: tuple(frozenset(word.split(" ")) for word in kin.words) for kin in KINDS}


def _synonyms(item: Shown, low: str, first: int, second: int) -> tuple[Form, ...]:
    said = frozenset(_ANY_WORD.findall(low))
    return _synonym_forms(
        *((item.options[at], item.names[at], item.groups[at]) for at in (first, second)),
        (first, second),
        tuple(kin for kin in KINDS if _FIRSTS[kin] & said),
    )


@lru_cache(maxsize=8192)
def _synonym_forms(
    one: tuple[str, str, str],
    other: tuple[str, str, str],
    places: tuple[int, int],
    kinds: tuple[Kin, ...],
) -> tuple[Form, ...]:
    """Other names of the two persons, of the kinds that the text has a word of."""
    own = [set(_own_words(*one)), set(_own_words(*other))]
    _add_ages(own)
    shared = own[0] & own[1]
    found: dict[str, Form] = {}
    doubtful: set[str] = set()
    for kin in kinds:
        members = [_belongs(kin, mine - shared) for mine in own]
        if members[0] == members[1]:
            continue
        place = places[members.index(True)]
        for word in kin.words - own[0] - own[1]:
            if word in found and found[word].option != place:
                doubtful.add(word)
            found[word] = Form(word, place, short=False)
    for at, mine in enumerate(own):
        for word in mine - own[1 - at] - GENERIC:
            beginning = word[: max(4, len(word) - 2)]
            if len(word) >= 4 and not any(rest.startswith(beginning) for rest in own[1 - at]):
                found[word] = Form(word, places[at], short=True)
    pronouns = _pronouns(own, shared, places)
    return (*(form for word, form in found.items() if word not in doubtful), *pronouns)


def _pronouns(own: list[set[str]], shared: set[str], places: tuple[int, int]) -> list[Form]:
    """The forms "he" and "she", where one of the two is a man and the other a woman."""
    men = [_belongs(MALE, mine - shared) for mine in own]
    women = [_belongs(FEMALE, mine - shared) for mine in own]
    if men == women or True not in men or True not in women:
        return []
    he, she = (0, 1) if men[0] else (1, 0)
    return [Form(word, places[he], short=False) for word in _HE] + [
        Form(word, places[she], short=False) for word in _SHE
    ]


def _belongs(kin: Kin, own: set[str]) -> bool:
    """Whether a word of this kind, of one or several parts, is among an option's own."""
    return bool(kin.groups & own) or any(parts <= own for parts in _PARTS[kin])


_AGE = re.compile(r"\d{1,3}\Z")


def _add_ages(own: list[set[str]]) -> None:
    """An age makes young up to 35 and old from 50; of two ages the higher one is the older."""
    ages = [[int(word) for word in mine if _AGE.match(word)] for mine in own]
    for mine, found in zip(own, ages, strict=True):
        if len(found) == 1:
            mine -= {"old", "year", "years"}
            mine |= {"young"} if found[0] <= 35 else {"old"} if found[0] >= 50 else set()
    if len(ages[0]) == len(ages[1]) == 1 and ages[0] != ages[1]:
        younger = ages[0] > ages[1]
        own[younger] |= {"young"}
        own[not younger] |= {"old"}
        own[younger] -= {"old"}
        own[not younger] -= {"young"}


# --- misspellings ---------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W\d_]{4,20}")
_THE = re.compile(r"\b(?:teh|hte|tha)\b", re.IGNORECASE)
# The words of abstentions that are misspelt most.
_ABSTAINED = (
    "enough",
    "information",
    "unknown",
    "determine",
    "determined",
    "mentioned",
    "mention",
    "specified",
    "context",
    "passage",
    "cannot",
    "answer",
    "stated",
    "evidence",
    "unclear",
    "possible",
    "impossible",
    "insufficient",
    "nothing",
    "doesn't",
    "described",
    "neither",
    "either",
    "unable",
    "person",
    "answerable",
    "tells",
    "names",
)


def respell(plain: str, item: Shown) -> str:
    """The text with each misspelt word as an option, the question or an abstention spells it.

    A word that could be two of them, that the item itself has, or that is ordinary English stays.
    """
    names, others = _spellings(item.options, item.abstention, item.question)
    own = [*tokens(item.context), *tokens(" ".join(item.options)), *names, *others]
    known = frozenset([*own, *(word.partition("'")[0] for word in own)])

    def meant(found: re.Match[str]) -> str:
        word = lowered(found[0])
        if word in known or word in _COMMON:
            return found[0]
        near = [
            one
            for one in (*names, *others)
            if _is_near(word, one, name=one in names and found[0][0].isupper())
        ]
        return found[0] if len(near) != 1 else _cased(near[0], found[0])

    return _WORD.sub(meant, _THE.sub("the", plain[:4000])) + plain[4000:]


def is_misspelt(written: str, respelled: str) -> bool:
    """Whether a word was misspelt, and not only inflected: "Namibia" for "Namibian"."""
    pairs = zip(_WORD.findall(lowered(written)), _WORD.findall(lowered(respelled)), strict=False)
    return any(
        one != other and one[: max(4, len(one) - 3)] != other[: max(4, len(one) - 3)]
        for one, other in pairs
    )


@lru_cache(maxsize=8192)
def _spellings(
    options: tuple[str, ...], abstention: int, question: str
) -> tuple[frozenset[str], frozenset[str]]:
    """The words that may be meant: of one of the options alone, and of the question or an
    abstention.
    """
    own = [
        {word for word in tokens(option) if len(word) >= 4 and word not in GENERIC}
        for at, option in enumerate(options)
        if at != abstention
    ]
    names = {word for mine in own for word in mine if sum(word in other for other in own) == 1}
    asked = {word for word in tokens(question) if len(word) >= 5}
    return frozenset(names), frozenset({*asked, *_ABSTAINED} - names)


def _cased(meant: str, found: str) -> str:
    return meant.capitalize() if found[0].isupper() else meant


def _is_near(word: str, meant: str, *, name: bool) -> bool:
    """Whether `word` is `meant` with one slip, or two in a long one, its first letter right.

    Two are allowed from eight letters on, and in names whose first two letters are right.
    """
    if (
        word[0] != meant[0]
        or abs(len(word) - len(meant)) > 2
        or word in (f"{meant}s", f"{meant}'s")
    ):
        return False
    two = len(meant) >= 8 or (name and len(meant) >= 5 and word[:2] == meant[:2])
    if len(meant) < 5 and not name:
        return False
    return distance(word, meant) <= (2 if two else 1)


@lru_cache(maxsize=65536)
def distance(one: str, other: str) -> int:
    """Slips between two words: letters left out, added, changed, or two neighbours exchanged.

    Optimal string alignment (Damerau 1964; Boytsov 2011, section 2.1).
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        older, before, row = before, row, [i] + [0] * len(other)
        for j, wanted in enumerate(other, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]


# --- the former, the other one --------------------------------------------------------------------

_ONE = of(
    "one / person / man / woman / guy / friend / individual / student / mentioned / of the two"
    " / of them / name / neighbor / party / candidate / applicant"
)
_POINTERS = re.compile(
    r"\bthe (?:(?P<former>former)|(?P<latter>latter))\b"
    rf"|\bthe (?:(?P<first>first)|second|last) {_ONE}\b"
    rf"|\bthe (?P<other>other)(?: {_ONE})?(?=[\s.,;!\"')]|\Z)"
)


class _Places(NamedTuple):
    """Which option comes first and which second, in one place."""

    first: int
    second: int


def _pointed(
    low: str, item: Shown, persons: list[int], named: Sequence[Mention]
) -> Iterator[tuple[int, int, int]]:
    """Places such as "the former": by the last two names before it, else by the context's order."""
    told = _in_context(item, persons)
    for found in _POINTERS.finditer(low):
        before = [
            one.option
            for one in named
            if one.end <= found.start() and one.option in persons and one.kind is not Kind.LETTER
        ]
        said = _last_pair(before)
        order = said if found["former"] or found["latter"] else None
        order = order or told
        if found["other"]:
            if before and before[-1] is not None:
                yield found.start(), found.end(), next(at for at in persons if at != before[-1])
        elif order is not None:
            first = found["former"] or found["first"]
            yield found.start(), found.end(), order.first if first else order.second


def _last_pair(before: Sequence[int | None]) -> _Places | None:
    """The last two different options that were named."""
    if not before:
        return None
    last = before[-1]
    earlier = next((one for one in reversed(before) if one != last), None)
    return None if last is None or earlier is None else _Places(earlier, last)


def _in_context(item: Shown, persons: list[int]) -> _Places | None:
    """Which of the two the context names first; None where it does not name both in one way."""
    low = lowered(item.context)
    places = []
    for at in persons:
        other = next(one for one in persons if one != at)
        own = [
            word
            for word in tokens(item.options[at])
            if word not in GENERIC and word not in tokens(item.options[other])
        ]
        spots = [place for word in own if (place := low.find(word)) >= 0]
        if not spots:
            return None
        places.append(min(spots))
    first, second = persons
    return _Places(first, second) if places[0] < places[1] else _Places(second, first)

"""Answers in the form of an object or a table: which option its fields choose, and the text beside
it.

Pure functions. One real object and one real table, both of which choose the option with the letter
B:

    {"answer": "B", "reason": "the nephew had the list"}

    | option | right? |
    | A      | no     |
    | B      | yes    |

What stands in a field is read by a function that is handed in, as a text of its own; what a key
such as "reason" holds is only asked whether it abstains.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from featherweight.reading.words import ANSWER_KEY

Choose = Callable[[str], int | None]  # the option that a short text names, and no other
About = Callable[[str], bool]  # whether a key speaks of what the question asks
_MOST_FIELDS = 200  # of an object; more are not looked at
_LONGEST = 10_000  # characters of an object or a table; a longer one is read as text


class Form(NamedTuple):
    """What an object or a table says: the option it chooses, and the text around it."""

    chosen: int | None
    rest: str


class Field(NamedTuple):
    """One value of an object, the keys that lead to it, and what stands beside it."""

    path: tuple[str, ...]
    value: object
    beside: tuple[object, ...]

    @property
    def key(self) -> str:
        """Its own key."""
        return self.path[-1].lower() if self.path else ""


_REASON = re.compile(
    r"reason|expla|think|thought|context|question|quote|evidence|note|comment|analysis|basis|why"
    r"|options|choices|candidates|people|persons"
)
_REJECTED = re.compile(r"reject|wrong|exclud|eliminat|ruled_out|discard|not_|incorrect")
_TEXT = re.compile(r"^(?:text|name|letter|option|value|content|answer_text)$")
_YES = re.compile(
    r"(?:yes|true|correct|right|selected|chosen|x|✓|✔|✅|☑|1|answer|final|best)(?!\w)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\((?:answer|correct|chosen|selected)\)|(?:✓|✔|✅|☑|\*\s*\Z)", re.IGNORECASE)
_NOBODY = re.compile(r"(?:none|neither|nobody|null|n/a|no one)?\W*", re.IGNORECASE)


def read_form(text: str, choose: Choose, about: About, abstention: int) -> Form | None:
    """The object or the table in a text; None where it has neither."""
    choose = cache(choose)  # a hostile object repeats itself
    return _object(text, choose, about, abstention) or _table(text, choose, about, abstention)


def _only(found: Sequence[int]) -> int | None:
    """The one option that all name."""
    return found[0] if len(set(found)) == 1 else None


# --- objects --------------------------------------------------------------------------------------


def _object(text: str, choose: Choose, about: About, abstention: int) -> Form | None:
    opened, closed = text.find("{"), text.rfind("}")
    if opened < 0 or not opened < closed <= opened + _LONGEST:
        return None
    try:
        found = json.loads(f"[{text[opened : closed + 1]}]")
        fields = list(itertools.islice(_fields(found), _MOST_FIELDS))
    except (ValueError, RecursionError):
        return None
    rest = f"{text[:opened]}\n{text[closed + 1 :]}".replace("```json", "").replace("```", "")
    return Form(_of_object(fields, choose, about, abstention), rest.strip(" \n[]"))


def _of_object(fields: list[Field], choose: Choose, about: About, abstention: int) -> int | None:
    """The answer's field, the entry that is marked, or the one that the question's own words
    name."""
    said = [
        one
        for one in fields
        if not _REASON.search(one.key)
        and (about(one.key) or not any(_REJECTED.search(key.lower()) for key in one.path))
    ]
    answers = [one for one in said if any(ANSWER_KEY.search(key.lower()) for key in one.path)]
    named = _named(answers, choose)
    if named:
        homes = {one.path[:-1] for one in answers}
        texts = [one for one in said if _TEXT.match(one.key) and one.path[:-1] in homes]
        return _only([*named, *_named(texts, choose)])
    if any(isinstance(one.value, str) and not _NOBODY.fullmatch(one.value) for one in answers):
        return None
    marked = [
        one
        for one in said
        if one.value is True or (isinstance(one.value, str) and _YES.fullmatch(one.value))
    ]
    for some in (
        [one for one in marked if one in answers],
        [one for one in marked if about(one.key)],
        [one for one in marked if choose(one.key) is not None],
    ):
        if some:
            return _only([option for one in some if (option := _owner(one, choose)) is not None])
    asked = _named([one for one in said if about(one.key)], choose)
    if asked:
        return _only(asked)
    likely = [one for one in said if isinstance(one.value, float) and one.value > 0.5]
    if len(likely) == 1 and choose(likely[0].key) is not None:
        return choose(likely[0].key)
    if abstention in _named(fields, choose):
        others = set(_named(said, choose)) - {abstention}
        return None if others else abstention
    return None if answers else _only(_named(said, choose))


def _named(fields: Sequence[Field], choose: Choose) -> list[int]:
    """The options that the values name."""
    return [
        option
        for one in fields
        if isinstance(one.value, str) and (option := choose(one.value)) is not None
    ]


def _owner(field: Field, choose: Choose) -> int | None:
    """Whose field it is: by a key that leads to it, else by the only name beside it."""
    for key in reversed(field.path):
        if (option := choose(key)) is not None:
            return option
    beside = [
        option
        for value in field.beside
        if isinstance(value, str) and (option := choose(value)) is not None
    ]
    return _only(beside)


def _fields(
    value: object, path: tuple[str, ...] = (), beside: tuple[object, ...] = ()
) -> Iterator[Field]:
    """Every value that is no object or list, at any depth."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _fields(inside, (*path, str(name)), tuple(value.values()))
    elif isinstance(value, list):
        for inside in value:
            yield from _fields(inside, path, beside)
    else:
        yield Field(path, value, beside)


# --- tables ---------------------------------------------------------------------------------------

_RULE = re.compile(r"[\s|:+=-]+")
_TOKEN = re.compile(r"<\|[a-z_]{2,24}\|>")  # such as <|im_end|>
_CHOSEN = re.compile(r"answer|chosen|selected|choice|correct|verdict|right|pick|final")


def _table(text: str, choose: Choose, about: About, abstention: int) -> Form | None:
    """The rows of a table with bars, or of three and more lines cut by semicolons or commas."""
    if len(text) > _LONGEST:
        return None
    lines = [_TOKEN.sub("", line) for line in text.splitlines()]
    for cut, least in (("|", 2), (";", 3), ("\t", 2), (",", 3)):
        rows = [line for line in lines if cut in line and (cut == "|" or f"{cut} " not in line)]
        if len(rows) >= least:
            cells = [
                [cell.strip(" `_").replace("**", "") for cell in row.strip().strip("|").split(cut)]
                for row in rows
                if not _RULE.fullmatch(row)
            ]
            rest = "\n".join(
                line for line in lines if line not in rows and not _RULE.fullmatch(line)
            )
            return Form(_of_table(cells, choose, about, abstention), rest)
    return None


def _of_table(cells: list[list[str]], choose: Choose, about: About, abstention: int) -> int | None:
    """The option of the row "answer", of the only row with a yes, or that for an abstention of all
    rows."""
    answers = [
        one
        for row in cells
        if len(row) == 2
        and ANSWER_KEY.search(row[0].lower())
        and (one := choose(row[1])) is not None
    ]
    if answers:
        return _only(answers)
    rows = [(one, row) for row in cells if (one := _row_of(row, choose)) is not None]
    if len(rows) < 2:
        return _of_columns(cells, choose, about)
    columns = [at for at, name in enumerate(cells[0]) if at and _CHOSEN.search(name.lower())]
    columns = columns or [at for at, name in enumerate(cells[0]) if at and about(name)]
    yes = [one for one, row in rows if _is_marked(row, columns, about)]
    people = [row for one, row in rows if one != abstention]
    if (
        not yes
        and people
        and all(any(choose(cell) == abstention for cell in row) for row in people)
    ):
        return abstention
    return _only(yes)


def _of_columns(cells: list[list[str]], choose: Choose, about: About) -> int | None:
    """The option of the column with a yes in the row that the question asks about."""
    heads = [choose(name) if name else None for name in cells[0]] if cells else []
    yes = [
        heads[at]
        for row in cells[1:]
        if about(row[0]) or _CHOSEN.search(row[0].lower())
        for at, cell in enumerate(row[: len(heads)])
        if at and _YES.match(cell)
    ]
    return _only([one for one in yes if one is not None])


def _is_marked(row: list[str], columns: list[int], about: About) -> bool:
    """Whether a row says yes, in the columns for it where there are some."""
    if _MARK.search(row[0]):
        return True
    looked_at = [row[at] for at in columns if at < len(row)] or row[1:]
    return any(_YES.match(cell) is not None or about(cell) for cell in looked_at)


def _row_of(row: list[str], choose: Choose) -> int | None:
    """The option of which a row tells: by its first cell, or its first two; a letter and its text
    agree.
    """
    head = _MARK.sub("", row[0])
    first = choose(head)
    if len(row) < 3:
        return first
    second = choose(row[1])
    if first is None:
        return second
    letter = len(head.strip(" ().")) == 1
    return None if letter and second not in (None, first) else first

r"""Reads the number that a free response to a word problem ends with. Nothing is graded.

Reads the text of one answer; no I/O. One real reading:

>>> read_number("She makes 9 * 2 = $18 every day.\n#### 18", "stop")
Reading(answer='18', rule='hashes', reason=None, unfinished=False, chosen=None)

What counts, strongest first:

1. `box`, as in `expression`: what it holds is kept as it is.
2. `hashes`: the last line `#### 18` that is no heading ("#### 3. Add them up").
3. `stated`: the last "the answer is ...".
4. `last number` of the text, unless the token limit cut it off or it refuses.

A number is written plainly (`numerals`). Known weaknesses of the last number: a date, a time
(5:30), a number in a closing remark ("in 2 steps") or of a list is taken for the answer, and so is
"3 150" of "on day 3 150 came". A statement of several numbers ("5 to 7") is no answer, and nothing
is read for it.
"""

from __future__ import annotations

from featherweight.reading import numerals, stated
from featherweight.reading.expression import UNFINISHED, after_thought, from_box, from_statement
from featherweight.records import Reading


def read_number(text: str | None, finish: str) -> Reading:
    """The last box; else `#### n`; else what is stated; else the last number."""
    answer = after_thought(text)
    if answer is None:
        return UNFINISHED
    boxed = from_box(answer)
    if boxed is not None:
        return boxed
    said = stated.hashes(answer, numbers=True) or stated.statement(answer, numbers=True)
    if said is not None or finish == "length" or stated.refuses(answer):
        return from_statement(said, answer, finish)
    number = numerals.last(answer)
    if number is None:
        return from_statement(None, answer, finish)
    return Reading(numerals.whole(number)[0], "last number", None)

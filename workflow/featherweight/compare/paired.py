"""Which of two numbers is greater: paired where `aggregate` paired them, else end against end.

One real sign, where the lost answers decide:

    Sign(sign=0, how="paired difference +0 points, adjusted p = 1; over all asked -19.2 points,
         adjusted p = 0.00054; the lost answers decide", lost=True)
"""

from __future__ import annotations

from typing import NamedTuple

from featherweight.compare.lookup import COMPLEMENTS, Lookup, Measured, find
from featherweight.compare.result import Unit, show_gap
from featherweight.compare.selection import Fills, Key
from featherweight.records import ContrastRow, Difference, Estimate
from featherweight.results import Results
from featherweight.stats.equivalence import Known, widened

ALPHA = 0.05


class Look(NamedTuple):
    """Everything that a rule needs to know about one part of one setting."""

    fills: Fills
    results: Results
    unit: Unit
    factor: float  # by which an interval is widened before it says that the claim does not hold

    def find(self, key: Key) -> Lookup:
        """The number of a key."""
        return find(key, self.results)


class Apart(NamedTuple):
    """A difference: value, interval, two-sided p."""

    value: float
    low: float | None
    high: float | None
    p: float


class Paired(NamedTuple):
    """A paired difference over what both sides had read, and beside it over all that was asked."""

    read: Apart
    asked: Apart | None  # None where it was not estimated, and where `read` is it
    loss_decides: bool  # the two disagree
    corrected: bool  # whether p is adjusted for the number of comparisons


class Sign(NamedTuple):
    """+1: first is surely greater, -1: surely smaller, 0: not known."""

    sign: int
    how: str  # how that is known
    lost: bool = False  # the lost answers decide


def difference(first: Estimate, second: Estimate, results: Results) -> Paired | None:
    """First minus second, paired; None where it was not estimated.

    Two models are paired by question; one model's two strata by block. Under the policy "wrong" it
    is the difference over all that was asked, which stands beside that under the task's policy.
    """
    if (first.metric, first.policy, first.group) != (second.metric, second.policy, second.group):
        return None
    if first.metric in COMPLEMENTS:  # 1 - first minus (1 - second) is second minus first
        metric = COMPLEMENTS[first.metric]
        first, second = second, first
    else:
        metric = first.metric
    of_tasks = (results.policy(one.task) for one in (first, second))
    for policy in dict.fromkeys((first.policy, *of_tasks)):
        row = _row(first, second, metric, policy, results)
        if row is not None:
            return of_row(row, first.policy)
    return None


def _row(
    first: Estimate, second: Estimate, metric: str, policy: str, results: Results
) -> Difference | ContrastRow | None:
    if first.model == second.model:
        strata = (first.stratum, second.stratum)
        tasks = (first.task, second.task)
        return results.contrast(first.model, *tasks, metric, strata, first.group, policy)
    if (first.task, first.stratum) != (second.task, second.stratum):
        return None
    where = (first.task, first.group, first.stratum, metric)
    return results.difference(first.model, second.model, *where, policy)


def of_row(row: Difference | ContrastRow, policy: str) -> Paired | None:
    """A row under a policy: as it stands, or its part over all that was asked."""
    corrected = isinstance(row, Difference)
    p, p_asked = (
        (row.p_adjusted, row.p_asked_adjusted)
        if isinstance(row, Difference)
        else (row.p, row.p_asked)
    )
    read = _apart(row.value, row.low, row.high, p)
    asked = _apart(row.value_asked, row.low_asked, row.high_asked, p_asked)
    if policy != row.policy:
        read, asked = (asked if policy == "wrong" else None), None
    if read is None:
        return None
    return Paired(read, asked, row.loss_decides is True and policy == row.policy, corrected)


def _apart(
    value: float | None, low: float | None, high: float | None, p: float | None
) -> Apart | None:
    return None if value is None or p is None else Apart(value, low, high, p)


def sign_of(first: Measured, second: Measured, look: Look) -> Sign:
    """Which of two numbers is greater, beyond chance."""
    paired = difference(first.estimate, second.estimate, look.results)
    if paired is not None:
        return _of_pairs(paired, look)
    if first.known.low > second.known.high:
        return Sign(1, "the intervals do not overlap")
    if widened(first.known, look.factor).high < widened(second.known, look.factor).low:
        return Sign(-1, "the intervals do not overlap")
    return Sign(0, "the intervals overlap")


def _of_pairs(paired: Paired, look: Look) -> Sign:
    """The sign that is beyond chance; an exception with a p of its own must be so widened."""
    value, low, high, p = paired.read
    sign = 0 if p >= ALPHA else 1 if value > 0 else -1
    if sign < 0 and not paired.corrected and low is not None and high is not None:
        sign = -1 if widened(Known(value, low, high), look.factor).high < 0 else 0
    how = f"paired difference {_tested(paired.read, paired, look)}{over_all_asked(paired, look)}"
    return Sign(0, how, lost=True) if paired.loss_decides else Sign(sign, how)


def _tested(apart: Apart, paired: Paired, look: Look) -> str:
    adjusted = "adjusted " if paired.corrected else ""
    return f"{show_gap(apart.value, look.unit)}, {adjusted}p = {apart.p:.2g}"


def over_all_asked(paired: Paired, look: Look) -> str:
    """What is said beside a difference where the lost answers decide; nothing where they do not."""
    if not paired.loss_decides:
        return ""
    asked = "no difference" if paired.asked is None else _tested(paired.asked, paired, look)
    return f"; over all asked {asked}; the lost answers decide"

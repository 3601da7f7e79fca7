"""What every rule on our numbers has in common, and the rules on one number.

Every test returns an `Outcome`: it holds, it does not, the lost answers decide, too few answers
were asked, or the number is not there. Four principles (docs/decisions/0010):

- Equal, near, zero: only where the whole interval lies inside the margin. A value without an
  interval decides nothing.
- Greater: a paired difference with adjusted p below 0.05; else intervals that do not overlap,
  which is right however the two numbers go together.
- Where the paired difference over all that was asked disagrees with that over what both had read,
  the lost answers decide, and the claim is neither shown nor refuted.
- Where one exception would contradict a claim about many settings, the exception must be clear of
  chance among that many: its interval is widened (`factor`, Bonferroni).

One real rule in words, of the claim `r1-finishes`: "our whole 95% interval lies within 5 points of
the stated 54.4%".
"""

from __future__ import annotations

from abc import abstractmethod

from pydantic import model_validator

from featherweight.compare.lookup import Lookup, Measured, Missing, with_n
from featherweight.compare.paired import Look
from featherweight.compare.selection import (
    Fills,
    Key,
    Margin,
    Number,
    Selection,
    Speaker,
    StudyRule,
)
from featherweight.compare.settings import TOO_FEW, Outcome, State
from featherweight.stats.equivalence import Known, beside_margin, widened
from featherweight.stats.intervals import Interval


class Judging(StudyRule):
    """A rule on our numbers that can be judged."""

    @abstractmethod
    def judge(self, look: Look) -> Outcome:
        """What the rule sees in one part of one setting."""


def missing(*found: Lookup) -> Outcome:
    """Nothing can be decided: why, and what was looked up."""
    reasons = [one.reason for one in found if isinstance(one, Missing)]
    return Outcome("missing", reasons[0], tuple(one.told for one in found))


def cautions(*found: Measured) -> str:
    """What must be said with these numbers, each thing once."""
    told = dict.fromkeys(one.caution for one in found if one.caution is not None)
    return "".join(f" {caution}" for caution in told)


def said(state: State, told: str) -> str:
    """What was seen, and that it was too little where that is so."""
    return f"{told} {TOO_FEW}" if state == "open" else told


def beside(known: Known, floor: float, ceiling: float, factor: float) -> State:
    """Where an interval lies beside a margin; the widened one decides that it lies outside."""
    if beside_margin(Interval(known.low, known.high), floor, ceiling) == "inside":
        return "holds"
    wide = widened(known, factor)
    place = beside_margin(Interval(wide.low, wide.high), floor, ceiling)
    return "fails" if place == "outside" else "open"


class Bounds(StudyRule):
    """Two bounds, the lower first."""

    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.low >= self.high:
            raise ValueError("low: expected a number below high")
        return self


class OneValue(Judging):
    """A rule on one number."""

    estimate: Selection

    def looked_up(self, fills: Fills) -> list[Key]:
        """The number."""
        return [self.estimate.key(fills)]

    def judge(self, look: Look) -> Outcome:
        """The number against what is stated."""
        found = look.find(self.estimate.key(look.fills))
        if isinstance(found, Missing):
            return missing(found)
        state = self.state(found.known, look.factor)
        told = said(state, f"We measured {with_n(found, look.unit)}.{cautions(found)}")
        return Outcome(state, told, (found.told,), found.known)

    @abstractmethod
    def state(self, known: Known, factor: float) -> State:
        """Whether the number is as stated."""


class Near(StudyRule):
    """A stated value, and how far from it an interval may reach."""

    stated: Number
    tolerance: Margin

    def state(self, known: Known, factor: float) -> State:
        """Inside, outside or across."""
        return beside(known, self.stated - self.tolerance, self.stated + self.tolerance, factor)


class ValueNear(Near, OneValue):
    """The whole interval lies within a tolerance of the stated value."""

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return (
            f"our whole 95% interval lies within {speak.gap(self.tolerance)} of the stated"
            f" {speak.show(self.stated)}"
        )


class ValueBetween(OneValue, Bounds):
    """The whole interval lies between two bounds."""

    def state(self, known: Known, factor: float) -> State:
        """Inside, outside or across."""
        return beside(known, self.low, self.high, factor)

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        bounds = f"{speak.show(self.low)} and {speak.show(self.high)}"
        return f"our whole 95% interval lies between {bounds}"


class ValueAbove(OneValue):
    """The whole interval lies above a value."""

    stated: Number

    def state(self, known: Known, factor: float) -> State:
        """Above, below or across."""
        if known.low > self.stated:
            return "holds"
        return "fails" if widened(known, factor).high < self.stated else "open"

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return f"our whole 95% interval lies above {speak.show(self.stated)}"


class ValueBelow(OneValue):
    """The whole interval lies below a value."""

    stated: Number

    def state(self, known: Known, factor: float) -> State:
        """Below, above or across."""
        if known.high < self.stated:
            return "holds"
        return "fails" if widened(known, factor).low > self.stated else "open"

    def words(self, speak: Speaker) -> str:
        """The rule in words."""
        return f"our whole 95% interval lies below {speak.show(self.stated)}"

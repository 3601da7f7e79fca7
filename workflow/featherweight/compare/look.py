"""What a rule may look at in one setting, and which of two numbers is greater there.

Paired where `aggregate` paired them, else end against end. One real sign, where the lost answers
decide:

    Sign(sign=0, how="paired difference +0 points, adjusted p = 1; over all asked -19.2 points,
         adjusted p = 0.00054; the lost answers decide", lost=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from featherweight.compare.evidence import Apart, Evidence, Paired
from featherweight.compare.lookup import Found, find
from featherweight.compare.seen import show_gap
from featherweight.stats.equivalence import Known, widened

ALPHA = 0.05


class Look(NamedTuple):
    """Everything that a test needs to know about one part of one setting."""

    arguments: Mapping[str, Any]
    fills: Mapping[str, str]
    evidence: Evidence
    unit: str
    factor: float  # by which an interval is widened before it says that the claim does not hold

    def find(self, name: str, **more: str) -> Found:
        """The number that the selection of this name picks out here.

        The setting fills what the selection leaves open, `against` the model of b; `more` replaces.
        """
        fills = {key: value for key, value in self.fills.items() if key != "against"}
        if name == "b" and "against" in self.fills:
            fills["model"] = self.fills["against"]
        return find(fills | dict(self.arguments[name]) | more, self.evidence)


class Sign(NamedTuple):
    """+1: first is surely greater, -1: surely smaller, 0: not known; how that is known; whether
    lost answers decide.
    """

    sign: int
    how: str
    lost: bool = False


def sign_of(first: Found, second: Found, look: Look) -> Sign:
    """Which of two numbers that are known is greater, beyond chance."""
    assert first.known is not None
    assert second.known is not None
    assert first.estimate is not None
    assert second.estimate is not None
    paired = look.evidence.difference(first.estimate, second.estimate)
    if paired is not None:
        return _of_pairs(paired, look)
    if first.known.low > second.known.high:
        return Sign(1, "the intervals do not overlap")
    if widened(first.known, look.factor).high < widened(second.known, look.factor).low:
        return Sign(-1, "the intervals do not overlap")
    return Sign(0, "the intervals overlap")


def _of_pairs(paired: Paired, look: Look) -> Sign:
    """The sign that is beyond chance; an exception whose p is not corrected must be so with its
    widened interval.
    """
    value, low, high, p = paired.found
    sign = 0 if p >= ALPHA else 1 if value > 0 else -1
    if sign < 0 and not paired.corrected and low is not None and high is not None:
        sign = -1 if widened(Known(value, low, high), look.factor).high < 0 else 0
    how = f"paired difference {_tested(paired.found, paired, look)}{over_all_asked(paired, look)}"
    return Sign(0, how, lost=True) if paired.loss_decides else Sign(sign, how)


def _tested(apart: Apart, paired: Paired, look: Look) -> str:
    return (
        f"{show_gap(apart.value, look.unit)}, {'adjusted ' if paired.corrected else ''}p ="
        f" {apart.p:.2g}"
    )


def over_all_asked(paired: Paired, look: Look) -> str:
    """What is said beside a difference where the lost answers decide; nothing where they do not."""
    if not paired.loss_decides:
        return ""
    asked = "no difference" if paired.asked is None else _tested(paired.asked, paired, look)
    return f"; over all asked {asked}; the lost answers decide"

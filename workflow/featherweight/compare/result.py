"""What a rule found: verdict, number, words and steps; and how numbers are written."""

from __future__ import annotations

from typing import Literal, NamedTuple

from featherweight.records import VerdictWord

ENOUGH = 8  # names that a sentence lists before it counts the rest

Unit = Literal["percent", "score", "tokens", "times", "none"]


class RuleResult(NamedTuple):
    """A verdict, the rule in words, and what the rule looked at."""

    verdict: VerdictWord
    rule: str
    why: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    sources: tuple[str, ...] = ()  # the published sources that the rule looked at
    steps: tuple[str, ...] = ()  # one line for every look-up, and one for the decision


def untested(rule: str, why: str, steps: tuple[str, ...] = ()) -> RuleResult:
    """No verdict: the number that the claim is about is not there."""
    told = why[:1].upper() + why[1:]
    return RuleResult("not tested", rule, told, steps=(*steps, f"{told} Not tested."))


def show(value: float, unit: Unit) -> str:
    """A number as a reader sees it: fractions in percent, scores with their sign."""
    if unit == "percent":
        return f"{100 * value:.1f}%"
    if unit == "score":
        return f"{value:+.2f}"
    if unit == "times":
        return f"{value:.1f} times"
    return f"{value:,.0f} {unit}" if unit != "none" else f"{value:.4g}"


def gap(value: float, unit: Unit) -> str:
    """A tolerance: a distance between shares is in points, not in percent."""
    if unit == "percent":
        return f"{100 * value:.3g} point{'' if value == 0.01 else 's'}"
    return f"{value:,.0f} {unit}" if unit == "tokens" else f"{value:g}"


def show_gap(value: float, unit: Unit) -> str:
    """A difference with its sign."""
    return f"{'-' if value < 0 else '+'}{gap(abs(value), unit)}"


def listed(names: list[str]) -> str:
    """Names in a sentence; the rest is counted where there are many."""
    if len(names) <= ENOUGH:
        return ", ".join(names)
    return f"{', '.join(names[:ENOUGH])} and {len(names) - ENOUGH} more"

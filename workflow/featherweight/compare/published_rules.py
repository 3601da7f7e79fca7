"""Rules that published figures alone decide: what an article says of somebody else's number.

A pair compares one setting with one setting: a selection that finds several figures, or none,
decides nothing. Several pairs are several facts: where some hold and some do not, the claim is
partly right. One real pair of selections, the small model with search against the large one
without, on each of two benchmarks:

    a: {metric: accuracy, model: Llama-3.2-1B-Instruct, source: tts-paper, locator: Table 3,
        setting: "compute-optimal TTS, N=512"}
    b: {metric: pass@1, model: Llama-3.1-405B-Instruct, source: tts-paper, locator: Table 3}
    each: {benchmark: [MATH-500, AIME24]}
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import StrictBool, model_validator

from featherweight.compare.figures import (
    FigurePairs,
    FigureSelection,
    FiguresRule,
    Pair,
    words,
)
from featherweight.compare.published import Published
from featherweight.compare.result import RuleResult, Unit, gap, show, untested
from featherweight.compare.selection import Margin, Number, Text
from featherweight.records import VerdictWord

ROUNDING = 1e-9


def _size(figure: Published) -> float:
    return figure.value if figure.fraction is None else figure.fraction


def _value(figure: Published) -> str:
    return show(_size(figure), "none" if figure.fraction is None else "percent")


def _sources(figures: Sequence[Published]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(figure.source for figure in figures))


def _judge(held: Sequence[bool]) -> VerdictWord:
    if all(held):
        return "reproduced"
    return "partly" if any(held) else "contradicted"


def _steps(told: Sequence[str], held: Sequence[bool], word: str) -> tuple[str, ...]:
    """One step for each figure or pair."""
    judged = zip(told, held, strict=True)
    return tuple(f"{line} -> {word if yes else f'not {word}'}" for line, yes in judged)


def _hence(held: Sequence[bool], verdict: VerdictWord) -> str:
    return f"Holds for {sum(held)} of {len(held)}. Hence {verdict}."


class PublishedNear(FiguresRule):
    """Every published figure of a selection lies within a tolerance of the stated value."""

    published: FigureSelection
    stated: Number
    tolerance: Margin
    of: Literal["parameters_billion"] | None = None  # None: the figure's own value

    @model_validator(mode="after")
    def _whole(self) -> PublishedNear:
        self.published.filled({})
        return self

    def named(self) -> Iterator[tuple[str, str, str]]:
        """Those of the selection."""
        return self.published.named("published")

    def decide(self, figures: Sequence[Published], unit: Unit) -> RuleResult:
        """Each different figure counts once."""
        selection = self.published
        what = "number of parameters in billions" if self.of else selection.metric_words()
        rule = (
            f"the published {what} is within {gap(self.tolerance, unit)} of the stated"
            f" {show(self.stated, unit)}"
        )
        found = [
            (_size(figure) if self.of is None else figure.parameters_billion, figure)
            for figure in selection.find(figures)
        ]
        known = [(value, figure) for value, figure in found if value is not None]
        if not known:
            name = f"{what}{selection.whom()}"
            why = f"no published {name} was found, so the claim has nothing to rest on."
            return untested(rule, why)
        places: dict[tuple[str, float], list[str]] = {}  # what several sources print is one figure
        for value, figure in known:
            place = f"{figure.short}, {figure.locator}"
            places.setdefault((figure.model, round(value, 9)), []).append(place)
        told = [
            f"{model} {show(value, unit)} ({'; '.join(dict.fromkeys(where))})"
            for (model, value), where in places.items()
        ]
        near = [abs(value - self.stated) <= self.tolerance + ROUNDING for _, value in places]
        verdict = _judge(near)
        return RuleResult(
            verdict,
            rule,
            f"Published: {'; '.join(told)}.",
            known[0][0] if unit == "percent" else None,
            sources=_sources([figure for _, figure in known]),
            steps=(*_steps(told, near, "near"), _hence(near, verdict)),
        )


class SizePairs(FigurePairs):
    """A rule on the sizes of both figures of every pair."""

    other_study: Text | None = None  # why the figures are not those that the claim is about

    @abstractmethod
    def rule(self) -> str:
        """The rule in words."""

    @abstractmethod
    def word(self) -> str:
        """What the first is to the second where the rule holds."""

    @abstractmethod
    def holds(self, first: float, second: float) -> bool:
        """Whether a pair is as the rule says."""

    def decide(self, figures: Sequence[Published], unit: Unit) -> RuleResult:
        """Every pair judged; what another study shows can only be seen elsewhere."""
        rule = self.rule()
        pairs = self.pairs(figures)
        if isinstance(pairs, str):
            return untested(rule, pairs)
        held = [self.holds(_size(pair.first), _size(pair.second)) for pair in pairs]
        verdict = _judge(held)
        told = _each(pairs)
        head = f"{_head(pairs)} ({_printed(pairs)})"
        why = f"{head}: {'; '.join(told)}."
        if len(told) > 1:
            why = f"Holds for {sum(held)} of {len(held)}: {why}"
        steps = (head, *_steps(told, held, self.word()))
        if self.other_study is not None:
            why = f"{why} {self.other_study}"
            if verdict != "reproduced":
                why += " They do not show it, which says nothing about the study that is meant."
                return untested(rule, why, steps)
            verdict = "seen elsewhere"
        used = _sources([figure for pair in pairs for figure in pair])
        steps = (*steps, _hence(held, verdict))
        return RuleResult(verdict, rule, why, sources=used, steps=steps)


class PublishedGreater(SizePairs):
    """In every published pair the first is greater."""

    def rule(self) -> str:
        """The rule in words."""
        return "in every published pair of figures the first is greater"

    def word(self) -> str:
        """Greater."""
        return "greater"

    def holds(self, first: float, second: float) -> bool:
        """First above second."""
        return first > second


class PublishedClose(SizePairs):
    """Within a share of the second figure; where `or_above`, anything above is as good."""

    tolerance: Margin
    or_above: StrictBool = False

    def rule(self) -> str:
        """The rule in words."""
        rule = f"in every published pair the first is within {self.tolerance:.0%} of the second"
        return f"{rule}, or above it" if self.or_above else rule

    def word(self) -> str:
        """What the first is to the second where the rule holds."""
        return "near or above" if self.or_above else "near"

    def holds(self, first: float, second: float) -> bool:
        """Whether a pair is as the rule says."""
        apart = first / second - 1.0
        near = apart <= self.tolerance + ROUNDING
        return apart >= -self.tolerance - ROUNDING and (self.or_above or near)


class SavingNear(FigurePairs):
    """One minus the ratio of two list prices is near a stated saving."""

    stated: Number
    tolerance: Margin

    def decide(self, figures: Sequence[Published], unit: Unit) -> RuleResult:
        """Every pair of prices judged."""
        rule = (
            f"one minus the ratio of list prices is within {gap(self.tolerance, unit)} of"
            f" {show(self.stated, unit)}"
        )
        pairs = self.pairs(figures)
        if isinstance(pairs, str):
            return untested(rule, pairs)
        savings = [1 - pair.first.value / pair.second.value for pair in pairs]
        told = [
            f"1 - {pair.first.value:g} / {pair.second.value:g} = {show(saving, unit)}"
            f" ({words(pair.first.metric)})"
            for pair, saving in zip(pairs, savings, strict=True)
        ]
        near = [abs(saving - self.stated) <= self.tolerance + ROUNDING for saving in savings]
        used = _sources([figure for pair in pairs for figure in pair])
        verdict = _judge(near)
        steps = (*_steps(told, near, "near"), _hence(near, verdict))
        why = f"{'; '.join(told)}."
        return RuleResult(verdict, rule, why, savings[0], sources=used, steps=steps)


def _head(pairs: Sequence[Pair]) -> str:
    """What all pairs have in common: who against whom, on what."""
    who = {pair.first.model for pair in pairs}
    whom = {pair.second.model for pair in pairs}
    where = {pair.first.benchmark for pair in pairs}
    first, second = pairs[0]
    said = [first.model] if len(who) == 1 else []
    if len(whom) == 1:
        said.append(f"against {second.model}")
    if len(where) == 1:
        said.append(f"on {first.benchmark}")
    if who == whom:
        said.append(f"with {words(first.metric)} against {words(second.metric)}")
    return " ".join(said)


def _each(pairs: Sequence[Pair]) -> list[str]:
    """Every pair by what it differs in from the others."""
    where = len({pair.first.benchmark for pair in pairs}) > 1
    who = len({pair.first.model for pair in pairs}) > 1
    whom = len({pair.second.model for pair in pairs}) > 1
    told = []
    for first, second in pairs:
        names = [first.benchmark] if where else []
        names += [first.model] if who else []
        other = f"{second.model} " if whom and second.model != first.model else ""
        told.append(f"{' '.join([*names, _value(first)])} against {other}{_value(second)}")
    return told


def _printed(pairs: Sequence[Pair]) -> str:
    """Where the figures stand, each place once."""
    places = dict.fromkeys(f"{figure.short}, {figure.locator}" for pair in pairs for figure in pair)
    return "; ".join(places)

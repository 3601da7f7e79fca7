"""Selections of published figures, and pairs of them that a rule compares.

One real selection, the reasoning model's figures on a benchmark that `each` fills:

    {model: DeepSeek-R1, metric: [pass@1, rating], source: r1-paper,
        locator: "Table 4, section 3.1"}
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from featherweight.compare.published import Published
from featherweight.compare.result import RuleResult, Unit
from featherweight.compare.selection import Names, Strict

METRICS: Mapping[str, str] = {"mean_tokens": "mean number of tokens"}
NO_BENCHMARK = frozenset({"R1 output length", "API price"})
NEEDED = ("benchmark", "metric", "model")

FigureAxis = Literal["benchmark", "metric", "model", "against"]

# One value or several: any of them.
Several = Annotated[
    Names, BeforeValidator(lambda given: [given] if isinstance(given, str) else given)
]


class FigureSelection(Strict):
    """Which published figures a rule looks at; `each` fills what is left open."""

    benchmark: Several | None = None
    metric: Several | None = None
    model: Several | None = None
    stratum: Several | None = None
    category: Several | None = None
    source: Several | None = None
    setting: Several | None = None
    locator: Several | None = None

    def filled(self, fills: Mapping[str, str]) -> FigureSelection:
        """The selection in one setting. Raises ValueError where a part of it is open."""
        brought = {name: (value,) for name, value in fills.items()}
        given = brought | self.model_dump(exclude_none=True)
        for name in NEEDED:
            if name not in given:
                raise ValueError(f"{name}: expected in the selection or under `each`")
        return self.model_copy(update=given)

    def named(self, where: str) -> Iterator[tuple[str, str, str]]:
        """Its metrics and strata: where they stand, the column, the word."""
        columns = (("metric", self.metric), ("stratum", self.stratum))
        yield from ((where, column, word) for column, words in columns for word in words or ())

    def find(self, figures: Sequence[Published]) -> list[Published]:
        """Every figure that matches; what an article repeats is no evidence for it."""
        wanted = self.model_dump(exclude_none=True)
        return [
            figure
            for figure in figures
            if figure.seen != "article"
            and all(getattr(figure, name) in values for name, values in wanted.items())
        ]

    def told(self) -> str:
        """What is looked for: metric, models and benchmark in words."""
        return f"{self.metric_words()}{self.whom()}"

    def metric_words(self) -> str:
        """The metric in words."""
        return " or ".join(words(metric) for metric in self.metric or ())

    def whom(self) -> str:
        """Of which models, and where; nothing for what was not measured on a benchmark."""
        benchmarks = [name for name in self.benchmark or () if name not in NO_BENCHMARK]
        where = f" on {' or '.join(benchmarks)}" if benchmarks else ""
        return f" of {', '.join(self.model or ())}{where}"


class Pair(NamedTuple):
    """Two published figures that a rule compares."""

    first: Published
    second: Published


class FiguresRule(Strict):
    """A rule on published figures."""

    @abstractmethod
    def decide(self, figures: Sequence[Published], unit: Unit) -> RuleResult:
        """What the figures say."""

    @abstractmethod
    def named(self) -> Iterator[tuple[str, str, str]]:
        """Every metric and stratum that the rule names: where, the column, the word."""


class FigurePairs(FiguresRule):
    """A rule on one pair of published figures, or on several."""

    a: FigureSelection
    b: FigureSelection
    each: dict[FigureAxis, Names] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> FigurePairs:
        for first, second in self.settings():
            if first == second:
                told = ", ".join(
                    f"{name} {' or '.join(values)}"
                    for name, values in first.model_dump(exclude_none=True).items()
                )
                raise ValueError(f"expected two sides that differ, both are {told}")
        return self

    def settings(self) -> Iterator[tuple[FigureSelection, FigureSelection]]:
        """Both selections for every combination of the axes; `against` is b's model."""
        for values in product(*self.each.values()):
            fills: dict[str, str] = dict(zip(self.each, values, strict=True))
            against = {"model": fills.pop("against")} if "against" in fills else {}
            yield self.a.filled(fills), self.b.filled(fills | against)

    def named(self) -> Iterator[tuple[str, str, str]]:
        """Those of both sides and those under `each`."""
        yield from self.a.named("a")
        yield from self.b.named("b")
        yield from (("each", "metric", word) for word in self.each.get("metric", ()))

    def pairs(self, figures: Sequence[Published]) -> list[Pair] | str:
        """The figures of every pair, or why one has not exactly one figure on each side."""
        pairs = []
        for sides in self.settings():
            chosen = []
            for selection in sides:
                found = selection.find(figures)
                if len(found) != 1:
                    got = f"{len(found)} in different settings" if found else "none"
                    return f"expected one published {selection.told()}, found {got}."
                chosen += found
            pairs.append(Pair(*chosen))
        return pairs


def words(metric: str) -> str:
    """A published metric in words."""
    return METRICS.get(metric, metric.replace("_", " "))

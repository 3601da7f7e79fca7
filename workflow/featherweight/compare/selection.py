"""What every rule of a claim is made of: selections of numbers, and settings that fill them.

A rule is a frozen model of its arguments; nothing in it is ever evaluated as code. One real rule's
arguments, as `config/claims.yaml` writes them:

    a: {model: deepseek-r1-distill-qwen-1.5b, task: bbq, stratum: all, metric: accuracy}
    b: {task: bbq, stratum: all, metric: accuracy}
    each: {against: [smollm2-1.7b-instruct, qwen2.5-1.5b-instruct]}
    holds_in: listed
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from featherweight.compare.result import Unit, gap, show
from featherweight.records import ALL

Quantifier = Literal["every", "most", "listed"]
Axis = Literal["model", "task", "group", "stratum", "against"]
Fills = Mapping[str, str]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text")
    return text


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("expected at least one name")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"expected every value once, got {name!r} twice")
    return names


Text = Annotated[str, AfterValidator(_not_blank)]
Names = Annotated[tuple[Text, ...], AfterValidator(_once)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Margin = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]


class Strict(BaseModel):
    """No unknown keys, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(NamedTuple):
    """One of our numbers; without a policy the task's."""

    model: str
    task: str  # a label
    group: str
    stratum: str
    metric: str
    policy: str | None = None

    def told(self) -> str:
        """The key in words, without what it leaves open."""
        known = {name: value for name, value in self._asdict().items() if value is not None}
        return ", ".join(f"{name} {value}" for name, value in known.items() if value != ALL)


class Selection(Strict):
    """Which number a rule looks up; a setting fills what is left open."""

    metric: Text
    model: Text | None = None
    task: Text | None = None
    stratum: Text | None = None
    group: Text | None = None
    policy: Text | None = None

    def key(self, fills: Fills, **more: str) -> Key:
        """The number in one setting; `more` replaces. Raises ValueError where a part is open."""
        given = {"group": ALL, **fills, **self.model_dump(exclude_none=True), **more}
        for name in ("model", "task", "stratum"):
            if name not in given:
                raise ValueError(f"{name}: expected in the selection or under `each`")
        return Key(**{name: given[name] for name in Key._fields if name in given})


class Speaker(NamedTuple):
    """How models, metrics and numbers of one claim are called."""

    label: Callable[[str], str]
    metric: Callable[[str], str]
    unit: Unit

    def labels(self, models: tuple[str, ...], between: str = ", ") -> str:
        """The names of several models."""
        return between.join(map(self.label, models))

    def show(self, value: float) -> str:
        """A number in the claim's unit."""
        return show(value, self.unit)

    def gap(self, value: float) -> str:
        """A distance between two numbers in the claim's unit."""
        return gap(value, self.unit)


class StudyRule(Strict):
    """A rule on this run's own numbers, asked in one setting or in several."""

    each: dict[Axis, Names] = Field(default_factory=dict)
    holds_in: Quantifier | None = None

    @abstractmethod
    def looked_up(self, fills: Fills) -> list[Key]:
        """Every number of one setting. Raises ValueError where a part of a key is open."""

    @abstractmethod
    def words(self, speak: Speaker) -> str:
        """The rule as the page and `--explain` print it, without the settings."""

    def settings(self) -> Iterator[dict[str, str]]:
        """What fills the selections, setting by setting; one that fills nothing without `each`."""
        for values in product(*self.each.values()):
            yield dict(zip(self.each, values, strict=True))

    def labels(self) -> set[str]:
        """Every task label that the rule names."""
        return {key.task for fills in self.settings() for key in self.looked_up(fills)}

    @model_validator(mode="after")
    def _whole(self) -> StudyRule:
        if bool(self.each) != (self.holds_in is not None):
            raise ValueError("each, holds_in: expected both of them or none")
        if "against" in self.each and "b" not in type(self).model_fields:
            raise ValueError("each: against: expected a rule that compares a with b")
        for fills in self.settings():
            differ(self.looked_up(fills))
        return self


def differ(keys: list[Key]) -> None:
    """Refuse to compare a number with itself, which nothing could refute. Raises ValueError."""
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"expected two sides that differ, both are {key.told()}")


class PairRule(StudyRule):
    """A rule on two numbers; `against` fills the model of b."""

    a: Selection
    b: Selection

    def looked_up(self, fills: Fills) -> list[Key]:
        """Both numbers."""
        own = {name: value for name, value in fills.items() if name != "against"}
        if "against" in fills and self.b.model is not None:
            raise ValueError("each: against: expected b without a model of its own")
        against = {"model": fills["against"]} if "against" in fills else {}
        return [self.a.key(own), self.b.key(own | against)]

    def sides(self, speak: Speaker, between: str) -> str:
        """The two sides, named by what differs between them."""
        a, b = self.a, self.b
        if a.model is not None and "against" in self.each:
            others = speak.labels(self.each["against"], " and ")
            return f"{speak.label(a.model)} {between} {others}"
        if a.model is not None and b.model is not None and a.model != b.model:
            return f"{speak.label(a.model)} {between} {speak.label(b.model)}"
        if a.stratum != b.stratum:
            return f"{a.stratum} questions {between} {b.stratum} questions"
        return f"{a.task} {between} {b.task}"

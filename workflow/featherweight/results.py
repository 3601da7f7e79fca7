"""The tables of `aggregate`, ready to be looked up: one home for `compare` and `report`.

Reads estimates, differences, spread, positions and (where there is one) contrasts.parquet. A
difference or contrast is found whichever way round it was estimated, and comes back the way it was
asked for. One real row, of `contrast("hesitant", "pocket-letter", "pocket-answer-line",
"unparsed")`:

    ContrastRow(model="hesitant", first="pocket-letter", second="pocket-answer-line",
                stratum_first="all", stratum_second="all", metric="unparsed", policy="drop",
                value=0.234, low=0.210, high=0.258, p=0.0, n_first=1200, n_second=1200, ...)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from featherweight.errors import InputError
from featherweight.files import read_rows
from featherweight.records import ALL, ContrastRow, Difference, Estimate, Position, Spread
from featherweight.specs import CompareSpec

TABLES = ("estimates", "differences", "spread", "positions")
LOSSES = ("unparsed", "unfinished")  # the two shares that add up to the unread answers

Key = tuple[str, ...]  # of a row, without its policy
Row = TypeVar("Row", Estimate, Difference, ContrastRow)
Paired = TypeVar("Paired", Difference, ContrastRow)
Index = Mapping[Key, Mapping[str, Row]]  # by key, then by policy


@dataclass(frozen=True)
class Results:
    """The results of a study, and what is known of its models and tasks."""

    spec: CompareSpec
    estimates: Sequence[Estimate] = ()
    differences: Sequence[Difference] = ()
    contrasts: Sequence[ContrastRow] = ()
    spread: Sequence[Spread] = ()
    positions: Sequence[Position] = ()

    @cached_property
    def every(self) -> tuple[str, ...]:
        """All models and controls of the study, in its order, those without results last."""
        named = dict.fromkeys([*(row.model for row in self.estimates), *self.spec.models])
        return tuple(name for name in named if name in self.spec.models)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Models and controls of the study without any result."""
        measured = {row.model for row in self.estimates}
        return tuple(name for name in self.every if name not in measured)

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """The study's controls."""
        return tuple(name for name in self.every if self.spec.models[name].control is not None)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models with results, controls left out."""
        others = {*self.controls, *self.missing}
        return tuple(name for name in self.every if name not in others)

    def asked(self, model: str, task: str) -> bool:
        """Whether the study asks this model or control this task."""
        entry = self.spec.tasks.get(task)
        return entry is not None and model in entry.models

    def models_of(self, task: str) -> tuple[str, ...]:
        """Models with results that are asked a task, controls left out."""
        return tuple(name for name in self.models if self.asked(name, task))

    def policy(self, task: str) -> str:
        """What the headline of a task does with answers that could not be read."""
        return self.spec.policies[task]

    def groups(self, task: str) -> list[str]:
        """The scored groups of a task, without `ALL`, by name."""
        named = {row.group for row in self.estimates if row.task == task} - {ALL}
        return sorted(named, key=lambda group: group.replace("_", " "))

    def groups_of(self, category: str) -> list[str]:
        """The scored groups of a category: its own name, or that and more in brackets behind."""
        return [group for group in self._groups if group.split(" (")[0] == category]

    @cached_property
    def _groups(self) -> list[str]:
        return sorted({row.group for row in self.estimates} - {ALL})

    def label(self, model: str) -> str:
        """The name of a model that a reader sees."""
        known = self.spec.models.get(model)
        return model if known is None else known.label

    def task_label(self, task: str) -> str:
        """The name of a task that a reader sees, with how it was answered if not generated."""
        entry = self.spec.tasks.get(task)
        name = task if entry is None or entry.label != entry.task else entry.name
        chosen = self.by_likelihood(task) and "likelihood" not in name
        return f"{name}, by likelihood" if chosen else name

    def by_likelihood(self, task: str) -> bool:
        """Whether a task's answers were chosen by likelihood, not generated."""
        entry = self.spec.tasks.get(task)
        return entry is not None and entry.answers == "likelihood"

    def estimate(
        self,
        model: str,
        task: str,
        group: str,
        stratum: str,
        metric: str,
        policy: str | None = None,
    ) -> Estimate | None:
        """An estimate, or None; without a policy the task's, else the only one there is."""
        return self._row(self._estimates, (model, task, group, stratum, metric), policy, task)

    def unread(self, model: str, task: str, group: str, stratum: str) -> float | None:
        """The share of answers that could not be read or were cut off; None where unknown."""
        shares = [self.estimate(model, task, group, stratum, metric) for metric in LOSSES]
        values = [share.value for share in shares if share is not None and share.value is not None]
        return sum(values) if len(values) == len(LOSSES) else None

    def difference(
        self,
        model: str,
        baseline: str,
        task: str,
        group: str,
        stratum: str,
        metric: str,
        policy: str | None = None,
    ) -> Difference | None:
        """Model minus baseline, paired, or None; without a policy as in `estimate`."""
        where = (task, group, stratum, metric)
        row = self._row(self._differences, (model, baseline, *where), policy, task)
        if row is not None:
            return row
        row = self._row(self._differences, (baseline, model, *where), policy, task)
        return None if row is None else replace(_turned(row), model=model, baseline=baseline)

    def contrast(
        self,
        model: str,
        first: str,
        second: str,
        metric: str,
        strata: tuple[str, str] = (ALL, ALL),
        group: str = ALL,
        policy: str | None = None,
    ) -> ContrastRow | None:
        """One model's first task (in the first stratum) minus the second, or None; without a
        policy that of the task which was estimated first.
        """
        where = (metric, group)
        key = (model, first, second, *strata, *where)
        row = self._row(self._contrasts, key, policy, first)
        if row is not None:
            return row
        key = (model, second, first, *strata[::-1], *where)
        row = self._row(self._contrasts, key, policy, second)
        return None if row is None else _swapped(row)

    @cached_property
    def _estimates(self) -> Index[Estimate]:
        return _index(self.estimates, "model task group stratum metric")

    @cached_property
    def _differences(self) -> Index[Difference]:
        return _index(self.differences, "model baseline task group stratum metric")

    @cached_property
    def _contrasts(self) -> Index[ContrastRow]:
        columns = "model first second stratum_first stratum_second metric group"
        return _index(self.contrasts, columns)

    def _row(self, rows: Index[Row], key: Key, policy: str | None, task: str) -> Row | None:
        by_policy = rows.get(key, {})
        if policy is not None:
            return by_policy.get(policy)
        only = next(iter(by_policy.values())) if len(by_policy) == 1 else None
        own = self.spec.policies.get(task)
        return only if own is None else by_policy.get(own, only)


def _index(rows: Iterable[Row], columns: str) -> Index[Row]:
    index: dict[Key, dict[str, Row]] = {}
    for row in rows:
        key = tuple(getattr(row, column) for column in columns.split())
        index.setdefault(key, {})[row.policy] = row
    return index


def _turned(row: Paired) -> Paired:
    """A difference the other way round; 0.0 - x keeps 0.0 what it is, -x would make -0.0."""
    turned: dict[str, Any] = {}
    for end in ("", "_asked"):
        for column, other in (("value", "value"), ("low", "high"), ("high", "low")):
            was = getattr(row, other + end)
            turned[column + end] = None if was is None else 0.0 - was
    return replace(row, **turned)


def _swapped(row: ContrastRow) -> ContrastRow:
    """A contrast with its sides exchanged."""
    return replace(
        _turned(row),
        first=row.second,
        second=row.first,
        stratum_first=row.stratum_second,
        stratum_second=row.stratum_first,
        n_first=row.n_second,
        n_second=row.n_first,
        n_clusters_first=row.n_clusters_second,
        n_clusters_second=row.n_clusters_first,
        n_questions_first=row.n_questions_second,
        n_questions_second=row.n_questions_first,
    )


def read_results(folder: Path, spec: CompareSpec) -> Results:
    """Read the aggregate folder. Raises InputError if a file is missing or of another version."""
    problems = [
        f"{folder / name}.parquet: expected what `aggregate` writes, found no file; run"
        " `aggregate` first"
        for name in TABLES
        if not (folder / f"{name}.parquet").is_file()
    ]
    if problems:
        raise InputError(problems)
    contrasts = folder / "contrasts.parquet"
    try:
        return Results(
            spec=spec,
            estimates=read_rows(folder / "estimates.parquet", Estimate),
            differences=read_rows(folder / "differences.parquet", Difference),
            contrasts=read_rows(contrasts, ContrastRow) if contrasts.is_file() else (),
            spread=read_rows(folder / "spread.parquet", Spread),
            positions=read_rows(folder / "positions.parquet", Position),
        )
    except ValueError as error:
        raise InputError(str(error)) from error

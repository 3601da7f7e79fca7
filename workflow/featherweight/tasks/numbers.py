"""What numbers a task has: the columns that are counted, and the measures that are made of them.

Counts are an array (clusters, groups, strata, columns). The first columns are those of every task
(`stats.counts`); a task's own follow them. A task with numbers of its own is a package with a
module `numbers` and a `NUMBERS` in it; one that grades free answers has those of `graded_numbers`,
every other one accuracy, loss and length (`DEFAULT`).
One real metric:

    Metric(name="accuracy", stratum="all", policy=DROP, measure=..., rests_on=..., places=(0, 1))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from featherweight.records import ALL
from featherweight.stats import measures
from featherweight.stats.counts import (
    DROP,
    GENERAL,
    N_ITEMS,
    WRONG,
    Answers,
    Bools,
    Codes,
    Over,
    Policy,
    Values,
)
from featherweight.stats.measures import Function, Measure
from featherweight.tasks import FOLDER, task
from featherweight.tasks.choice import demands_last_line
from featherweight.tasks.rules import UNREAD

# What `aggregate` appends to the name of a metric.
MACRO, BOOTSTRAP, BY_ITEM = "_macro", "_bootstrap", "_by_item"
ACCURACY, CHANCE = "accuracy", "chance"
WILSON, ICC, DESIGN_EFFECT = "accuracy_wilson", "icc", "design_effect"  # beside an accuracy


class Rows(NamedTuple):
    """Score rows of one task, and the rows of its own judged table beside them."""

    scores: pa.Table
    judged: pa.Table | None


class Column(NamedTuple):
    """A column of the counts: a value per answer, summed over all answers, the read or the rest."""

    name: str
    over: Over
    mark: Callable[[Rows], Values | Bools]

    @property
    def names(self) -> tuple[str, ...]:
        """The name, as one of several."""
        return (self.name,)


class Columns(NamedTuple):
    """Columns of the counts that are worked out together, so that what they share is done once."""

    names: tuple[str, ...]
    over: Over
    mark: Callable[[Rows], Values]  # shape (answers, columns)


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure in one stratum under one policy, with the number of answers that it rests on."""

    name: str
    stratum: str  # one of the task's, or ALL
    policy: Policy
    measure: Measure
    rests_on: Function
    places: tuple[int, ...]  # of the stratum, on the axis of strata
    optional: bool = False  # not told where no answer is there for it to rest on

    def is_told(self, total: Values) -> bool:
        """Whether these counts, summed over clusters, have a row for it."""
        return self.n_asked(total) > 0 and (not self.optional or self.n(total) > 0)

    def n(self, total: Values) -> int:
        """Answers that the value rests on, for counts summed over clusters."""
        return int(self.rests_on(total).sum())

    def n_questions(self, by_item: Values) -> int:
        """Unique questions behind these answers, for counts per item: (items, strata, columns)."""
        return int(np.count_nonzero(self.rests_on(by_item) > 0))

    def n_asked(self, total: Values) -> int:
        """Answers asked for in this stratum."""
        return int(total[..., list(self.places), N_ITEMS].sum())


class Printed(NamedTuple):
    """A number that another tool would print for the same answers; None: it prints none."""

    tool: str  # stands as the policy of the row
    metric: str
    stratum: str
    value: float | None


class Counterparts(NamedTuple):
    """Two strata that ask the same questions, and which are the same.

    An item and its counterpart share their block and these columns of the judged table.
    """

    first: str
    second: str
    by: tuple[str, ...]


class KnownScore(NamedTuple):
    """A score of a control that is known beforehand."""

    control: str
    stratum: str
    metric: str
    value: float | Literal["chance"]  # chance: that of the items that were asked
    exact: bool  # False: only on average
    policy: str | None = None  # known under this policy; None: under each
    last_line: bool | None = None  # where the wording demands a last line, or not; None: always


class AtLeast(NamedTuple):
    """What a model with something planted in it must reach on the items of this task."""

    stratum: str
    metric: str
    value: float


def everyone(rows: Rows) -> Bools:
    """Every answer takes part."""
    return np.ones(rows.scores.num_rows, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers of a task, in the order of the report."""

    strata: tuple[str, ...] = ()
    # Whether a draw has as many items of each stratum as any other draw; False: as chance has it.
    fixed_mix: bool = True
    columns: tuple[Column | Columns, ...] = ()  # after those of every task
    inside: Callable[[Rows], Bools] = everyone  # which answers take part
    policies: tuple[Policy, ...] = (DROP, WRONG)
    own: Callable[[Policy], Sequence[Metric]] = lambda policy: ()  # metrics after the accuracies
    bare: Callable[[Policy], Sequence[Metric]] = lambda policy: ()  # told without an interval
    # Names of metrics of growing k: of each series the last that was measured is compared as well.
    series: tuple[tuple[str, ...], ...] = ()
    # (metric, stratum) that models are compared by; None: the accuracy of each stratum
    headlines: tuple[tuple[str, str], ...] | None = None
    # What other tools would print, for counts of shape (strata, columns); their names.
    printed: Callable[[Values], Iterator[Printed]] | None = None
    tools: tuple[str, ...] = ()
    counterparts: Counterparts | None = None
    known: tuple[KnownScore, ...]
    # How a metric is called in a sentence; others: by their name.
    words: Mapping[str, str] = field(default_factory=dict)
    at_least: tuple[AtLeast, ...] = ()

    @property
    def n_strata(self) -> int:
        """The length of the axis of strata: 1 where the task has none."""
        return max(1, len(self.strata))

    @property
    def over(self) -> tuple[Over, ...]:
        """Over which answers each column is summed."""
        return GENERAL + tuple(column.over for column in self.columns for _ in column.names)

    def places(self, stratum: str) -> tuple[int, ...]:
        """Where a stratum, or ALL, stands on the axis of strata."""
        return tuple(range(self.n_strata)) if stratum == ALL else (self.strata.index(stratum),)

    def policy(self, name: str) -> Policy:
        """The policy of this name. Raises LookupError."""
        for policy in self.policies:
            if policy.name == name:
                return policy
        names = ", ".join(policy.name for policy in self.policies)
        raise LookupError(f"expected one of {names}, got {name!r}")

    def metrics(self, policy: Policy) -> list[Metric]:
        """Everything that depends on what is done with unread answers."""
        accuracies = [
            self._metric(ACCURACY, stratum, policy, measures.accuracy(policy, self.places(stratum)))
            for stratum in (*self.strata, ALL)
        ]
        return self._drawn([*accuracies, *self.own(policy)])

    def headline(self, policy: Policy) -> list[Metric]:
        """The numbers that models are compared by."""
        by_accuracy = tuple((ACCURACY, stratum) for stratum in self.strata or (ALL,))
        by_key = {(metric.name, metric.stratum): metric for metric in self.metrics(policy)}
        return [by_key[key] for key in self.headlines or by_accuracy]

    def compared(self, policy: Policy) -> list[Metric]:
        """What differences are taken of: the accuracy over all, which ranks models, headlines."""
        first = self.overall(policy)
        rest = [one for one in self.headline(policy) if (one.name, one.stratum) != (ACCURACY, ALL)]
        return [first, *rest]

    def largest(self, policy: Policy, totals: Sequence[Values]) -> list[Metric]:
        """Of each series the last metric that is told of all these counts, over all strata."""
        by_key = {(metric.name, metric.stratum): metric for metric in self.metrics(policy)}
        told = [
            [
                by_key[name, ALL]
                for name in names
                if (name, ALL) in by_key and all(map(by_key[name, ALL].is_told, totals))
            ]
            for names in self.series
        ]
        return [metrics[-1] for metrics in told if metrics]

    def overall(self, policy: Policy) -> Metric:
        """The accuracy over all strata."""
        return self.metrics(policy)[len(self.strata)]

    def shares(self, policy: Policy) -> list[Metric]:
        """What does not depend on the policy, told under the headline's: loss and length."""
        made = (
            ("unparsed", measures.unparsed),
            ("unfinished", measures.unfinished),
            ("n_tokens", measures.n_tokens),
        )
        return self._drawn(
            self._metric(name, stratum, policy, measure(self.places(stratum)))
            for stratum in (*self.strata, ALL)
            for name, measure in made
        )

    def _drawn(self, metrics: Iterable[Metric]) -> list[Metric]:
        """These metrics, whose measures know how their strata were drawn."""
        if self.fixed_mix:
            return [*metrics]
        return [replace(one, measure=replace(one.measure, together=one.places)) for one in metrics]

    def without_interval(self, policy: Policy) -> list[Metric]:
        """The mean chance of a blind guess in each stratum, and what the task tells without one."""
        chances = [
            self._metric(CHANCE, stratum, policy, measures.chance(self.places(stratum)))
            for stratum in (*self.strata, ALL)
        ]
        return [*chances, *self.bare(policy)]

    def _metric(self, name: str, stratum: str, policy: Policy, measure: Measure) -> Metric:
        return Metric(name, stratum, policy, measure, measure.weight, self.places(stratum))

    def known_scores(self, control: str, policy: str, user: str) -> list[KnownScore]:
        """What is known of a control under a policy and a wording, given by its user message."""
        last_line = demands_last_line(user)
        return [
            one
            for one in self.known
            if one.control == control
            and one.policy in (None, policy)
            and one.last_line in (None, last_line)
        ]

    @property
    def names(self) -> frozenset[str]:
        """The name of every metric that `aggregate` writes of such a task."""
        headline = {one.name for one in self.headline(WRONG)}
        shared = {one.name for one in (*self.metrics(WRONG), *self.shares(WRONG))}
        ended = {f"{name}{end}" for name in headline for end in (BOOTSTRAP, BY_ITEM)}
        bare = {one.name for one in self.without_interval(WRONG)}
        beside = bare | {WILSON, ICC, DESIGN_EFFECT}
        return frozenset(shared | {f"{name}{MACRO}" for name in shared} | ended | beside)

    @property
    def contrasted(self) -> frozenset[str]:
        """The name of every metric that `aggregate` contrasts."""
        return frozenset(one.name for one in (*self.metrics(WRONG), *self.shares(WRONG)))

    def answers(self, rows: Rows) -> Answers:
        """The rows as answers that can be counted.

        Raises ValueError for an answer in a stratum that the task does not have.
        """
        scores = rows.scores
        right = equal(scores, "outcome", "right")
        everything = np.ones(scores.num_rows)
        columns = [
            everything,
            right,
            everything,
            equal(scores, "outcome", "unfinished"),
            floats(scores, "n_tokens"),
            floats(scores, "chance"),
            *(column.mark(rows) for column in self.columns),
        ]
        values = np.column_stack(columns).astype(np.float64)
        values[~self.inside(rows)] = 0.0
        read = right | equal(scores, "outcome", "wrong")
        return Answers(values, self.over, read, self._stratum(scores), self.n_strata)

    def _stratum(self, scores: pa.Table) -> Codes:
        if not self.strata:
            strangers = set(pc.unique(scores["stratum"].drop_null()).to_pylist())
            codes = np.zeros(scores.num_rows, dtype=np.int64)
        else:
            strangers = set(pc.unique(scores["stratum"]).to_pylist()) - set(self.strata)
            places = pc.index_in(scores["stratum"], pa.array(self.strata, pa.string()))
            codes = pc.fill_null(places, 0).to_numpy().astype(np.int64)
        if strangers:
            named = ", ".join(map(str, sorted(strangers, key=str)))
            strata = f"the strata {', '.join(self.strata)}" if self.strata else "no stratum"
            raise ValueError(f"expected {strata}, got {named}")
        return codes


def equal(table: pa.Table, name: str, value: str) -> Bools:
    """Where a column of texts has this value; null has none."""
    found = pc.fill_null(pc.equal(table[name], value), False)
    return np.asarray(found.to_numpy(), dtype=np.bool_)


def floats(table: pa.Table, name: str) -> Values:
    """A column of numbers or truth values as floats, nan for null."""
    return np.asarray(pc.cast(table[name], pa.float64()).to_numpy(), dtype=np.float64)


def known_everywhere(strata: Sequence[str]) -> tuple[KnownScore, ...]:
    """What is known of the controls of any task, in each of these strata."""
    rates = UNREAD["hesitant"]
    return (
        *(KnownScore("oracle", stratum, ACCURACY, 1.0, exact=True) for stratum in strata),
        *(KnownScore("random", stratum, ACCURACY, "chance", exact=False) for stratum in strata),
        # Of what it answers it has all right.
        *(
            KnownScore("hesitant", stratum, ACCURACY, 1.0, exact=True, policy=DROP.name)
            for stratum in strata
        ),
        *(
            KnownScore("hesitant", ALL, "unparsed", rate, exact=False, last_line=last_line)
            for last_line, rate in ((False, rates.free), (True, rates.last_line))
        ),
        KnownScore("hesitant", ALL, "unfinished", 0.0, exact=True),
    )


def default(strata: tuple[str, ...] = ()) -> Numbers:
    """Accuracy, loss, length and chance, in these strata."""
    return Numbers(strata=strata, known=known_everywhere(strata or (ALL,)))


DEFAULT = default()


@cache
def numbers(task_name: str) -> Numbers:
    """The numbers of a task: its own, those of graded tasks, or the default.

    Raises LookupError where there is no such task.
    """
    if (FOLDER / task_name / "numbers.py").is_file():
        own: Numbers = import_module(f"featherweight.tasks.{task_name}.numbers").NUMBERS
        return own
    one = task(task_name)
    if one.grading is not None:
        from featherweight.tasks.graded_numbers import graded  # which builds on this module

        made = graded(one.strata, one.controls)
    else:
        made = default(one.strata)
    # drawn one by one, items are of whatever strata they happen to be
    return replace(made, fixed_mix=one.block > 1 or not one.strata)

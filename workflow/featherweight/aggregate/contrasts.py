"""Two sets of one model's answers, compared: two task labels, or two strata of one task.

Where two labels ask the same items (generated and by likelihood) the difference is paired, exactly
as between two models: over the pairs of answers that both had read, with that over all pairs beside
it (`differences`). Where the items differ (about one group of people and about another) it is one
of two sets; clusters that both have cancel, and sets without a common cluster are sampled apart.
Two strata that a task names as counterparts are paired question by question, over the pairs that
were both read, for all groups together and for each; such rows name the task twice. Errors are
clustered by template, within categories. A label with one template allows no clustered interval:
items are the clusters then (blocks, where strata of one label are compared), and the row's method
says so, because such an interval cannot know how another template would have come out. p values are
not corrected. One real row:

    ContrastRow(model="pocket-tilted", first="bbq-likelihood", second="bbq", stratum_first="all",
                stratum_second="all", metric="accuracy", policy="drop", value=-0.172, low=-0.226,
                high=-0.117, p=3.8e-08, n_first=892, n_second=892, n_clusters_first=209,
                n_clusters_second=209, method="cluster jackknife within categories, t",
                caution=None, paired=True, ..., value_asked=0.201, ..., n_asked=3296, group="all")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.aggregate.pairing import (
    Side,
    Sides,
    asked_of_both,
    loss_decides,
    numbers_across,
    side,
)
from featherweight.aggregate.pairing import compared as compared_sides
from featherweight.aggregate.slices import slices
from featherweight.errors import InputError
from featherweight.records import ContrastRow
from featherweight.specs import AggregateSpec, ContrastSpec
from featherweight.stats.clusters import METHOD
from featherweight.stats.counts import N_ITEMS, WRONG, Policy, Values
from featherweight.stats.paired import Difference, difference
from featherweight.stats.strata import Strata
from featherweight.tasks.numbers import Metric, Numbers, default

BY_ITEM = "item jackknife, t (a label has one template)"
BY_BLOCK = "block jackknife, t (a label has one template)"


def contrasts(everything: Sequence[Answered], spec: AggregateSpec) -> list[ContrastRow]:
    """All rows.

    Raises InputError for a label that the study does not have, and for two whose strata differ. A
    label that nobody answered, since its models could not be had, has no rows.
    """
    numbers = {answered.task: answered.layout.numbers for answered in everything}
    problems = [
        f"contrasts: expected a task label of this study ({', '.join(numbers)}), got {label!r}"
        for contrast in spec.contrasts
        for label in contrast.pair
        if label not in numbers and label not in spec.tasks
    ] or [
        f"contrasts: expected two tasks with the same strata, got {' and '.join(contrast.pair)}"
        for contrast in spec.contrasts
        if len({numbers[label].strata for label in contrast.pair if label in numbers}) > 1
    ]
    if problems:
        raise InputError(problems)
    by_key = {(answered.model, answered.task): answered for answered in everything}
    rows: list[ContrastRow] = []
    for contrast in spec.contrasts:
        for model in dict.fromkeys(answered.model for answered in everything):
            both = [by_key[model, task] for task in contrast.pair if (model, task) in by_key]
            if len(both) == 2:
                rows += _of_labels(both[0], both[1], contrast, spec.level)
    return rows + [row for answered in everything for row in _of_strata(answered, spec.level)]


def _of_labels(
    first: Answered, second: Answered, contrast: ContrastSpec, level: float
) -> Iterator[ContrastRow]:
    of_both, policy = _common(first.layout.numbers, second.layout.numbers), first.layout.policy
    codes = numbers_across(first, second)
    sides = side(first, codes[0]), side(second, codes[1])
    paired = np.array_equal(np.sort(codes[0]), np.sort(codes[1]))
    read = compared_sides(*sides, policy) if paired else sides
    asked = asked_of_both(*sides)
    as_wrong = {(one.name, one.stratum): one for one in of_both.metrics(WRONG)}
    for metric in _scores(of_both, policy):
        row = _row(metric, read, level, caution=contrast.caution, paired=paired)
        if row is not None:
            wrong = as_wrong[metric.name, metric.stratum]
            yield _with_asked(row, wrong, asked, level) if paired else row
    for metric in of_both.shares(policy):
        row = _row(metric, sides, level, caution=contrast.caution, paired=paired)
        if row is not None:
            yield row


def _common(first: Numbers, second: Numbers) -> Numbers:
    """What both tasks count: their own numbers where these are of the same columns."""
    alike = [column.names for column in first.columns] == [one.names for one in second.columns]
    return first if alike else default(first.strata)


def _scores(numbers: Numbers, policy: Policy) -> list[Metric]:
    """What models are compared by, then every other metric."""
    compared = numbers.compared(policy)
    keys = {(metric.name, metric.stratum) for metric in compared}
    others = [one for one in numbers.metrics(policy) if (one.name, one.stratum) not in keys]
    return compared + others


def _of_strata(answered: Answered, level: float) -> Iterator[ContrastRow]:
    """Accuracy in one stratum minus that in its counterpart, question by question.

    All groups first, then each.
    """
    layout = answered.layout
    pair = layout.numbers.counterparts
    if pair is None:
        return
    metric, as_wrong = (layout.numbers.overall(policy) for policy in (layout.policy, WRONG))
    places = [layout.numbers.places(stratum)[0] for stratum in (pair.first, pair.second)]
    for part in slices(layout.groups):
        inside = answered.answers.inside & np.isin(answered.group, part.groups)
        first, second = (
            side(answered, answered.counterpart, inside & (answered.answers.stratum == place))
            for place in places
        )
        asked = asked_of_both(first, second)
        read = compared_sides(*asked, layout.policy)
        row = _row(metric, read, level, caution=None, paired=True)
        if row is not None:
            row = _with_asked(row, as_wrong, asked, level)
            yield replace(
                row, group=part.group, stratum_first=pair.first, stratum_second=pair.second
            )


def _row(
    metric: Metric, sides: Sides, level: float, *, caution: str | None, paired: bool
) -> ContrastRow | None:
    """One measure of both sides; None where a side has no answer that it could rest on."""
    counts = [one.counts.sum(axis=1) for one in sides]
    n_first, n_second = (metric.n(of_side.sum(axis=0)) for of_side in counts)
    if not (n_first and n_second):
        return None
    templates = [int(np.count_nonzero(metric.measure.weight(of_side))) for of_side in counts]
    units = _units(sides, few=min(templates) < 2)
    score = _difference(units, metric, level)
    return ContrastRow(
        model=sides[0].answered.model,
        first=sides[0].answered.task,
        second=sides[1].answered.task,
        stratum_first=metric.stratum,
        stratum_second=metric.stratum,
        metric=metric.name,
        policy=metric.policy.name,
        value=score.value,
        low=score.low,
        high=score.high,
        p=score.p,
        n_first=n_first,
        n_second=n_second,
        n_clusters_first=templates[0],
        n_clusters_second=templates[1],
        method=units.method,
        caution=caution,
        paired=paired,
        n_questions_first=metric.n_questions(sides[0].counts_by_item),
        n_questions_second=metric.n_questions(sides[1].counts_by_item),
    )


def _with_asked(row: ContrastRow, as_wrong: Metric, asked: Sides, level: float) -> ContrastRow:
    """The row with the difference over all pairs that were asked, unread answers being wrong."""
    units = _units(asked, few=row.method in (BY_ITEM, BY_BLOCK))
    score = _difference(units, as_wrong, level)
    return replace(
        row,
        value_asked=score.value,
        low_asked=score.low,
        high_asked=score.high,
        p_asked=score.p,
        loss_decides=loss_decides(row.value, row.p, score.value, score.p, level),
        n_asked=as_wrong.n_asked(asked[0].counts.sum(axis=(0, 1))),
    )


class _Units(NamedTuple):
    """Both sides' counts over the clusters of either side, and how these were sampled.

    Shape: (clusters, strata, columns).
    """

    first: Values
    second: Values
    sampled: Strata
    method: str


def _difference(units: _Units, metric: Metric, level: float) -> Difference:
    return difference(units.first, units.second, metric.measure, level, units.sampled)


def _units(sides: Sides, *, few: bool) -> _Units:
    """The templates of both sides; their items or blocks where a side has too few templates."""
    of_strata = sides[0].answered is sides[1].answered
    unit = (BY_BLOCK if of_strata else BY_ITEM) if few else METHOD
    # What both count: tasks with other columns of their own share the first ones.
    n_columns = min(len(one.answered.answers.over) for one in sides)
    named = [_named(one, unit, n_columns) for one in sides]
    present = [set(one) for one in named]
    apart = not present[0] & present[1]
    names = sorted(present[0] | present[1])
    together = named[0] | named[1]
    zero = np.zeros_like(together[names[0]].counts)
    kinds = [(together[name].kind, apart and name in present[0]) for name in names]
    codes = {kind: code for code, kind in enumerate(sorted(set(kinds)))}
    first, second = (
        np.stack([one[name].counts if name in one else zero for name in names]) for one in named
    )
    within = unit == METHOD and len({kind for kind, _ in kinds}) > 1
    sampled = np.array([codes[kind] for kind in kinds], dtype=np.int64)
    return _Units(first, second, sampled, sides[0].answered.layout.within if within else unit)


class _Unit(NamedTuple):
    kind: str  # `Layout.kinds`
    counts: Values


def _named(one: Side, unit: str, n_columns: int) -> dict[str, _Unit]:
    """The templates, items or blocks of which something was asked: kind and counts by name."""
    answered, layout = one.answered, one.answered.layout
    of_answers = layout.cluster_kind[answered.cluster]
    if unit == METHOD:
        names, counts = layout.clusters, one.counts.sum(axis=1)
        codes = layout.cluster_kind
    elif unit == BY_ITEM:
        names, counts = layout.items, one.counts_by_item
        codes = answered.item_property(of_answers)
    else:
        names, counts = layout.blocks, one.counts_by_block
        codes = np.zeros(len(names), dtype=np.int64)
        codes[answered.block] = of_answers
    asked = np.flatnonzero(counts[..., N_ITEMS].any(axis=-1)).tolist()
    return {
        names[place]: _Unit(layout.kinds[codes[place]], counts[place, ..., :n_columns])
        for place in asked
    }

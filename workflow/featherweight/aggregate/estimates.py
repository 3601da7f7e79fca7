"""The table of estimates: every model, task, group, stratum, metric and policy, with an interval.

A task declares its metrics (`tasks.numbers`): accuracy, unparsed, unfinished, n_tokens and chance
of every task, its own after them. Names end in what was made of a metric: `<metric>_macro` is the
mean of a task's categories, where "all" without it lets every item weigh the same;
`<metric>_bootstrap` is the same number with the percentile interval of the cluster bootstrap,
`accuracy_wilson` with the interval for as many independent answers as there are unique questions
(the same questions again with another seed are no new ones), both to compare with; `icc` and
`design_effect` say how alike the answers to one template are and how much wider that makes the
variance. What other tools would print stands under their name as policy, without an interval.
"All" is over fixed categories: its errors come from the templates within each of them, and within
each stratum where a draw fixes how many there are of each (`stats.strata`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.aggregate.one_template import rows_by_item
from featherweight.aggregate.slices import GroupSlice, macro_slices, slices
from featherweight.records import Estimate
from featherweight.specs import AggregateSpec
from featherweight.stats.clusters import (
    METHOD,
    Clustered,
    bootstrap_counts,
    bootstrap_weights,
    clustered,
    detectable,
    interval,
    percentile_interval,
)
from featherweight.stats.counts import WRONG, Values, accuracy, known, n_scored
from featherweight.stats.intervals import Interval, wilson
from featherweight.stats.power import design_effect, intraclass_correlation
from featherweight.stats.strata import usable
from featherweight.tasks.numbers import ACCURACY, BOOTSTRAP, DESIGN_EFFECT, ICC, Metric
from featherweight.tasks.numbers import WILSON as BY_WILSON

BY_BOOTSTRAP, NO_INTERVAL = "cluster bootstrap, percentile", "none"
WILSON = "Wilson, unique questions as independent"

Weights = dict[tuple[str, str, bytes], Values]  # of bootstrap samples, by task, group and clusters


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands: the model's answers to a task, cut to a group."""

    answered: Answered
    part: GroupSlice
    counts: Values
    total: Values  # the counts summed over clusters
    by_item: Values  # the counts of its items
    level: float

    def clustered(self, metric: Metric) -> Clustered:
        strata = self.answered.layout.cluster_kind
        return clustered(self.counts, self.part.measure(metric), strata)


def estimates(everything: Sequence[Answered], spec: AggregateSpec) -> list[Estimate]:
    """All rows, in the order of the models."""
    rows: list[Estimate] = []
    drawn: Weights = {}
    for answered in everything:
        layout = answered.layout
        for part in [*slices(layout.groups), *macro_slices(layout.group_category.tolist())]:
            counts, by_item = part.counts(answered.counts), answered.of_items(part.groups)
            total = counts.sum(axis=0)
            place = _Place(answered, part, counts, total, by_item, spec.level)
            rows += _of_slice(place)
            if not part.macro:
                rows += _bootstrapped(place, drawn, spec)
        rows += rows_by_item(answered, spec.level)
    return rows


def _of_slice(place: _Place) -> Iterator[Estimate]:
    """The rows of one group; strata in which nothing was asked have none."""
    numbers, policy = place.answered.layout.numbers, place.answered.layout.policy
    metrics = [metric for each in numbers.policies for metric in numbers.metrics(each)]
    asked = [
        metric for metric in (*metrics, *numbers.shares(policy)) if metric.is_told(place.total)
    ]
    yield from (_clustered_row(place, metric) for metric in asked)
    if place.part.macro:
        return
    for metric in asked:
        if metric.name == ACCURACY:
            yield _wilson_row(place, metric)
            if metric.policy == policy:
                yield from _alikeness(place, metric)
    for metric in numbers.without_interval(policy):
        if metric.is_told(place.total):
            yield _bare_row(place, metric, known(metric.measure.value(place.total)))
    yield from _printed(place)


def _row(
    place: _Place,
    metric: Metric,
    name: str,
    value: float | None,
    reach: Interval | None,
    n_clusters: int,
    method: str,
) -> Estimate:
    return Estimate(
        model=place.answered.model,
        task=place.answered.task,
        group=place.part.group,
        stratum=metric.stratum,
        metric=name,
        policy=metric.policy.name,
        value=value,
        low=None if reach is None else reach.low,
        high=None if reach is None else reach.high,
        n=metric.n(place.total),
        n_asked=metric.n_asked(place.total),
        n_clusters=n_clusters,
        method=NO_INTERVAL if reach is None else method,
        n_questions=metric.n_questions(place.by_item),
    )


def _clustered_row(place: _Place, metric: Metric) -> Estimate:
    measure, score = place.part.measure(metric), place.clustered(metric)
    reach = interval(
        score,
        bounds=measure.bounds,
        scale=measure.scale,
        level=place.level,
        unseen=measure.unseen,
    )
    layout = place.answered.layout
    used = measure.weight(place.counts) > 0
    method = layout.within if len(np.unique(layout.cluster_kind[used])) > 1 else METHOD
    name = place.part.name(metric)
    row = _row(place, metric, name, score.value, reach, score.n_clusters, method)
    return replace(row, detectable=detectable(score, measure.bounds))


def _bare_row(place: _Place, metric: Metric, value: float | None) -> Estimate:
    """A value without an interval."""
    n_clusters = int(np.count_nonzero(metric.measure.weight(place.counts)))
    return _row(place, metric, metric.name, value, None, n_clusters, NO_INTERVAL)


def _wilson_row(place: _Place, metric: Metric) -> Estimate:
    n = metric.n_questions(place.by_item)
    value = known(metric.measure.value(place.total))
    reach = None if value is None else wilson(value * n, n, place.level)
    n_clusters = int(np.count_nonzero(metric.measure.weight(place.counts)))
    return _row(place, metric, BY_WILSON, value, reach, n_clusters, WILSON)


def _alikeness(place: _Place, metric: Metric) -> Iterator[Estimate]:
    """How alike the answers to one template are, and what that costs."""
    scored = n_scored(place.counts, metric.policy)[:, list(metric.places)].sum(axis=-1)
    score = place.clustered(metric)
    effect = None
    if score.value is not None and score.se is not None:
        effect = design_effect(score.se, score.value, scored.sum())
    right = accuracy(place.counts, metric.policy, metric.places)
    icc = intraclass_correlation(np.nan_to_num(right) * scored, scored)
    yield _row(place, metric, ICC, icc, None, score.n_clusters, NO_INTERVAL)
    yield _row(place, metric, DESIGN_EFFECT, effect, None, score.n_clusters, NO_INTERVAL)


def _printed(place: _Place) -> Iterator[Estimate]:
    """What other tools would print; they take an unread answer for a wrong one."""
    numbers = place.answered.layout.numbers
    if numbers.printed is None:
        return
    by_key = {(metric.name, metric.stratum): metric for metric in numbers.metrics(WRONG)}
    for one in numbers.printed(place.total):
        metric = by_key[one.metric, one.stratum]
        if one.value is not None and metric.n_asked(place.total) > 0:
            yield replace(_bare_row(place, metric, one.value), policy=one.tool)


def _bootstrapped(place: _Place, drawn: Weights, spec: AggregateSpec) -> Iterator[Estimate]:
    """The headline numbers with bootstrap intervals.

    Every model is resampled with the same draws of templates, which `drawn` keeps.
    """
    counts, layout = place.counts, place.answered.layout
    used = np.asarray(counts.reshape(len(counts), -1).any(axis=1), dtype=np.bool_)
    n_used = int(np.count_nonzero(used))
    if n_used < 2:
        return
    key = (layout.task, place.part.group, used.tobytes())
    strata = usable(layout.cluster_kind, used)[used]
    if key not in drawn:
        generator = np.random.default_rng([spec.seed, *"\x1f".join(key[:2]).encode()])
        drawn[key] = bootstrap_weights(n_used, spec.draws, generator, strata)
    sums = bootstrap_counts(counts[used], drawn[key], strata)
    for metric in layout.numbers.headline(layout.policy):
        if metric.n_asked(place.total) > 0:
            value = known(metric.measure.value(place.total))
            draws = metric.measure.resampled(sums)
            reach = None if value is None else percentile_interval(draws, place.level)
            name = metric.name + BOOTSTRAP
            yield _row(place, metric, name, value, reach, n_used, BY_BOOTSTRAP)

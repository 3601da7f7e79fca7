"""The table of estimates: every model, task, group, condition, metric and policy, with an interval.

Metrics: accuracy, s_amb, s_dis, stereotyped (the share of ambiguous answers that choose the
stereotype-consistent person), unparsed, unfinished, n_tokens; `<metric>_macro` is the mean of a
task's categories, where "all" without it lets every item weigh the same; `<metric>_bootstrap` is
the same number with the percentile interval of the cluster bootstrap, `accuracy_wilson` with the
interval for as many independent answers as there are unique questions (the same questions again
with another seed are no new ones), both to compare with; `icc` and `design_effect` say how alike
the answers to one template are and how much wider that makes the variance. Policies lm_eval and
helm hold what those harnesses would print; their intervals are null. "All" is over fixed
categories: its errors come from the templates within each of them (`stats.strata`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import (
    MACRO,
    PLACES,
    Asked,
    Cell,
    cells,
    headline,
    mean_cells,
    shares,
    under,
)
from featherweight.aggregate.one_template import rows_by_item
from featherweight.aggregate.spec import Spec
from featherweight.records import Estimate
from featherweight.stats.bias import POLICIES, Values, accuracy, known, n_scored
from featherweight.stats.clusters import (
    METHOD,
    WITHIN,
    Clustered,
    Measure,
    bootstrap_counts,
    bootstrap_weights,
    clustered,
    detectable,
    interval,
    percentile_interval,
)
from featherweight.stats.conventions import CONVENTIONS, convention_scores
from featherweight.stats.intervals import Interval, wilson
from featherweight.stats.power import design_effect, intraclass_correlation
from featherweight.stats.strata import Strata, usable

BOOTSTRAP, NO_INTERVAL = "cluster bootstrap, percentile", "none"
WILSON = "Wilson, unique questions as independent"


class _Place(NamedTuple):
    """Where a row stands: the model's answers to a task, cut to a group."""

    answered: Answered
    cell: Cell
    counts: Values
    total: Values  # the counts summed over clusters
    by_item: Values  # the counts of its items
    spec: Spec


def estimates(found: list[Answered], spec: Spec) -> list[Estimate]:
    """All rows, in the order of the models."""
    rows: list[Estimate] = []
    drawn: dict[tuple[str, str, bytes], Values] = {}
    for answered in found:
        task_counts, by_item = answered.counts(), answered.counts_by_item()
        group = answered.item_property(answered.group)
        for cell in [*cells(answered.groups), *mean_cells(answered.group_category.tolist())]:
            counts = cell.counts(task_counts)
            place = _Place(
                answered,
                cell,
                counts,
                counts.sum(axis=0),
                by_item[np.isin(group, cell.groups)],
                spec,
            )
            rows += _of_cell(place)
            rows += _bootstrapped(place, drawn)
        rows += rows_by_item(answered, spec)
    return rows


def method_of(strata: Strata) -> str:
    """How an interval over clusters of these strata is made."""
    return WITHIN if len(np.unique(strata)) > 1 else METHOD


def _of_cell(place: _Place) -> Iterator[Estimate]:
    """The rows of one group; conditions in which nothing was asked have none."""
    has_targets, policy = place.answered.has_targets, place.spec.policy
    asked = [one for each in POLICIES for one in under(each, has_targets=has_targets)] + shares(
        policy
    )
    for one in asked:
        if one.n_items(place.total) > 0:
            yield _clustered_row(place, one)
    if place.cell.macro:
        return
    for one in asked:
        if one.metric == "accuracy" and one.n_items(place.total) > 0:
            yield _wilson_row(place, one)
            if one.policy == policy:
                yield from _alikeness(place, one)
    yield from _by_convention(place)


def _row(
    place: _Place,
    one: Asked,
    metric: str,
    value: float | None,
    reach: Interval | None,
    n_clusters: int,
    method: str,
) -> Estimate:
    return Estimate(
        model=place.answered.model,
        task=place.answered.task,
        group=place.cell.group,
        context_condition=one.condition,
        metric=metric,
        policy=one.policy,
        value=value,
        low=None if reach is None else reach.low,
        high=None if reach is None else reach.high,
        n=one.n(place.total),
        n_items=one.n_items(place.total),
        n_clusters=n_clusters,
        method=NO_INTERVAL if reach is None else method,
        n_questions=one.n_questions(place.by_item),
    )


def _clustered(place: _Place, measure: Measure) -> Clustered:
    return clustered(place.counts, measure, place.answered.cluster_category)


def _clustered_row(place: _Place, one: Asked) -> Estimate:
    measure = one.within(place.cell)
    found = _clustered(place, measure)
    reach = interval(found, bounds=measure.bounds, scale=measure.scale, level=place.spec.level)
    metric = one.metric + MACRO if place.cell.macro else one.metric
    several = len(place.cell.groups) > 1
    method = method_of(place.answered.cluster_category) if several else METHOD
    row = _row(place, one, metric, found.value, reach, found.n_clusters, method)
    return replace(row, detectable=detectable(found, measure.bounds))


def _wilson_row(place: _Place, one: Asked) -> Estimate:
    places = list(PLACES[one.condition])
    n = one.n_questions(place.by_item)
    value = known(accuracy(place.total, one.policy, places))
    reach = None if value is None else wilson(value * n, n, place.spec.level)
    n_clusters = int(np.count_nonzero(one.measure.weight(place.counts)))
    return _row(place, one, "accuracy_wilson", value, reach, n_clusters, WILSON)


def _alikeness(place: _Place, one: Asked) -> Iterator[Estimate]:
    """How alike the answers to one template are, and what that costs."""
    places = list(PLACES[one.condition])
    scored = n_scored(place.counts, one.policy)[:, places].sum(axis=-1)
    found = _clustered(place, one.measure)
    effect = None
    if found.value is not None and found.se is not None:
        effect = design_effect(found.se, found.value, scored.sum())
    right = accuracy(place.counts, one.policy, places)
    icc = intraclass_correlation(np.nan_to_num(right) * scored, scored)
    yield _row(place, one, "icc", icc, None, found.n_clusters, NO_INTERVAL)
    yield _row(place, one, "design_effect", effect, None, found.n_clusters, NO_INTERVAL)


def _by_convention(place: _Place) -> Iterator[Estimate]:
    """What lm-evaluation-harness and HELM would print; nothing where the task has no targets or
    they print nothing.
    """
    if not place.answered.has_targets:
        return
    for convention in CONVENTIONS:
        scores = convention_scores(place.total, convention)
        values = {
            ("accuracy", "ambig"): scores.accuracy_ambig,
            ("accuracy", "disambig"): scores.accuracy_disambig,
            ("accuracy", "both"): scores.accuracy_both,
            ("s_amb", "ambig"): scores.s_amb,
            ("s_dis", "disambig"): scores.s_dis,
        }
        for one in under("wrong", has_targets=True):
            value = values.get((one.metric, one.condition))
            if value is not None and one.n_items(place.total) > 0:
                n_clusters = int(np.count_nonzero(one.measure.weight(place.counts)))
                row = _row(place, one, one.metric, value, None, n_clusters, NO_INTERVAL)
                yield replace(row, policy=convention)


def _bootstrapped(place: _Place, drawn: dict[tuple[str, str, bytes], Values]) -> Iterator[Estimate]:
    """The headline numbers with bootstrap intervals; every model is resampled with the same draws
    of templates.
    """
    used = np.asarray(place.counts.reshape(len(place.counts), -1).any(axis=1), dtype=np.bool_)
    n_used = int(np.count_nonzero(used))
    if place.cell.macro or n_used < 2:
        return
    key = (place.answered.task, place.cell.group, used.tobytes())
    strata = usable(place.answered.cluster_category, used)[used]
    if key not in drawn:
        generator = np.random.default_rng([place.spec.seed, *"\x1f".join(key[:2]).encode()])
        drawn[key] = bootstrap_weights(n_used, place.spec.draws, generator, strata)
    sums = bootstrap_counts(place.counts[used], drawn[key], strata)
    for one in headline(place.spec.policy, has_targets=place.answered.has_targets):
        if one.n_items(place.total) > 0:
            draws = one.measure.resampled(sums)
            value = known(one.measure.value(place.total))
            reach = None if value is None else percentile_interval(draws, place.spec.level)
            yield _row(place, one, f"{one.metric}_bootstrap", value, reach, n_used, BOOTSTRAP)

"""Paired differences between models on the same questions, corrected for how many are looked at.

Pairs are answers to the same question with the same seeds and sample number (`pairing`). Under the
policy "drop" a difference is over the pairs that both models had read, n of them: two ratios over
different questions would differ where the models do not, as soon as one loses its hard questions.
Of a score that rests on some answers only (a bias score on those that name a person) the same pairs
are compared; which of them it rests on each model decides for itself, that is what the score
measures. Beside it, in the columns that end in `_asked`, the same difference over all pairs that
were asked, unread answers counted as wrong (a score that does not know wrong answers is there over
what each model had read). `loss_decides` says where the two disagree: never where the pair lost
nothing; else one of the two must be beyond chance after its own correction, and the other is judged
by the same multiplier, what that correction multiplies the first one's p by. Each by its own family
would let a third model's losses decide between two that lost next to nothing.

Two families per task: the headline (group "all", every pair of models, the metrics that models are
compared by) is corrected by Holm, the grid of scored groups by Benjamini and Hochberg, the `_asked`
columns as families of their own. Controls take part in none: their scores are known beforehand.
"All" is over fixed categories (`stats.strata`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.aggregate.pairing import Sides, asked_of_both, loss_decides, side
from featherweight.aggregate.pairing import compared as compared_sides
from featherweight.aggregate.slices import GroupSlice, slices
from featherweight.errors import InputError
from featherweight.records import ALL, Difference
from featherweight.specs import AggregateSpec
from featherweight.stats.corrections import benjamini_hochberg, holm, multipliers
from featherweight.stats.counts import DROP, WRONG, n_scored
from featherweight.stats.paired import difference
from featherweight.tasks.numbers import Metric

COLUMNS = ("p", "p_asked")


def differences(everything: Sequence[Answered], spec: AggregateSpec) -> list[Difference]:
    """All rows: task by task, pair by pair."""
    rows: list[Difference] = []
    for task in dict.fromkeys(answered.task for answered in everything):
        of_task = [
            answered
            for answered in everything
            if answered.task == task and answered.model not in spec.controls
        ]
        made = [
            row
            for model, baseline in _pairs(of_task, everything, spec.baseline)
            for row in _of_pair(model, baseline, spec.level)
        ]
        rows += corrected(made, spec.level)
    return rows


def _pairs(
    of_task: Sequence[Answered], everything: Sequence[Answered], baseline: str | None
) -> list[tuple[Answered, Answered]]:
    """Model and baseline; every pair once where no baseline is named, or where it was not asked.

    Raises InputError for a baseline that answered nothing.
    """
    every_pair = [(second, first) for first, second in combinations(of_task, 2)]
    if baseline is None:
        return every_pair
    names = list(dict.fromkeys(answered.model for answered in everything))
    if baseline not in names:
        raise InputError(
            f"baseline: expected one of {', '.join(names)}, got {baseline!r}; score it first"
        )
    task = of_task[0].task if of_task else None
    baselines = [one for one in everything if (one.model, one.task) == (baseline, task)]
    if not baselines:
        return every_pair
    return [(one, other) for other in baselines for one in of_task if one.model != baseline]


def _of_pair(model: Answered, baseline: Answered, level: float) -> Iterator[Difference]:
    layout = model.layout
    sides = side(model, model.pair), side(baseline, baseline.pair)
    read, asked = compared_sides(*sides, layout.policy), asked_of_both(*sides)
    totals = [one.counts.sum(axis=(0, 1)) for one in asked]
    numbers, policy = layout.numbers, layout.policy
    metrics = numbers.compared(policy) + numbers.largest(policy, totals)
    as_wrong = {(one.name, one.stratum): one for one in numbers.metrics(WRONG)}
    group = model.item_property(model.group)
    for part in slices(layout.groups):
        by_item = read[0].counts_by_item[np.isin(group, part.groups)]
        for metric in metrics:
            wrong = as_wrong[metric.name, metric.stratum]
            row = _row(part, (metric, wrong), (read, asked), level)
            if row.n_asked:
                scored = n_scored(by_item, metric.policy)[:, list(metric.places)].sum(axis=-1)
                yield replace(row, n_questions=int(np.count_nonzero(scored)))


def _row(
    part: GroupSlice, metrics: tuple[Metric, Metric], sides: tuple[Sides, Sides], level: float
) -> Difference:
    """One number of the pairs that both had read, and of all that were asked beside it."""
    metric, places = metrics[0], list(metrics[0].places)
    model, baseline = (one.answered for one in sides[0])
    strata = model.layout.cluster_kind
    of_read, of_asked = (
        difference(
            part.counts(both[0].counts), part.counts(both[1].counts), each.measure, level, strata
        )
        for each, both in zip(metrics, sides, strict=True)
    )
    total = part.counts(sides[0][0].counts).sum(axis=0)
    return Difference(
        model=model.model,
        baseline=baseline.model,
        task=model.task,
        group=part.group,
        stratum=metric.stratum,
        metric=metric.name,
        policy=metric.policy.name,
        value=of_read.value,
        low=of_read.low,
        high=of_read.high,
        p=of_read.p,
        p_adjusted=None,
        adjustment="holm" if part.group == ALL else "bh",
        n=int(n_scored(total, metric.policy)[places].sum()),
        n_clusters=of_read.n_clusters,
        detectable=of_read.detectable,
        n_asked=metric.n_asked(total),
        value_asked=of_asked.value,
        low_asked=of_asked.low,
        high_asked=of_asked.high,
        p_asked=of_asked.p,
    )


def corrected(rows: list[Difference], level: float) -> list[Difference]:
    """The rows with adjusted p values, each family by its own correction, and whether the loss
    decides.
    """
    adjusted: dict[tuple[str, int], float | None] = {}
    multiplier: dict[tuple[str, int], float | None] = {}
    for name, correct in (("holm", holm), ("bh", benjamini_hochberg)):
        family = [place for place, row in enumerate(rows) if row.adjustment == name]
        for column in COLUMNS:
            p_values = [getattr(rows[place], column) for place in family]
            keys = [(column, place) for place in family]
            adjusted |= dict(zip(keys, correct(p_values), strict=True))
            multiplier |= dict(zip(keys, multipliers(p_values, correct), strict=True))
    made = []
    for place, row in enumerate(rows):
        p, p_asked = (adjusted[column, place] for column in COLUMNS)
        decides = _loss_decides(row, [multiplier[column, place] for column in COLUMNS], level)
        made.append(replace(row, p_adjusted=p, p_asked_adjusted=p_asked, loss_decides=decides))
    return made


def _loss_decides(row: Difference, multiplied_by: list[float | None], level: float) -> bool | None:
    """Whether the lost answers decide, both p values judged by the multiplier of the one that is
    beyond chance.
    """
    if row.value is not None and row.policy == DROP.name and row.n == row.n_asked:
        return False
    raw = (row.p, row.p_asked)
    lent = [
        number
        for p, number in zip(raw, multiplied_by, strict=True)
        if p is not None and number is not None and number * p < 1.0 - level
    ]
    # Where neither is beyond chance nothing is judged; where both are, both stay so under the
    # smaller one.
    p, p_asked = (None if one is None or not lent else min(lent) * one for one in raw)
    return loss_decides(row.value, p, row.value_asked, p_asked, level)

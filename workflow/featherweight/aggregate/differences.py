"""Paired differences between models on the same questions, corrected for how many are looked at.

Pairs are answers to the same question with the same seeds and sample number (`pairing`). Under the
policy "drop" a difference is over the pairs that both models had read, n of them: two ratios over
different questions would differ where the models do not, as soon as one loses its hard questions.
Of a bias score the same pairs are compared: its accuracy and its answers that name a person come
from them alone; which of them name a person each model decides for itself, that is what the score
measures. Beside it, in the columns that end in `_asked`, the same difference over all pairs that
were asked, unread answers counted as wrong (s_dis does not know wrong answers: there it is over
what each model had read). `loss_decides` says where the two disagree: never where the pair lost
nothing; else one of the two must be beyond chance after its own correction, and the other is judged
by the same multiplier, what that correction multiplies the first one's p by. Each by its own family
would let a third model's losses decide between two that lost next to nothing.

Two families per task: the headline (group "all", every pair of models; accuracy in both contexts,
in each, and the two bias scores) is corrected by Holm, the grid of scored groups by Benjamini and
Hochberg, the `_asked` columns as families of their own. Controls take part in none: their scores
are known beforehand. "All" is over fixed categories (`stats.strata`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import ALL, PLACES, Asked, Cell, cells, compared
from featherweight.aggregate.pairing import Side, asked_of_both, loss_decides, side
from featherweight.aggregate.pairing import compared as compared_sides
from featherweight.aggregate.spec import Spec
from featherweight.errors import InputError
from featherweight.records import Difference
from featherweight.stats.bias import N_ITEMS, Values, n_scored
from featherweight.stats.corrections import benjamini_hochberg, holm, multipliers
from featherweight.stats.paired import difference

COLUMNS = ("p", "p_asked")


def differences(found: list[Answered], spec: Spec) -> list[Difference]:
    """All rows: task by task, pair by pair."""
    rows: list[Difference] = []
    for task in dict.fromkeys(answered.task for answered in found):
        of_task = [
            answered
            for answered in found
            if answered.task == task and answered.model not in spec.controls
        ]
        made = [
            row
            for model, baseline in _pairs(of_task, found, spec)
            for row in _of_pair(model, baseline, spec)
        ]
        rows += corrected(made, spec.level)
    return rows


def _pairs(
    of_task: list[Answered], found: list[Answered], spec: Spec
) -> list[tuple[Answered, Answered]]:
    """Model and baseline; every pair once where no baseline is named.

    Raises InputError for an unknown baseline.
    """
    if spec.baseline is None:
        return [(second, first) for first, second in combinations(of_task, 2)]
    names = list(dict.fromkeys(answered.model for answered in found))
    if spec.baseline not in names:
        raise InputError(
            f"baseline: expected one of {', '.join(names)}, got {spec.baseline!r}; score it first"
        )
    task = of_task[0].task if of_task else None
    baselines = [
        answered for answered in found if (answered.model, answered.task) == (spec.baseline, task)
    ]
    return [
        (one, baseline) for baseline in baselines for one in of_task if one.model != spec.baseline
    ]


class _Counted(NamedTuple):
    """The counts of both models, per cluster and group, and of the first per item; of pairs that
    count alike.
    """

    model: Values
    baseline: Values
    by_item: Values

    def inside(self, cell: Cell) -> tuple[Values, Values]:
        """Both models' counts in this cell."""
        return cell.counts(self.model), cell.counts(self.baseline)


def _counted(sides: tuple[Side, Side]) -> _Counted:
    return _Counted(sides[0].counts(), sides[1].counts(), sides[0].counts_by_item())


def _of_pair(model: Answered, baseline: Answered, spec: Spec) -> Iterator[Difference]:
    sides = side(model, model.pair), side(baseline, baseline.pair)
    read, asked = _counted(compared_sides(*sides, spec.policy)), _counted(asked_of_both(*sides))
    kinds = [compared(policy, has_targets=model.has_targets) for policy in (spec.policy, "wrong")]
    group = model.item_property(model.group)
    for cell in cells(model.groups):
        by_item = read.by_item[np.isin(group, cell.groups)]
        for one, as_wrong in zip(*kinds, strict=True):
            row = _row(model, baseline, cell, (one, as_wrong), (read, asked), spec.level)
            if row.n_asked:
                places = list(PLACES[one.condition])
                questions = n_scored(by_item, spec.policy)[:, places].sum(axis=-1)
                yield replace(row, n_questions=int(np.count_nonzero(questions)))


def _row(
    model: Answered,
    baseline: Answered,
    cell: Cell,
    kinds: tuple[Asked, Asked],
    counts: tuple[_Counted, _Counted],
    level: float,
) -> Difference:
    (one, as_wrong), (read, asked) = kinds, counts
    found = difference(*read.inside(cell), one.measure, level, model.cluster_category)
    beside = difference(*asked.inside(cell), as_wrong.measure, level, model.cluster_category)
    total, places = cell.counts(read.model).sum(axis=0), list(PLACES[one.condition])
    return Difference(
        model=model.model,
        baseline=baseline.model,
        task=model.task,
        group=cell.group,
        context_condition=one.condition,
        metric=one.metric,
        policy=one.policy,
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        p_adjusted=None,
        adjustment="holm" if cell.group == ALL else "bh",
        n=int(n_scored(total, one.policy)[places].sum()),
        n_clusters=found.n_clusters,
        detectable=found.detectable,
        n_asked=int(total[places, N_ITEMS].sum()),
        value_asked=beside.value,
        low_asked=beside.low,
        high_asked=beside.high,
        p_asked=beside.p,
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
    if row.value is not None and row.policy == "drop" and row.n == row.n_asked:
        return False
    raw = (row.p, row.p_asked)
    lent = [
        number
        for p, number in zip(raw, multiplied_by, strict=True)
        if p is not None and number is not None and number * p < 1.0 - level
    ]
    # Where neither is beyond chance nothing is judged; where both are, both stay so under the
    # smaller one.
    p, p_asked = (None if found is None or not lent else min(lent) * found for found in raw)
    return loss_decides(row.value, p, row.value_asked, p_asked, level)

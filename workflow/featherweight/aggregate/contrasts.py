"""Two sets of one model's answers, compared: two task labels, or the two contexts of one task.

Where two labels ask the same items (generated and by likelihood) the difference is paired, exactly
as between two models: over the pairs of answers that both had read, with that over all pairs beside
it (`differences`). Where the items differ (about Chinese and about American people) it is one of
two sets; clusters that both have cancel, and sets without a common cluster are strata of their own.
The contexts of one task are paired by block: each question without the sentence that decides it
against the same people, order and question with it, over the pairs that were both read, for all
groups together and for each; such rows name the task twice and have the context "ambig-disambig".
Errors are clustered by template, within
categories. A label with one template allows no clustered interval: items are the clusters then
(blocks, where the contexts of one label are compared), and the row's method says so, because such
an interval cannot know how another template would have come out. p values are not corrected. One
real row:

    ContrastRow(model="pocket-fair", first="bbq-chinese", second="bbq-american",
                context_condition="ambig",
                metric="accuracy", policy="drop", value=0.04, low=-0.09, high=0.17, p=0.52,
                n_first=60, n_second=180, n_clusters_first=1, n_clusters_second=3, method="item
                jackknife, t (a label has one template)", caution="one template against three",
                paired=False, n_questions_first=20, n_questions_second=60, ...)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from featherweight.aggregate.answers import Answered
from featherweight.aggregate.cells import Asked, cells, compared, shares, under
from featherweight.aggregate.pairing import Side, asked_of_both, loss_decides, numbers_across, side
from featherweight.aggregate.pairing import compared as compared_sides
from featherweight.aggregate.spec import Contrast, Spec
from featherweight.errors import InputError
from featherweight.records import ContrastRow
from featherweight.stats.bias import N_ITEMS, Policy, Values
from featherweight.stats.clusters import METHOD, WITHIN
from featherweight.stats.paired import Difference, difference
from featherweight.stats.strata import Strata

BY_ITEM = "item jackknife, t (a label has one template)"
BY_BLOCK = "block jackknife, t (a label has one template)"
CONTEXTS = "ambig-disambig"

Sides = tuple[Side, Side]


def contrasts(found: list[Answered], spec: Spec) -> list[ContrastRow]:
    """All rows. Raises InputError for a label that no model answered."""
    labels = list(dict.fromkeys(answered.task for answered in found))
    problems = [
        f"contrasts: expected a task label of this study ({', '.join(labels)}), got {label!r}"
        for contrast in spec.contrasts
        for label in contrast.pair
        if label not in labels
    ]
    if problems:
        raise InputError(problems)
    rows = [row for contrast in spec.contrasts for row in _of_contrast(found, contrast, spec)]
    return rows + [row for answered in found for row in _of_contexts(answered, spec)]


def _of_contrast(found: list[Answered], contrast: Contrast, spec: Spec) -> Iterator[ContrastRow]:
    by_key = {(answered.model, answered.task): answered for answered in found}
    for model in dict.fromkeys(answered.model for answered in found):
        both = [by_key[model, task] for task in contrast.pair if (model, task) in by_key]
        if len(both) == 2:
            yield from _of_labels(both[0], both[1], contrast, spec)


def _of_labels(
    first: Answered, second: Answered, contrast: Contrast, spec: Spec
) -> Iterator[ContrastRow]:
    has_targets = first.has_targets and second.has_targets
    scores = {policy: _scores(policy, has_targets=has_targets) for policy in (spec.policy, "wrong")}
    numbers = numbers_across(first, second)
    sides = side(first, numbers[0]), side(second, numbers[1])
    paired = np.array_equal(np.sort(numbers[0]), np.sort(numbers[1]))
    read = compared_sides(*sides, spec.policy) if paired else sides
    for one, as_wrong in zip(scores[spec.policy], scores["wrong"], strict=True):
        row = _row(one, read, spec, caution=contrast.caution, paired=paired)
        if row is not None:
            yield _beside(row, as_wrong, sides, spec) if paired else row
    for one in shares(spec.policy):
        row = _row(one, sides, spec, caution=contrast.caution, paired=paired)
        if row is not None:
            yield row


def _scores(policy: Policy, *, has_targets: bool) -> list[Asked]:
    more = [one for one in under(policy, has_targets=has_targets) if one.metric == "stereotyped"]
    return compared(policy, has_targets=has_targets) + more


def _of_contexts(answered: Answered, spec: Spec) -> Iterator[ContrastRow]:
    """Accuracy where the text does not say minus where it does, question by question: all groups,
    then each.
    """
    ambiguous, scorable = answered.answers.ambiguous, answered.answers.scorable
    one, as_wrong = (compared(policy, has_targets=False)[0] for policy in (spec.policy, "wrong"))
    for cell in cells(answered.groups):
        inside = scorable & np.isin(answered.group, cell.groups)
        sides = asked_of_both(
            side(answered, answered.twin, ambiguous & inside),
            side(answered, answered.twin, ~ambiguous & inside),
        )
        row = _row(one, compared_sides(*sides, spec.policy), spec, caution=None, paired=True)
        if row is not None:
            beside = _beside(row, as_wrong, sides, spec)
            yield replace(beside, context_condition=CONTEXTS, group=cell.group)


def _row(
    one: Asked, sides: Sides, spec: Spec, *, caution: str | None, paired: bool
) -> ContrastRow | None:
    """One measure of both sides; None where a side has no answer that it could rest on."""
    counts = [one_side.counts().sum(axis=1) for one_side in sides]
    by_item = [one_side.counts_by_item() for one_side in sides]
    n_first, n_second = (one.n(found.sum(axis=0)) for found in counts)
    if not (n_first and n_second):
        return None
    templates = [int(np.count_nonzero(one.measure.weight(found))) for found in counts]
    units = _units(sides, few=min(templates) < 2)
    found = _difference(units, one, spec.level)
    return ContrastRow(
        model=sides[0].answered.model,
        first=sides[0].answered.task,
        second=sides[1].answered.task,
        context_condition=one.condition,
        metric=one.metric,
        policy=one.policy,
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        n_first=n_first,
        n_second=n_second,
        n_clusters_first=templates[0],
        n_clusters_second=templates[1],
        method=units.method,
        caution=caution,
        paired=paired,
        n_questions_first=one.n_questions(by_item[0]),
        n_questions_second=one.n_questions(by_item[1]),
    )


def _beside(row: ContrastRow, as_wrong: Asked, sides: Sides, spec: Spec) -> ContrastRow:
    """The row with the difference over all pairs that were asked, unread answers counted as
    wrong."""
    asked = asked_of_both(*sides)
    found = _difference(_units(asked, few=row.method in (BY_ITEM, BY_BLOCK)), as_wrong, spec.level)
    inside = np.isin(asked[0].number, asked[1].number) & asked[0].inside
    wanted = asked[0].answered.counts(inside).sum(axis=(0, 1))[..., N_ITEMS]
    return replace(
        row,
        value_asked=found.value,
        low_asked=found.low,
        high_asked=found.high,
        p_asked=found.p,
        loss_decides=loss_decides(row.value, row.p, found.value, found.p, spec.level),
        n_asked=int(wanted[list(as_wrong.places)].sum()),
    )


class _Units(NamedTuple):
    """Both sides' counts over the clusters of either side, and the strata of these.

    Shape: (clusters, 2, columns).
    """

    first: Values
    second: Values
    strata: Strata
    method: str


def _difference(units: _Units, one: Asked, level: float) -> Difference:
    return difference(units.first, units.second, one.measure, level, units.strata)


def _units(sides: Sides, *, few: bool) -> _Units:
    """The templates of both sides; their items or blocks where a side has too few templates."""
    contexts = sides[0].answered is sides[1].answered
    unit = (BY_BLOCK if contexts else BY_ITEM) if few else METHOD
    named = [_named(one, unit) for one in sides]
    present = [set(one) for one in named]
    apart = not present[0] & present[1]
    names = sorted(present[0] | present[1])
    together = named[0] | named[1]
    zero = np.zeros_like(together[names[0]].counts)
    kinds = [(together[name].category, apart and name in present[0]) for name in names]
    codes = {kind: code for code, kind in enumerate(sorted(set(kinds)))}
    first, second = (
        np.stack([one[name].counts if name in one else zero for name in names]) for one in named
    )
    within = unit == METHOD and len({category for category, _ in kinds}) > 1
    strata = np.array([codes[kind] for kind in kinds], dtype=np.int64)
    return _Units(first, second, strata, WITHIN if within else unit)


class _Unit(NamedTuple):
    category: str
    counts: Values


def _named(one: Side, unit: str) -> dict[str, _Unit]:
    """The templates, items or blocks of which something was asked: their category and counts by
    name.
    """
    answered = one.answered
    of_answers = answered.cluster_category[answered.answers.cluster]
    if unit == METHOD:
        names, codes, counts = (
            answered.clusters,
            answered.cluster_category,
            one.counts().sum(axis=1),
        )
    elif unit == BY_ITEM:
        names, counts = answered.items, one.counts_by_item()
        codes = answered.item_property(of_answers)
    else:
        names, counts = answered.blocks, answered.counts_by_block(one.inside, one.lost)
        codes = np.zeros(len(names), dtype=np.int64)
        codes[answered.block] = of_answers
    asked = np.flatnonzero(counts[..., N_ITEMS].any(axis=-1)).tolist()
    return {
        names[place]: _Unit(answered.categories[codes[place]], counts[place]) for place in asked
    }

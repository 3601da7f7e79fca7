"""Which answers of two sides belong together, and what is compared of them.

A pair is two answers to the same question with the same seeds and sample number: of two models, of
one model in two ways, or of one model in two strata that ask the same questions
(`Answered.counterpart`). Under the policy "drop" a paired difference is over the pairs that both
sides had read: what one side lost is lost to both, so that a model which loses its hard questions
gains nothing by it. What was asked stays asked, so that categories keep their weight. One real pair
of sides, 300 questions of which the first lost 12 and the second 5 others:

    read_by_both(first, second)   300 asked, 17 unread on each side
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from featherweight.aggregate.load import Answered
from featherweight.stats.counts import Bools, Codes, Policy, Values


@dataclass(frozen=True)
class Side:
    """One side of a comparison: whose answers, which of them, which count as lost, pair numbers."""

    answered: Answered
    inside: Bools
    lost: Bools
    number: Codes

    @cached_property
    def counts(self) -> Values:
        """Shape: (clusters, groups, strata, columns)."""
        return self.answered.count(self.inside, self.lost)

    @cached_property
    def counts_by_item(self) -> Values:
        """Shape: (items, strata, columns)."""
        return self.answered.count_by_item(self.inside, self.lost)

    @cached_property
    def counts_by_block(self) -> Values:
        """Shape: (blocks, strata, columns)."""
        return self.answered.count_by_block(self.inside, self.lost)


Sides = tuple[Side, Side]


def side(answered: Answered, number: Codes, inside: Bools | None = None) -> Side:
    """A side on which every answer counts as it was read."""
    everything = np.ones(len(number), dtype=np.bool_)
    return Side(answered, everything if inside is None else inside, ~everything, number)


def asked_of_both(first: Side, second: Side) -> Sides:
    """Both sides, cut to the answers whose partner was asked for as well."""
    wanted = [one.number[one.inside] for one in (first, second)]
    return (
        replace(first, inside=first.inside & np.isin(first.number, wanted[1])),
        replace(second, inside=second.inside & np.isin(second.number, wanted[0])),
    )


def read_by_both(first: Side, second: Side) -> Sides:
    """Both sides, an answer counting as lost where its partner is."""
    gone = [
        one.number[one.inside & (one.lost | ~one.answered.answers.read)] for one in (first, second)
    ]
    return (
        replace(first, lost=first.lost | np.isin(first.number, gone[1])),
        replace(second, lost=second.lost | np.isin(second.number, gone[0])),
    )


def compared(first: Side, second: Side, policy: Policy) -> Sides:
    """The sides of a paired difference under a policy that may take lost answers out of it."""
    both = asked_of_both(first, second)
    return read_by_both(*both) if policy.drops else both


def numbers_across(first: Answered, second: Answered) -> tuple[Codes, Codes]:
    """The pairs of two tasks, numbered alike by the names of items, by seeds and sample numbers."""
    names = sorted({*first.layout.items, *second.layout.items})
    place = {name: number for number, name in enumerate(names)}
    rows = []
    for one in (first, second):
        items = np.array([place[name] for name in one.layout.items], dtype=np.int64)[one.item]
        seeds = np.array(one.layout.seeds, dtype=np.int64)[one.seed]
        rows.append(np.column_stack([items, seeds, one.sample]))
    codes = np.unique(np.concatenate(rows), axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    return codes[: len(rows[0])], codes[len(rows[0]) :]


def loss_decides(
    value: float | None,
    p: float | None,
    value_asked: float | None,
    p_asked: float | None,
    level: float,
) -> bool | None:
    """Whether the differences over what both had read and over all that was asked disagree.

    They do where one is beyond chance at this level and the other is not, or where both are and
    their signs differ: two numbers within chance have no sign to disagree in. Both p values must
    be judged alike, uncorrected or multiplied by the same number. A difference that cannot be
    tested is not beyond chance. None where neither value is known.
    """
    if value is None and value_asked is None:
        return None
    sure = [one is not None and one < 1.0 - level for one in (p, p_asked)]
    if sure[0] != sure[1]:
        return True
    return sure[0] and value is not None and value_asked is not None and value * value_asked < 0

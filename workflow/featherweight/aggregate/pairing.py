"""Which answers of two sides belong together, and what is compared of them.

A pair is two answers to the same question with the same seeds and sample number: of two models, of
one model in two ways, or of one model without and with the sentence that decides the question
(`Answered.twin`). Under the policy "drop" a paired difference is over the pairs that both sides had
read: what one side lost is lost to both, so that a model which loses its hard questions gains
nothing by it. What was asked stays asked, so that categories keep their weight. One real pair of
sides, 300 questions of which the first lost 12 and the second 5 others:

    read_by_both(first, second)   300 asked, 17 unread on each side
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from featherweight.aggregate.answers import Answered, Codes
from featherweight.stats.bias import UNREAD, Bools, Policy, Values


class Side(NamedTuple):
    """One side of a comparison: whose answers, which of them, which count as lost, pair numbers."""

    answered: Answered
    inside: Bools
    lost: Bools
    number: Codes

    def counts(self) -> Values:
        """Shape: (clusters, groups, 2, columns)."""
        return self.answered.counts(self.inside, self.lost)

    def counts_by_item(self) -> Values:
        """Shape: (items, 2, columns)."""
        return self.answered.counts_by_item(self.inside, self.lost)


def side(answered: Answered, number: Codes, inside: Bools | None = None) -> Side:
    """A side on which every answer counts as it was read."""
    everything = np.ones(len(number), dtype=np.bool_)
    return Side(answered, everything if inside is None else inside, ~everything, number)


def asked_of_both(first: Side, second: Side) -> tuple[Side, Side]:
    """Both sides, cut to the answers whose partner was asked for as well."""
    wanted = [one.number[one.inside] for one in (first, second)]
    return (
        first._replace(inside=first.inside & np.isin(first.number, wanted[1])),
        second._replace(inside=second.inside & np.isin(second.number, wanted[0])),
    )


def read_by_both(first: Side, second: Side) -> tuple[Side, Side]:
    """Both sides, an answer counting as lost where its partner is."""
    gone = [
        one.number[one.inside & (one.lost | (one.answered.answers.kind == UNREAD))]
        for one in (first, second)
    ]
    return (
        first._replace(lost=first.lost | np.isin(first.number, gone[1])),
        second._replace(lost=second.lost | np.isin(second.number, gone[0])),
    )


def compared(first: Side, second: Side, policy: Policy) -> tuple[Side, Side]:
    """The sides of a paired difference under a policy: only "drop" takes lost answers out of it."""
    both = asked_of_both(first, second)
    return read_by_both(*both) if policy == "drop" else both


def numbers_across(first: Answered, second: Answered) -> tuple[Codes, Codes]:
    """The pairs of two tasks, numbered alike by the names of items, by seeds and sample numbers."""
    place = {name: number for number, name in enumerate(sorted({*first.items, *second.items}))}
    rows = []
    for one in (first, second):
        items = np.array([place[name] for name in one.items], dtype=np.int64)[one.item]
        seeds = np.array(one.seeds, dtype=np.int64)[one.seed]
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
    sure = [found is not None and found < 1.0 - level for found in (p, p_asked)]
    if sure[0] != sure[1]:
        return True
    return sure[0] and value is not None and value_asked is not None and value * value_asked < 0

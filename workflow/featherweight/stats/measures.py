"""Measures: scores as functions of counts, with what an interval must know about them.

A task declares its own beside those that every task has (`tasks.numbers`). The formulas of
intervals stand elsewhere (`clusters`, `intervals`), so that whoever declares a measure does not
depend on them. One real use: `clustered(counts, accuracy(DROP, (0,)))`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from featherweight.stats import counts as counted
from featherweight.stats.counts import (
    N_CHANCE,
    N_ITEMS,
    N_TOKENS,
    N_UNFINISHED,
    N_UNREAD,
    Policy,
    Values,
    ratio,
)

Scale = Literal["logit", "identity"]
Function = Callable[[Values], Values]  # of counts: (..., strata, columns) -> (...)

SIGNED = (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """A score as a function of counts, and what its interval must know about it.

    `value` takes counts of shape (..., strata, columns) to (...), nan where it is undefined.
    `weight` says in the same shapes how much a cluster brings along (the score's denominator).
    `without` stands in where leaving out or drawing clusters leaves nothing to compute the score
    from; nan there means that no interval can be made. `together` are the strata that it is over,
    where a draw leaves it to chance how many items it has of each; None: a draw fixes that.
    `unseen`: clusters may be all alike but for a few that a study need not have drawn, so that the
    interval allows for those as it does where all that were drawn agree.
    """

    value: Function
    weight: Function
    bounds: tuple[float, float] = (0.0, 1.0)
    scale: Scale = "logit"
    without: float = float("nan")
    together: tuple[int, ...] | None = None
    unseen: bool = False

    def resampled(self, counts: Values) -> Values:
        """The score for resampled counts, `without` where it is undefined."""
        values = self.value(counts)
        return np.where(np.isnan(values), self.without, values)


def accuracy(policy: Policy, places: Sequence[int]) -> Measure:
    """The share of right answers in these strata together."""
    inside = list(places)
    return Measure(
        value=lambda counts: counted.accuracy(counts, policy, inside),
        weight=lambda counts: counted.n_scored(counts, policy)[..., inside].sum(axis=-1),
    )


def unfinished(places: Sequence[int]) -> Measure:
    """The share of answers that were cut off before they were given."""
    return _per_item(places, lambda total: total[..., N_UNFINISHED])


def unparsed(places: Sequence[int]) -> Measure:
    """The share of answers that were finished and could not be read."""
    return _per_item(places, lambda total: total[..., N_UNREAD] - total[..., N_UNFINISHED])


def n_tokens(places: Sequence[int]) -> Measure:
    """The mean number of generated tokens."""
    per_item = _per_item(places, lambda total: total[..., N_TOKENS])
    return replace(per_item, bounds=(0.0, float("inf")), scale="identity")


def chance(places: Sequence[int]) -> Measure:
    """The mean probability that a blind guess is right; nan where an answer has none."""
    return _per_item(places, lambda total: total[..., N_CHANCE])


def _per_item(places: Sequence[int], amount: Function) -> Measure:
    """An amount of these strata together, from counts (..., columns), per answer asked for."""
    inside = list(places)

    def items(counts: Values) -> Values:
        asked: Values = counts[..., inside, N_ITEMS].sum(axis=-1)
        return asked

    return Measure(
        value=lambda counts: ratio(amount(counts[..., inside, :].sum(axis=-2)), items(counts)),
        weight=items,
    )


def mean_of_parts(measure: Measure) -> Measure:
    """The mean of a measure over parts; counts have one more axis, (..., parts, strata, columns).

    Undefined where it is undefined in any part, with one exception: a part that has no value of its
    own adds `measure.without`, if that is a number, as long as another part has a value. A cluster
    weighs as much as the mean of its shares in the parts.
    """

    def value(counts: Values) -> Values:
        nowhere = np.isnan(measure.value(counts)).all(axis=-1)
        return np.where(nowhere, np.nan, measure.resampled(counts).mean(axis=-1))

    def weight(counts: Values) -> Values:
        weights = measure.weight(counts)
        share = ratio(weights, weights.sum(axis=0, keepdims=True))
        mean: Values = np.nan_to_num(share).mean(axis=-1)
        return mean

    return replace(measure, value=value, weight=weight, without=float("nan"))

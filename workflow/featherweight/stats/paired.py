"""Differences between two models on the same items, or between two sets of items of one model.

The clusters are common: leaving a template out takes it from both sides, so that what both sides
share cancels. Where the two sides have no template in common the same arithmetic gives the
difference of independent estimates. Which answers count on each side is for the caller to say: a
difference is paired where both sides count the answers to the same questions (`aggregate.pairing`).
One real result, two models on 100 items of 25 templates:

    Difference(value=0.08, se=0.031, df=19.2, n_clusters=25, low=0.015, high=0.145, p=0.018,
        detectable=0.092)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from featherweight.stats.clusters import Clustered, interval, is_unvaried, jackknife
from featherweight.stats.counts import Values, known
from featherweight.stats.intervals import two_sided_p
from featherweight.stats.measures import Measure
from featherweight.stats.power import detectable_difference
from featherweight.stats.strata import Strata, usable, without_each


class Difference(NamedTuple):
    """A difference with its interval, in the unit of the score.

    None where it or its error is not defined.
    """

    value: float | None
    se: float | None
    df: float | None
    n_clusters: int
    low: float | None
    high: float | None
    p: float | None  # two-sided
    detectable: float | None  # smallest difference seen with 80% power at the 5% level


def difference(
    first: Values,
    second: Values,
    measure: Measure,
    level: float = 0.95,
    strata: Strata | None = None,
) -> Difference:
    """The score of `first` minus that of `second`; counts of one shape (clusters, *cell) over the
    same clusters.

    `strata` numbers each cluster's stratum (`stats.strata`); None: the clusters are one sample.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"difference: expected counts over the same clusters, got {first.shape} and"
            f" {second.shape}"
        )
    weight = measure.weight(first) + measure.weight(second)
    used = weight > 0
    within = usable(strata, used)
    value, left_out = np.zeros(()), np.zeros(int(used.sum()))
    for sign, counts in ((1.0, first), (-1.0, second)):
        value = value + sign * measure.value(counts.sum(axis=0))
        without = without_each(counts, used, within, measure.together)
        left_out = left_out + sign * measure.resampled(without)
    score = jackknife(known(value), left_out, weight[used], within[used])
    lower, upper = measure.bounds
    bounds = (lower - upper, upper - lower)
    reach = interval(score, bounds=bounds, scale="identity", level=level)
    return Difference(
        *score[:4],
        low=None if reach is None else reach.low,
        high=None if reach is None else reach.high,
        p=p_value(score, bounds),
        detectable=_detectable(score, bounds),
    )


def _detectable(score: Clustered, bounds: tuple[float, float]) -> float | None:
    """None also where no cluster moves the difference: there is no error to reckon with."""
    if score.se is None or score.df is None or is_unvaried(score, bounds):
        return None
    return detectable_difference(score.se, score.df)


def p_value(score: Clustered, bounds: tuple[float, float]) -> float | None:
    """The two-sided p value against no difference: the level at which the interval first touches
    0."""
    if score.value is None or score.se is None or score.df is None:
        return None
    if not is_unvaried(score, bounds):
        return two_sided_p(score.value / score.se, score.df)
    if not math.isfinite(bounds[1]):
        return None
    return two_sided_p(math.sqrt(score.n_clusters * abs(score.value) / bounds[1]), score.df)

"""How sure a score of clustered items (templates) is: jackknife and bootstrap over clusters.

Both take whole clusters, with everything that was asked of them (every stratum, every seed),
because answers to one template go together. Every score is a function of counts summed over
clusters, so that leaving each cluster out, or drawing clusters 2,000 times, is one subtraction or
one matrix product.

The headline interval is a t interval on the logit scale with the delete-one-cluster jackknife's
standard error and the effective number of clusters, less one, as degrees of freedom: with 13 to
25 templates of unequal size it covers as it should, where percentile intervals of the bootstrap,
or G - 1 degrees of freedom, are too short (`benchmarks/coverage.py`, `docs/coverage.md`). Over
several categories the jackknife goes on within each of them (`strata`).
One real result, accuracy over 25 templates:

    Clustered(value=0.62, se=0.041, df=17.3, n_clusters=25)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from featherweight.stats.counts import Values, known
from featherweight.stats.intervals import Interval, t_interval, unvaried_interval
from featherweight.stats.measures import Measure, Scale
from featherweight.stats.power import detectable_difference, unseen_share
from featherweight.stats.strata import (
    Strata,
    filling,
    satterthwaite,
    stratum_sums,
    usable,
    without_each,
)

METHOD = "cluster jackknife, t"
WITHIN = "cluster jackknife within categories, t"
WITHIN_STRATA = "cluster jackknife within categories and strata, t"
NO_SPREAD = 1e-12  # of the range, or of the value: a standard error below this is rounding


class Clustered(NamedTuple):
    """A value with its clustered standard error.

    None where there is no value, or too few clusters for an error.
    """

    value: float | None
    se: float | None
    df: float | None  # of the t distribution
    n_clusters: int  # that bring anything along
    df_alike: float | None = None  # of the t distribution if all clusters agreed


def clustered(counts: Values, measure: Measure, strata: Strata | None = None) -> Clustered:
    """The score of the summed counts with its jackknife standard error. Shape of counts: (clusters,
    *cell, columns).

    `strata` numbers each cluster's stratum; None: the clusters are one sample.
    """
    weight = measure.weight(counts)
    used = weight > 0
    within = usable(strata, used)
    left_out = measure.resampled(without_each(counts, used, within, measure.together))
    return jackknife(known(measure.value(counts.sum(axis=0))), left_out, weight[used], within[used])


def jackknife(
    value: float | None, left_out: Values, weight: Values, strata: Strata | None = None
) -> Clustered:
    """A value with its standard error from the values without each cluster; all arrays have shape
    (clusters,).

    se^2 = (G - 1) / G * sum of (left_out - value)^2 (Efron & Stein 1981; CV3 of MacKinnon, Nielsen
    & Webb 2023), in each stratum. df = (sum of weights)^2 / (sum of squared weights) - 1, at least
    1: Kish's effective number of clusters, less one; of several strata Satterthwaite's combination
    (`strata`).
    """
    size = len(left_out)
    if value is None or size < 2 or bool(np.isnan(left_out).any()):
        return Clustered(value, None, None, size)
    codes = np.zeros(size, dtype=np.int64) if strata is None else strata
    variances, freedom = [], []
    for code in np.unique(codes):
        inside = codes == code
        n = int(inside.sum())
        variances.append((n - 1) / n * np.sum((left_out[inside] - value) ** 2))
        freedom.append(max(1.0, effective_clusters(weight[inside]) - 1.0))
    # where no cluster moves the value, what one stratum rounds must not decide for all of them
    rounding = NO_SPREAD * max(1.0, abs(value))
    several = len(freedom) > 1
    df = satterthwaite(np.array(variances), np.array(freedom), rounding) if several else freedom[0]
    return Clustered(value, float(np.sqrt(np.sum(variances))), df, size, max(1.0, sum(freedom)))


def effective_clusters(weight: Values) -> float:
    """Kish's effective number of clusters: all of them where they weigh the same, fewer
    otherwise."""
    return float(weight.sum() ** 2 / np.sum(weight**2))


def interval(
    score: Clustered,
    *,
    bounds: tuple[float, float],
    scale: Scale = "logit",
    level: float = 0.95,
    unseen: bool = False,
) -> Interval | None:
    """The interval around a clustered value; None where there is no error, or none can be told from
    equal clusters.

    Where every cluster gives the same value, the interval allows for clusters that were not seen
    (`intervals.unvaried_interval`); that needs finite bounds. With `unseen` it always does: it is
    then at no end narrower than if all clusters gave this value, so that of two values near a bound
    the one with a cluster that differs is not the surer one.
    """
    if score.value is None or score.se is None or score.df is None:
        return None
    if is_unvaried(score, bounds):
        if not np.isfinite(bounds).all():
            return None
        return unvaried_interval(
            score.value, score.n_clusters, score.df, bounds=bounds, level=level
        )
    reach = t_interval(score.value, score.se, score.df, bounds=bounds, scale=scale, level=level)
    if not unseen or score.df_alike is None:
        return reach
    alike = unvaried_interval(
        score.value, score.n_clusters, score.df_alike, bounds=bounds, level=level
    )
    return Interval(min(reach.low, alike.low), max(reach.high, alike.high))


def is_unvaried(score: Clustered, bounds: tuple[float, float]) -> bool:
    """Whether every cluster gives the same value, up to rounding."""
    width = bounds[1] - bounds[0]
    if score.value is None or score.se is None:
        return False
    reference = width if np.isfinite(width) else abs(score.value)
    return score.se <= NO_SPREAD * reference


def detectable(score: Clustered, bounds: tuple[float, float]) -> float | None:
    """The smallest shift of a value that its test at the 5% level would have noticed with 80%
    power; None: not known.

    Where every cluster gives the same value there is no error to reckon with: the shift is then
    that of so many clusters at the far end of the range that one of them would have been drawn with
    80% probability.
    """
    if score.value is None or score.se is None or score.df is None:
        return None
    if not is_unvaried(score, bounds):
        return detectable_difference(score.se, score.df)
    if not np.isfinite(bounds).all():
        return None
    return unseen_share(score.n_clusters) * max(score.value - bounds[0], bounds[1] - score.value)


def bootstrap_weights(
    n_clusters: int, draws: int, generator: np.random.Generator, strata: Strata | None = None
) -> Values:
    """How often each cluster stands in each bootstrap sample of as many clusters. Shape: (draws,
    n_clusters).

    With strata every stratum is drawn by itself, as often as it has clusters.
    """
    if n_clusters < 1:
        raise ValueError(f"bootstrap: expected at least one cluster, got {n_clusters}")
    codes = np.zeros(n_clusters, dtype=np.int64) if strata is None else strata
    weights = np.zeros((draws, n_clusters))
    for code in np.unique(codes):
        inside = np.flatnonzero(codes == code)
        weights[:, inside] = generator.multinomial(
            len(inside), np.full(len(inside), 1.0 / len(inside)), size=draws
        )
    return weights


def bootstrap_counts(counts: Values, weights: Values, strata: Strata | None = None) -> Values:
    """The counts of each bootstrap sample: (clusters, *cell) and (draws, clusters) give (draws,
    *cell).

    `measure.resampled` of them is the score in each sample. A stratum counts as the items that were
    asked of it, also where larger or smaller clusters were drawn.
    """
    codes = np.zeros(len(counts), dtype=np.int64) if strata is None else strata
    if len(np.unique(codes)) < 2:
        return _drawn(counts, weights)
    sums = np.zeros((len(weights), *counts.shape[1:]))
    for code, whole in enumerate(stratum_sums(counts, codes)):
        part = _drawn(counts[codes == code], weights[:, codes == code])
        sums += part * filling(np.broadcast_to(whole, part.shape), part)
    return sums


def _drawn(counts: Values, weights: Values) -> Values:
    sums: Values = weights @ counts.reshape(len(counts), -1)
    return sums.reshape(len(weights), *counts.shape[1:])


def percentile_interval(draws: Values, level: float = 0.95) -> Interval | None:
    """The percentile interval of bootstrap draws; None where a tenth of them or more have no
    value."""
    valued = draws[~np.isnan(draws)]
    if len(valued) <= 0.9 * len(draws):
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(valued, [tail, 1.0 - tail])
    return Interval(float(low), float(high))

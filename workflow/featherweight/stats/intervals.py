"""Intervals for one number: Wilson's for a share of independent items, and t intervals from a
standard error.

A share of 12 right among 20 independent items:

    >>> wilson(12, 20)
    Interval(low=0.386..., high=0.781...)
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

from featherweight.stats.measures import Scale


class Interval(NamedTuple):
    """The bounds of an interval, in the unit of the number."""

    low: float
    high: float


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval for a share (Wilson 1927).

    Raises ValueError unless 0 <= successes <= n and n > 0.
    """
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"wilson: expected 0 <= successes <= n and n > 0, got {successes} of {n}")
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1.0 - level, method="wilson")
    return Interval(0.0 if successes == 0 else float(low), 1.0 if successes == n else float(high))


def t_quantile(level: float, df: float) -> float:
    """How many standard errors a two-sided interval of this level reaches to each side."""
    return float(stdtrit(df, 0.5 + level / 2.0))


def two_sided_p(statistic: float, df: float) -> float:
    """The probability of a t statistic at least this far from 0."""
    return 2.0 * float(stdtr(df, -abs(statistic)))


def t_interval(
    value: float,
    se: float,
    df: float,
    *,
    bounds: tuple[float, float],
    scale: Scale,
    level: float = 0.95,
) -> Interval:
    """The t interval of a value with a positive standard error, inside the value's possible range.

    "logit" takes the range to the whole line, makes the interval there (the standard error by the
    delta method) and goes back: it never leaves the range and follows the skew near its ends
    (Agresti 2013, Categorical Data Analysis, section 3.1.6). It needs finite bounds. "identity" is
    value -+ t se, cut at the bounds.
    """
    reach = t_quantile(level, df)
    lower, upper = bounds
    if scale == "identity" or value in bounds:
        return Interval(max(lower, value - reach * se), min(upper, value + reach * se))
    width = upper - lower
    share = (value - lower) / width
    middle = math.log(share / (1.0 - share))
    spread = reach * se / width / (share * (1.0 - share))
    return Interval(
        lower + width * _logistic(middle - spread), lower + width * _logistic(middle + spread)
    )


def _logistic(x: float) -> float:
    if x < 0:
        return math.exp(x) / (1.0 + math.exp(x))
    return 1.0 / (1.0 + math.exp(-x))


def unvaried_interval(
    value: float, n_clusters: int, df: float, *, bounds: tuple[float, float], level: float = 0.95
) -> Interval:
    """The interval of a value that every cluster shares, so that its standard error is 0.

    A cluster that behaves otherwise was seen 0 times in n: Wilson's bound for the share of such
    clusters is u = t^2 / (n + t^2), and they could move the value by at most that share of the way
    to either end of its range. For a share of 1 this is Wilson's interval for n right of n, with
    clusters for items and t for z.
    """
    reach = t_quantile(level, df) ** 2
    unseen = reach / (n_clusters + reach)
    lower, upper = bounds
    return Interval(value - unseen * (value - lower), value + unseen * (upper - value))

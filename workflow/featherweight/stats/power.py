"""What a design could have seen, and what its clusters cost.

A paired difference with a standard error of 0.03 over 25 templates is seen with 80% power from
0.088 upwards:

    >>> round(detectable_difference(0.03, 24), 3)
    0.088
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from featherweight.stats.counts import Values


def detectable_difference(
    se: float, df: float, *, power: float = 0.8, level: float = 0.95
) -> float:
    """The smallest true difference that a two-sided t test at 1 - level finds with this power.

    (t_{1 - alpha/2} + t_{power}) se (Bloom 1995, Minimum detectable effects). Raises ValueError
    unless se > 0.
    """
    if not se > 0:
        raise ValueError(f"detectable difference: expected a positive standard error, got {se}")
    return float((stdtrit(df, 0.5 + level / 2.0) + stdtrit(df, power)) * se)


def unseen_share(n_clusters: int, *, power: float = 0.8) -> float:
    """The share of clusters that behave otherwise from which one is among n with this probability.

    1 - (1 - power)^(1 / n), from the chance (1 - share)^n that none is.
    """
    return float(1.0 - (1.0 - power) ** (1.0 / n_clusters))


def design_effect(se: float, share: float, n: float) -> float | None:
    """How many times the variance of independent items the clustered variance of a share is; None
    for 0 and 1.
    """
    independent = share * (1.0 - share) / n
    return None if independent <= 0 else se**2 / independent


def intraclass_correlation(successes: Values, n: Values) -> float | None:
    """How alike the answers to one cluster are: the analysis-of-variance estimate for successes of
    n per cluster.

    0: no more alike than answers of different clusters, 1: all the same; a little below 0 is noise
    (Ridout, Demetrio & Firth 1999, equation 3). None below two clusters, without a cluster of two,
    or where all answers are the same.
    """
    present = n > 0
    successes, n = successes[present], n[present]
    groups, items = len(n), n.sum()
    if groups < 2 or items <= groups:
        return None
    rate, overall = successes / n, successes.sum() / items
    between = np.sum(n * (rate - overall) ** 2) / (groups - 1)
    within = np.sum(n * rate * (1.0 - rate)) / (items - groups)
    size = (items - np.sum(n**2) / items) / (groups - 1)
    spread = between + (size - 1.0) * within
    return None if spread <= 0 else float((between - within) / spread)

"""What k of n samples of a prompt are worth: at least one right, the majority, the best scored.

Each number is the mean over all C(n, k) subsets without replacement, not over some that were drawn,
so that n samples give every k up to n without noise of its own. pass@k: Chen et al. (2021,
arXiv 2107.03374), equation 1. Majority: equal answers vote for their class, what holds no value
votes for nothing, tied classes share the credit, and where nobody votes the prompt is wrong. The
credit of a subset in which the right class has m votes, no other more, and t others as many is
1 / (1 + t). Over all subsets these are sums of products, one polynomial per class, in which
x counts the samples taken and y the ties; the integral of y^t from 0 to 1 is 1 / (1 + t), so that
Gauss-Legendre nodes for y, enough of them to be exact, replace the count of ties. All terms are
positive: nothing cancels. One prompt, four samples, of which two are right and two are wrong alike:

    >>> pass_at_k(np.array([4]), np.array([2]), 2)
    array([0.83333333])
    >>> majority_at_k([2, 2], 0, 4, [1, 2, 4])
    array([0.5, 0.5, 0.5])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from featherweight.stats.counts import Bools, Codes, Values

MOST_SAMPLES = 1000  # C(n, n / 2) is then still a float
ROUNDING = 1e-12  # what is right in every subset is 1, not 1 less a rounding error


def pass_at_k(n: Codes, right: Codes, k: int) -> Values:
    """The probability that k of a prompt's n samples hold one of the `right` right ones.

    Arrays of one length; nan where n < k. Raises ValueError for k < 1 and where not
    0 <= right <= n.
    """
    if k < 1 or np.any(right < 0) or np.any(right > n):
        raise ValueError(f"pass@k: expected k >= 1 and 0 <= right <= n, got k = {k}")
    values = np.full(len(n), np.nan)
    for size in np.unique(n[n >= k]):
        inside = n == size
        values[inside] = _pass_table(int(size), k)[right[inside]]
    return values


@cache
def _pass_table(n: int, k: int) -> Values:
    """pass@k by the number of right samples, each the nearest float to the exact quotient."""
    every = math.comb(n, k)
    return np.array([(every - math.comb(n - right, k)) / every for right in range(n + 1)])


def majority_at_k(sizes: Sequence[int], right: int | None, n: int, ks: Sequence[int]) -> Values:
    """The expected credit of the majority of k of a prompt's n samples, for each k.

    `sizes` holds how many samples are in each class; samples in none have no value. `right` is the
    place of the right class, None where no sample is right. nan where n < k. Raises ValueError for
    k < 1, more samples in classes than there are, and n beyond MOST_SAMPLES.
    """
    if min(ks, default=1) < 1 or sum(sizes) > n or n > MOST_SAMPLES or min(sizes, default=1) < 1:
        raise ValueError(
            f"maj@k: expected k >= 1, classes of 1 sample or more and at most {MOST_SAMPLES}"
            f" samples, got k = {list(ks)} and classes of {list(sizes)} among {n}"
        )
    values = np.array([0.0 if k <= n else np.nan for k in ks])
    wanted = [(place, k) for place, k in enumerate(ks) if k <= n]
    if right is None or not wanted:
        return values
    most = max(k for _, k in wanted)
    others = [size for place, size in enumerate(sizes) if place != right]
    for votes in range(1, min(sizes[right], most) + 1):
        ways = _never_more(others, n - sum(sizes), votes, most - votes)
        first = float(math.comb(sizes[right], votes))
        for place, k in wanted:
            if k >= votes:
                values[place] += first * ways[k - votes] / float(math.comb(n, k))
    return np.where(values > 1.0 - ROUNDING, 1.0, values)


def _never_more(sizes: Sequence[int], silent: int, votes: int, degree: int) -> Values:
    """In how many ways 0, 1, .. `degree` samples may be taken so that no class has more than
    `votes`, a way in which t classes have as many weighing 1 / (1 + t).
    """
    large = [size for size in sizes if size >= votes]
    free = silent + sum(size for size in sizes if size < votes)  # these can never tie
    most_ties = min(len(large), degree // votes)
    nodes, weights = _nodes(most_ties // 2 + 1)
    ways = np.tile(_binomials(free, degree), (len(nodes), 1))
    for size in large:
        taken = _binomials(size, min(votes, degree))
        factors = np.tile(taken, (len(nodes), 1))
        if votes <= degree:
            factors[:, votes] *= nodes
        ways = _product(ways, factors)
    total: Values = weights @ ways
    return total


def _product(first: Values, second: Values) -> Values:
    """The products of polynomials, row by row, cut to the degree of the first."""
    length = first.shape[1]
    product = np.zeros_like(first)
    for power in range(second.shape[1]):
        product[:, power:] += second[:, power, None] * first[:, : length - power]
    return product


@cache
def _binomials(n: int, degree: int) -> Values:
    """C(n, 0) .. C(n, degree)."""
    return np.array([float(math.comb(n, taken)) for taken in range(degree + 1)])


@cache
def _nodes(n: int) -> tuple[Values, Values]:
    """Gauss-Legendre nodes and weights on 0 to 1: exact for polynomials of degree 2 n - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1.0) / 2.0, weights / 2.0


def best_of_k(right: Bools, scores: Values, ks: Sequence[int]) -> Values:
    """The probability that the best scored of k of a prompt's n samples is right, for each k.

    Samples of one score are as likely to come first. nan where n < k. Raises ValueError for k < 1,
    arrays of different lengths and a score that is no number.
    """
    n = len(right)
    if min(ks, default=1) < 1 or len(scores) != n or bool(np.isnan(scores).any()):
        raise ValueError("best-of-k: expected k >= 1 and a number as the score of every sample")
    tied = np.unique(-scores, return_inverse=True)[1].ravel()  # 0: the best score
    size = np.bincount(tied)
    share = np.bincount(tied, weights=right.astype(np.float64)) / np.maximum(size, 1)
    values = np.full(len(ks), np.nan)
    for place, k in enumerate(ks):
        if k <= n:
            # Of the sample that stands at rank i the C(n - i, k - 1) subsets without a better one.
            first = [math.comb(n - rank, k - 1) / math.comb(n, k) for rank in range(1, n + 1)]
            weights = np.add.reduceat(np.array(first), np.cumsum(size) - size)
            values[place] = float(weights @ share)
    return values

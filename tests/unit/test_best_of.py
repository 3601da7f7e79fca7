"""pass@k, maj@k and best-of-k against all subsets, exact fractions and values worked by hand."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest

from featherweight.stats.best_of import best_of_k, majority_at_k, pass_at_k


def credit(votes: Sequence[int | None], right: int | None) -> Fraction:
    """What the majority of these votes is worth; None: a sample without a value."""
    counted = Counter(vote for vote in votes if vote is not None)
    if not counted or right not in counted:
        return Fraction(0)
    most = max(counted.values())
    winners = [vote for vote, count in counted.items() if count == most]
    return Fraction(int(right in winners), len(winners))


def by_subsets(sizes: Sequence[int], right: int | None, n: int, k: int) -> Fraction:
    votes: list[int | None] = [place for place, size in enumerate(sizes) for _ in range(size)]
    votes += [None] * (n - len(votes))
    subsets = list(combinations(votes, k))
    return sum((credit(one, right) for one in subsets), Fraction(0)) / len(subsets)


# Sizes of the classes, the place of the right one, samples in all.
SMALL: list[tuple[list[int], int | None, int]] = [
    ([1], 0, 1),
    ([4], 0, 4),
    ([2, 2], 0, 4),
    ([3, 1], 1, 4),
    ([1, 1, 1, 1], 2, 5),
    ([2, 3, 1], 0, 8),
    ([3, 3, 2], 2, 8),
    ([2, 2, 2, 2], 3, 9),
    ([1, 4, 4], 1, 9),
    ([5, 1, 1, 1], 1, 10),
    ([3, 2], None, 6),
    ([], None, 3),
]


@pytest.mark.parametrize(("sizes", "right", "n"), SMALL)
def test_the_majority_is_the_mean_over_all_subsets(
    sizes: list[int], right: int | None, n: int
) -> None:
    ks = list(range(1, n + 1))
    expected = [float(by_subsets(sizes, right, n, k)) for k in ks]
    assert majority_at_k(sizes, right, n, ks) == pytest.approx(expected, rel=1e-11, abs=1e-13)


# Worked by hand. Two right (a) and one wrong (b) and one without a value (-): the six pairs are
# aa 1, ab 1/2 (twice), a- 1 (twice), b- 0, so 4/6; the triples aab 1, aa- 1, ab- 1/2 (twice): 3/4.
# The right answer once, two others twice each: of 4 samples (5 subsets) it never leads, and ties
# only in pairs: of 10 pairs the 4 that hold it give 1/2 each, 0.2.
BY_HAND = [
    ([2, 1], 0, 4, 1, 0.5),
    ([2, 1], 0, 4, 2, 4 / 6),
    ([2, 1], 0, 4, 3, 0.75),
    ([2, 1], 0, 4, 4, 1.0),
    ([1, 2, 2], 0, 5, 2, 0.2),
    ([1, 2, 2], 0, 5, 4, 0.0),
    ([1, 2, 2], 1, 5, 5, 0.5),
]


@pytest.mark.parametrize(("sizes", "right", "n", "k", "expected"), BY_HAND)
def test_the_majority_by_hand(
    sizes: list[int], right: int, n: int, k: int, expected: float
) -> None:
    assert majority_at_k(sizes, right, n, [k])[0] == pytest.approx(expected, rel=1e-11, abs=1e-13)


def exact_majority(sizes: Sequence[int], right: int, n: int, k: int) -> Fraction:
    """The same by whole numbers, ties counted one by one: no floats and no quadrature."""
    total = Fraction(0)
    others = [size for place, size in enumerate(sizes) if place != right]
    for votes in range(1, min(sizes[right], k) + 1):
        ways = {(0, 0): 1}  # (ties, taken) -> number of ways
        for size in others:
            new: dict[tuple[int, int], int] = {}
            for (ties, taken), number in ways.items():
                for more in range(min(votes, size, k - votes - taken) + 1):
                    key = (ties + (more == votes), taken + more)
                    new[key] = new.get(key, 0) + number * math.comb(size, more)
            ways = new
        silent = n - sum(sizes)
        for (ties, taken), number in ways.items():
            left = k - votes - taken
            ways_in_all = number * math.comb(sizes[right], votes) * math.comb(silent, left)
            total += Fraction(ways_in_all, 1 + ties)
    return total / math.comb(n, k)


LARGE = [
    ([100, 90, 30, 20, 10, 1, 1, 1], 0, 256),
    ([60, 60, 60, 60], 2, 256),
    ([3] * 20, 5, 64),
    ([1] * 60, 0, 64),
    ([120, 121], 0, 256),
]


@pytest.mark.parametrize(("sizes", "right", "n"), LARGE)
def test_the_majority_keeps_its_digits_for_many_samples(
    sizes: list[int], right: int, n: int
) -> None:
    ks = [1, 2, 16, n // 2, n]
    expected = [float(exact_majority(sizes, right, n, k)) for k in ks]
    assert majority_at_k(sizes, right, n, ks) == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_the_majority_at_both_ends() -> None:
    """Of one sample it is the accuracy, of all the vote itself; nan beyond, 0 where nobody is."""
    sizes, n = [30, 20, 6], 64
    found = majority_at_k(sizes, 0, n, [1, n, n + 1])
    assert found[:2] == pytest.approx([30 / 64, 1.0], abs=1e-12)
    assert np.isnan(found[2])
    assert majority_at_k(sizes, None, n, [1, n]).tolist() == [0.0, 0.0]
    assert majority_at_k([], None, n, [1, n]).tolist() == [0.0, 0.0]
    assert majority_at_k([n], 0, n, [1, 7, n]) == pytest.approx([1.0] * 3, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n: int) -> None:
    for right in range(n + 1):
        for k in range(1, n + 1):
            subsets = list(combinations([True] * right + [False] * (n - right), k))
            expected = sum(map(any, subsets)) / len(subsets)
            found = pass_at_k(np.array([n]), np.array([right]), k)[0]
            assert found == pytest.approx(expected, abs=1e-15)


def test_pass_at_k_equals_the_product_of_chen_and_others() -> None:
    """1 - prod of (1 - k / i) over i = n - c + 1 .. n, as their code has it."""
    n = np.full(257, 256)
    right = np.arange(257)
    for k in (1, 2, 64, 255, 256):
        by_product = [
            1.0 - np.prod(1.0 - k / np.arange(256 - c + 1, 257)) if 256 - c >= k else 1.0
            for c in right
        ]
        assert pass_at_k(n, right, k) == pytest.approx(by_product, abs=1e-12)
    assert pass_at_k(n, right, 1) == pytest.approx(right / 256, abs=1e-15)
    assert pass_at_k(n, right, 256).tolist() == [0.0] + [1.0] * 256


def test_pass_at_k_of_different_numbers_of_samples() -> None:
    found = pass_at_k(np.array([4, 2, 1]), np.array([2, 1, 1]), 2)
    assert found[:2] == pytest.approx([5 / 6, 1.0])
    assert np.isnan(found[2])


# Right or not, and scores; ties are worth the mean over their orders.
SCORED = [
    ([True, False, False], [3.0, 2.0, 1.0]),
    ([False, True, True], [3.0, 2.0, 1.0]),
    ([True, False, True, False], [1.0, 1.0, 0.0, 2.0]),
    ([True, False, False, True, False], [0.5, 0.5, 0.5, 0.1, 0.5]),
]


@pytest.mark.parametrize(("right", "scores"), SCORED)
def test_best_of_k_is_the_mean_over_all_subsets_and_orders(
    right: list[bool], scores: list[float]
) -> None:
    n = len(right)
    for k in range(1, n + 1):
        found = best_of_k(np.array(right), np.array(scores), [k])[0]
        total = Fraction(0)
        orders = list(permutations(range(n)))
        for order in orders:
            for chosen in combinations(order, k):  # in this order; the first of the best wins
                total += int(right[max(chosen, key=lambda place: scores[place])])
        assert found == pytest.approx(float(total / len(orders) / math.comb(n, k)), abs=1e-12)


def test_best_of_k_where_every_score_is_the_same_is_the_accuracy() -> None:
    right = np.array([True, False, False, True])
    assert best_of_k(right, np.zeros(4), [1, 2, 4]) == pytest.approx([0.5] * 3, abs=1e-12)
    by_oracle = best_of_k(right, right.astype(np.float64), [1, 2, 3, 4])
    passes = [pass_at_k(np.array([4]), np.array([2]), k)[0] for k in (1, 2, 3, 4)]
    assert by_oracle == pytest.approx(passes, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pass_at_k(np.array([2]), np.array([3]), 1), "0 <= right <= n"),
        (lambda: pass_at_k(np.array([2]), np.array([1]), 0), "k >= 1"),
        (lambda: majority_at_k([3], 0, 2, [1]), "among 2"),
        (lambda: majority_at_k([1], 0, 2, [0]), "k >= 1"),
        (lambda: majority_at_k([0, 1], 0, 2, [1]), "1 sample or more"),
        (lambda: majority_at_k([1], 0, 5000, [1]), "at most 1000"),
        (lambda: best_of_k(np.array([True]), np.array([np.nan]), [1]), "a number"),
    ],
)
def test_what_cannot_be_counted(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]

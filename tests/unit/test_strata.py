"""Errors within fixed strata: by hand, at both ends, and against what clusters alone would say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from featherweight.stats import measures
from featherweight.stats.clusters import (
    bootstrap_counts,
    bootstrap_weights,
    clustered,
    effective_clusters,
    interval,
    jackknife,
)
from featherweight.stats.counts import DROP, N_GENERAL, N_ITEMS, N_RIGHT, N_UNREAD, WRONG, Values
from featherweight.stats.paired import difference
from featherweight.stats.strata import satterthwaite, usable, without_each
from featherweight.tasks import task_names
from featherweight.tasks.numbers import numbers

ACCURACY = measures.accuracy(DROP, (0,))
ALL = np.ones(6, dtype=np.bool_)


def shares(right: list[int], items: list[int]) -> Values:
    """Counts where only accuracy matters."""
    counts = np.zeros((len(right), 2, N_GENERAL))
    counts[:, 0, N_ITEMS], counts[:, 0, N_RIGHT] = items, right
    return counts


# Two categories of 3 and 4 templates with 4 questions each, asked 12 and 16 times: weights 12/28
# and 16/28.
RIGHT, ITEMS = [1, 2, 0, 4, 3, 4, 4], [4] * 7
STRATA = np.array([0, 0, 0, 1, 1, 1, 1])


def test_variances_of_categories_add_with_their_weights() -> None:
    found = clustered(shares(RIGHT, ITEMS), ACCURACY, STRATA)
    alone = [clustered(shares(RIGHT[a:b], ITEMS[a:b]), ACCURACY) for a, b in ((0, 3), (3, 7))]
    parts = [
        (weight * (one.se or 0.0)) ** 2
        for weight, one in zip((12 / 28, 16 / 28), alone, strict=True)
    ]
    assert found.value == pytest.approx(18 / 28)
    assert found.se == pytest.approx(np.sqrt(sum(parts)))
    # Satterthwaite by hand: 2 and 3 degrees of freedom.
    assert found.df == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3))
    assert found.n_clusters == 7


def test_a_cluster_of_another_size_leaves_the_mix_of_categories_as_it_was() -> None:
    counts = shares([1, 2, 6, 4, 3], [2, 4, 6, 4, 4])
    left_out = ACCURACY.value(
        without_each(counts, np.ones(5, dtype=np.bool_), np.array([0, 0, 0, 1, 1]))
    )
    first, second = 12 / 20, 8 / 20  # of the questions, whichever template is left out
    expected = [
        first * 8 / 10 + second * 7 / 8,
        first * 7 / 8 + second * 7 / 8,
        first * 3 / 6 + second * 7 / 8,
        first * 9 / 12 + second * 3 / 4,
        first * 9 / 12 + second * 4 / 4,
    ]
    assert left_out == pytest.approx(expected)


def test_categories_that_differ_do_not_widen_what_templates_do_not_move() -> None:
    counts, strata = shares([0] * 5 + [4] * 5, [4] * 10), np.repeat([0, 1], 5)
    assert clustered(counts, ACCURACY, strata).se == pytest.approx(0.0)
    assert clustered(counts, ACCURACY).se == pytest.approx(1 / 6)  # sd 0.527 / sqrt(10)


def test_one_stratum_is_none() -> None:
    counts = shares(RIGHT, [4, 5, 6, 4, 7, 5, 4])
    assert clustered(counts, ACCURACY, np.zeros(7, dtype=np.int64)) == clustered(counts, ACCURACY)
    other = shares([2] * 7, [4, 5, 6, 4, 7, 5, 4])
    assert difference(counts, other, ACCURACY, strata=np.full(7, 3)) == difference(
        counts, other, ACCURACY
    )


def test_a_difference_has_the_variance_of_its_categories() -> None:
    first, second = shares(RIGHT, ITEMS), shares([2, 2, 1, 3, 3, 1, 4], ITEMS)
    found = difference(first, second, ACCURACY, strata=STRATA)
    alone = [difference(first[a:b], second[a:b], ACCURACY) for a, b in ((0, 3), (3, 7))]
    parts = [
        (weight * (one.se or 0.0)) ** 2
        for weight, one in zip((12 / 28, 16 / 28), alone, strict=True)
    ]
    assert found.se == pytest.approx(np.sqrt(sum(parts)))


@pytest.mark.parametrize(
    ("strata", "used", "expected"),
    [
        ([0, 0, 0, 1, 1, 1], ALL, [0, 0, 0, 1, 1, 1]),
        ([0, 1, 2, 3, 4, 5], ALL, [0, 0, 0, 0, 0, 0]),  # nothing to see in any: one sample
        ([0, 0, 1, 2, 3, 3], ALL, [0, 0, 1, 1, 3, 3]),  # two single ones are put together
        (
            [0, 0, 0, 1, 1, 2],
            ALL,
            [0, 0, 0, 1, 1, 1],
        ),  # one alone joins the stratum with the fewest
        ([0, 0, 0, 1, 1, 1], np.array([1, 1, 0, 1, 0, 0], dtype=np.bool_), [0, 0, 0, 0, 0, 0]),
        ([0, 0, 0, 1, 1, 1], np.array([1, 1, 1, 0, 0, 0], dtype=np.bool_), [0, 0, 0, 1, 1, 1]),
        ([0, 0, 0, 1, 1, 1], ~ALL, [0, 0, 0, 1, 1, 1]),
    ],
)
def test_strata_of_one_cluster_are_put_together(
    strata: list[int], used: Values, expected: list[int]
) -> None:
    assert usable(np.array(strata), used).tolist() == expected
    assert usable(None, used).tolist() == [0] * 6


def test_satterthwaite_at_its_ends() -> None:
    assert satterthwaite(np.array([2.0, 2.0]), np.array([5.0, 5.0])) == pytest.approx(
        10.0
    )  # alike: they add
    assert satterthwaite(np.array([2.0, 0.0]), np.array([5.0, 90.0])) == pytest.approx(
        5.0
    )  # one alone: its own
    assert satterthwaite(np.array([0.0, 0.0]), np.array([5.0, 7.0])) == pytest.approx(12.0)
    assert satterthwaite(np.array([1.0]), np.array([0.2])) == 1.0


def test_one_cluster_has_no_error_and_nothing_asked_no_value() -> None:
    assert clustered(shares([1], [4]), ACCURACY, np.array([0])).se is None
    nothing = clustered(shares([0, 0], [0, 0]), ACCURACY, np.array([0, 1]))
    assert (nothing.value, nothing.se, nothing.n_clusters) == (None, None, 0)
    assert jackknife(0.5, np.array([0.4, 0.6]), np.ones(2), np.array([0, 0])).df == pytest.approx(
        1.0
    )


def test_the_bootstrap_within_categories_agrees_with_the_jackknife() -> None:
    # 40,000 draws: the bootstrap's own error is 0.35%; with 30 templates in each of two categories
    # the two differ by about 1 / 60. Without strata the bootstrap comes out at 1.8 times the error,
    # far outside.
    generator = np.random.default_rng(5)
    items = generator.integers(4, 9, size=60)
    strata = np.repeat([0, 1], 30)
    counts = shares(list(generator.binomial(items, np.where(strata == 0, 0.1, 0.9))), list(items))
    weights = bootstrap_weights(60, 40_000, generator, strata)
    draws = ACCURACY.resampled(bootstrap_counts(counts, weights, strata))
    assert draws.std() == pytest.approx(clustered(counts, ACCURACY, strata).se, rel=0.03)
    together = ACCURACY.resampled(bootstrap_counts(counts, bootstrap_weights(60, 2000, generator)))
    assert together.std() > 1.5 * draws.std()
    assert (weights[:, :30].sum(axis=1) == 30).all()


def test_rounding_of_one_category_leaves_the_others_their_degrees_of_freedom() -> None:
    """All right under "drop", whatever was lost: filling up rounds, and 1.0 is not quite 1.0."""
    rounded = 0
    for sizes in ((3, 4, 5), (7, 3, 9), (6, 10, 3), (5, 7, 11)):
        n = sum(sizes)
        counts = np.zeros((n, 1, N_GENERAL))
        counts[:, 0, N_ITEMS] = 3.0
        counts[::3, 0, N_UNREAD] = 1.0
        counts[:, 0, N_RIGHT] = 3.0 - counts[:, 0, N_UNREAD]
        strata = np.repeat(np.arange(3), sizes)
        found = clustered(counts, ACCURACY, strata)
        weight = counts[:, 0, N_RIGHT]
        free = [effective_clusters(weight[strata == code]) - 1.0 for code in range(3)]
        rounded += bool(found.se)
        assert found.value == 1.0
        assert found.df == pytest.approx(sum(free))
    assert rounded  # else nothing was tested
    assert satterthwaite(np.array([2.0, 1e-31]), np.array([5.0, 9.0]), 1e-12) == pytest.approx(5.0)
    assert satterthwaite(np.array([1e-31, 0.0]), np.array([5.0, 9.0]), 1e-12) == 14.0


def drawn_one_by_one(generator: np.random.Generator, per: int = 25) -> tuple[Values, Values]:
    """A draw from seven subjects, 16 samples a problem: level 1 to 5 as chance has it."""
    level = generator.integers(0, 5, 7 * per)
    counts = np.zeros((7 * per, 5, N_GENERAL))
    counts[np.arange(7 * per), level, N_ITEMS] = 16.0
    right = generator.binomial(16, np.array([0.95, 0.85, 0.7, 0.5, 0.25])[level])
    counts[np.arange(7 * per), level, N_RIGHT] = right
    return counts, np.repeat(np.arange(7), per)


def test_levels_that_chance_mixes_are_filled_up_together() -> None:
    """300 draws, the truth 0.65: 0.95 give or take 0.013, below 0.90 less than once in 1,000. Each
    level filled up by itself covers two thirds.
    """
    overall = numbers("math500").overall(WRONG).measure
    assert overall.together == (0, 1, 2, 3, 4)
    by_itself = replace(overall, together=None)
    generator = np.random.default_rng(5)
    held = dict.fromkeys((overall, by_itself), 0)
    for _ in range(300):
        counts, subject = drawn_one_by_one(generator)
        for measure in held:
            reach = interval(clustered(counts, measure, subject), bounds=(0.0, 1.0))
            assert reach is not None
            held[measure] += reach.low <= 0.65 <= reach.high
    assert held[overall] > 270
    assert held[by_itself] < 240


def test_only_draws_of_single_items_leave_the_mix_of_strata_to_chance() -> None:
    mixed = [name for name in task_names() if numbers(name).overall(WRONG).measure.together]
    assert mixed == ["math500"]


def test_filling_up_together_by_hand() -> None:
    """Two categories of three items; without the first item of level 1 the other two count as 3."""
    level, right = np.array([0, 0, 1, 0, 1, 1]), [1, 0, 1, 1, 1, 0]
    counts = np.zeros((6, 2, N_GENERAL))
    counts[np.arange(6), level, N_ITEMS] = 1.0
    counts[np.arange(6), level, N_RIGHT] = right
    strata = np.array([0, 0, 0, 1, 1, 1])
    left_out = without_each(counts, ALL, strata, (0, 1))
    assert left_out[0, :, N_ITEMS].tolist() == [1 * 1.5 + 1, 1 * 1.5 + 2]
    assert left_out[0, :, N_RIGHT].tolist() == [0 + 1, 1.5 + 1]
    assert left_out[..., N_ITEMS].sum(axis=-1).tolist() == [6.0] * 6
    by_itself = without_each(counts, ALL, strata)
    assert by_itself[0, :, N_ITEMS].tolist() == [3, 3]

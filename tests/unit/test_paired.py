"""Differences, corrections and power: by hand, against scipy and statsmodels, and where nothing can
be told.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from featherweight.stats import measures
from featherweight.stats.clusters import clustered
from featherweight.stats.corrections import benjamini_hochberg, holm, multipliers
from featherweight.stats.counts import DROP, N_GENERAL, N_ITEMS, N_RIGHT, Values
from featherweight.stats.measures import Measure
from featherweight.stats.paired import difference
from featherweight.stats.power import design_effect, detectable_difference, intraclass_correlation

ACCURACY = measures.accuracy(DROP, (0,))


def shares(right: list[int], items: list[int]) -> Values:
    """Counts where only accuracy matters."""
    counts = np.zeros((len(right), 2, N_GENERAL))
    counts[:, 0, N_ITEMS], counts[:, 0, N_RIGHT] = items, right
    return counts


def test_equal_clusters_are_the_paired_t_test() -> None:
    first, second = [5, 8, 9, 7, 6, 9, 10, 4], [4, 8, 6, 7, 5, 9, 7, 3]
    found = difference(shares(first, [10] * 8), shares(second, [10] * 8), ACCURACY)
    expected = stats.ttest_rel(np.array(first) / 10, np.array(second) / 10)
    assert found.value == pytest.approx((sum(first) - sum(second)) / 80)
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_other_way_round_has_the_other_sign() -> None:
    first, second = shares([5, 8, 9, 7], [10, 12, 9, 8]), shares([4, 9, 6, 7], [10, 12, 9, 8])
    there, back = difference(first, second, ACCURACY), difference(second, first, ACCURACY)
    assert there.value == pytest.approx(-(back.value or 0.0))
    assert (there.low, there.high) == pytest.approx((-(back.high or 0.0), -(back.low or 0.0)))
    assert there.p == pytest.approx(back.p)


def test_pairing_removes_what_both_share() -> None:
    generator = np.random.default_rng(0)
    rate = generator.beta(1, 1, size=25) * 0.8
    first, second = (
        shares(list(np.round(20 * (rate + gain)).astype(int)), [20] * 25) for gain in (0.15, 0.0)
    )
    paired = difference(first, second, ACCURACY)
    alone = np.hypot(clustered(first, ACCURACY).se or 0.0, clustered(second, ACCURACY).se or 0.0)
    assert paired.se is not None
    assert paired.se < alone / 5


def test_sides_without_a_common_template_are_independent() -> None:
    rows = shares([2, 5, 9, 4, 7, 8, 3, 6], [10] * 8), shares([7, 9, 9, 4, 10, 8, 6, 6], [10] * 8)
    first = np.concatenate([rows[0], np.zeros_like(rows[1])])
    second = np.concatenate([np.zeros_like(rows[0]), rows[1]])
    found = difference(first, second, ACCURACY)
    alone = np.hypot(clustered(rows[0], ACCURACY).se or 0.0, clustered(rows[1], ACCURACY).se or 0.0)
    assert found.se == pytest.approx(
        alone * np.sqrt(15 / 16 * 8 / 7)
    )  # (G - 1) / G of 16 clusters instead of 8
    assert found.n_clusters == 16


def test_the_same_answers_differ_by_nothing_and_an_unseen_template_is_allowed_for() -> None:
    counts = shares([5, 8, 9, 7], [10] * 4)
    found = difference(counts, counts, ACCURACY)
    t = stats.t.ppf(0.975, 3)
    assert (found.value, found.p, found.detectable) == (0.0, 1.0, None)
    assert (found.low, found.high) == pytest.approx((-(t**2) / (4 + t**2), t**2 / (4 + t**2)))


def test_all_against_nothing_in_25_templates_is_sure_and_p_is_the_level_that_touches_0() -> None:
    found = difference(shares([4] * 25, [4] * 25), shares([0] * 25, [4] * 25), ACCURACY)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.p == pytest.approx(2 * stats.t.sf(5.0, 24))
    touching = difference(
        shares([4] * 25, [4] * 25), shares([0] * 25, [4] * 25), ACCURACY, level=1 - (found.p or 0.0)
    )
    assert touching.low == pytest.approx(0.0, abs=1e-6)


def test_what_has_no_score_on_one_side_has_no_difference() -> None:
    wrong = Measure(  # undefined where every answer is right, as a bias is without a biased answer
        value=lambda counts: np.where(
            counts[..., 0, N_RIGHT] < counts[..., 0, N_ITEMS], 1.0, np.nan
        ),
        weight=lambda counts: counts[..., 0, N_ITEMS],
    )
    some, none = shares([2, 3, 1], [4, 4, 4]), shares([4, 4, 4], [4, 4, 4])
    found = difference(some, none, wrong)
    assert (found.value, found.low, found.p, found.detectable) == (None, None, None, None)


def test_one_template_has_a_difference_without_an_interval() -> None:
    found = difference(shares([3], [4]), shares([1], [4]), ACCURACY)
    assert found == (0.5, None, None, 1, None, None, None, None)


def test_other_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="same clusters"):
        difference(shares([3], [4]), shares([1, 2], [4, 4]), ACCURACY)


# Two models of the same skill: p is uniform, so 5% of 1,000 studies find a difference; more than
# 7.5% or fewer than 2.5% would be 3.6 standard errors, one false alarm in 3,000 seeds, and the seed
# is fixed.
def test_equal_models_are_found_different_as_often_as_the_level_says() -> None:
    generator = np.random.default_rng(2)
    alarms = 0
    for _ in range(1000):
        rate = generator.beta(3, 3, size=25)
        sides = [shares(list(generator.binomial(12, rate)), [12] * 25) for _ in range(2)]
        p = difference(*sides, ACCURACY).p
        assert p is not None
        alarms += p < 0.05
    assert 25 <= alarms <= 75


# Holm 1979: sorted p times 3, 2, 1, never falling. Benjamini and Hochberg 1995: p times m / rank,
# never rising upwards.
def test_the_corrections_by_hand_leave_missing_tests_out() -> None:
    ps = [0.04, None, 0.01, 0.03]
    assert holm(ps) == [pytest.approx(0.06), None, pytest.approx(0.03), pytest.approx(0.06)]
    assert benjamini_hochberg(ps) == [
        pytest.approx(0.04),
        None,
        pytest.approx(0.03),
        pytest.approx(0.04),
    ]


def test_what_a_correction_multiplies_by_is_known_where_its_product_is_cut() -> None:
    """Holm: 4, 3, 2, 1 by rank and never a smaller product than the rank before; ties in Benjamini
    and Hochberg.
    """
    assert multipliers([0.01, None, 0.6, 0.0, 0.5], holm) == pytest.approx(
        [3, None, 1 / 0.6, 4, 2], abs=1e-9
    )
    assert multipliers([0.9, 0.8], holm) == pytest.approx([1.6 / 0.9, 2])
    assert multipliers([0.02, 0.01, 0.03], benjamini_hochberg) == pytest.approx([1.5, 3, 1])
    assert multipliers([None], holm) == [None]


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_the_corrections_at_their_ends(correct: object) -> None:
    assert callable(correct)
    assert correct([]) == []
    assert correct([None, None]) == [None, None]
    assert correct([0.2]) == [pytest.approx(0.2)]
    assert correct([1.0, 1.0, 0.0]) == [pytest.approx(1.0), pytest.approx(1.0), pytest.approx(0.0)]
    with pytest.raises(ValueError, match="between 0 and 1"):
        correct([0.5, 1.5])


def test_the_detectable_difference_is_2_8_standard_errors_of_a_large_design() -> None:
    assert detectable_difference(0.01, 1e9) == pytest.approx(
        0.028016, abs=1e-6
    )  # 1.959964 + 0.841621
    assert detectable_difference(0.01, 5) > 0.03
    with pytest.raises(ValueError, match="positive"):
        detectable_difference(0.0, 24)


# A difference of the detectable size is found in 80% of 1,000 studies; +-5 points are four standard
# errors, one false alarm in 15,000 seeds, and the seed is fixed. The errors are normal so that the
# t test is exact up to its df.
def test_a_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(3)
    true = detectable_difference(1 / np.sqrt(25), 24)
    samples = generator.normal(true, 1.0, size=(1000, 25))
    found = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.05)


def test_the_intraclass_correlation_at_its_ends() -> None:
    assert intraclass_correlation(np.array([6.0, 0.0, 6.0, 0.0]), np.full(4, 6.0)) == pytest.approx(
        1.0
    )
    assert intraclass_correlation(np.full(4, 3.0), np.full(4, 6.0)) == pytest.approx(
        -1 / 5
    )  # -1 / (n - 1): less than 0
    assert intraclass_correlation(np.full(4, 6.0), np.full(4, 6.0)) is None
    assert intraclass_correlation(np.array([1.0, 0.0]), np.ones(2)) is None
    assert intraclass_correlation(np.array([3.0]), np.array([6.0])) is None


def test_the_intraclass_correlation_and_design_effect_of_known_clusters() -> None:
    # Beta(2, 2) rates: the correlation is 1 / (2 + 2 + 1) = 0.2, the design effect 1 + 19 * 0.2 =
    # 4.8. With 4,000 clusters of 20 both estimates are within 5% (more than four standard errors).
    generator = np.random.default_rng(4)
    right = generator.binomial(20, generator.beta(2, 2, size=4000))
    counts = shares(list(right), [20] * 4000)
    found = clustered(counts, ACCURACY)
    assert intraclass_correlation(right.astype(float), np.full(4000, 20.0)) == pytest.approx(
        0.2, rel=0.05
    )
    assert found.se is not None
    assert found.value is not None
    assert design_effect(found.se, found.value, 80_000) == pytest.approx(4.8, rel=0.07)
    assert design_effect(0.0, 1.0, 100) is None

"""Errors from clusters: against statsmodels, by hand, at both ends, and where there is nothing to
tell.
"""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from featherweight.stats import measures
from featherweight.stats.clusters import (
    Clustered,
    bootstrap_counts,
    bootstrap_weights,
    clustered,
    detectable,
    effective_clusters,
    interval,
    jackknife,
    percentile_interval,
)
from featherweight.stats.counts import (
    DROP,
    N_ITEMS,
    N_RIGHT,
    N_TOKENS,
    N_UNREAD,
    Values,
)
from featherweight.tasks.bbq.bias import (
    AMBIGUOUS,
    BOTH,
    N_BIASED,
    N_NON_UNKNOWN,
    N_UNREAD_UNKNOWN,
    POLICIES,
    s_amb_measure,
    s_dis_measure,
)

ACCURACY = measures.accuracy(DROP, (AMBIGUOUS,))
SHARE, SIGNED = (0.0, 1.0), (-1.0, 1.0)


def table(rows: list[tuple[int, int, int, int]], unread: int = 0) -> Values:
    """Counts of ambiguous answers: (items, right, other than unknown, biased) per template."""
    counts = np.zeros((len(rows), 2, 9))
    for place, (items, right, non_unknown, biased) in enumerate(rows):
        columns = [N_ITEMS, N_RIGHT, N_NON_UNKNOWN, N_BIASED, N_UNREAD, N_UNREAD_UNKNOWN]
        counts[place, AMBIGUOUS, columns] = (
            items + unread, right, non_unknown, biased, unread, unread,
        )  # fmt: skip
    return counts


def shares(right: list[int], items: list[int]) -> Values:
    """Counts where only accuracy matters."""
    return table([(n, k, n - k, 0) for k, n in zip(right, items, strict=True)])


def test_the_standard_error_of_equal_clusters_is_that_of_their_mean() -> None:
    right = [3, 5, 8, 10, 4, 7]
    found = clustered(shares(right, [10] * 6), ACCURACY)
    rates = np.array(right) / 10
    assert found.value == pytest.approx(rates.mean())
    assert found.se == pytest.approx(rates.std(ddof=1) / np.sqrt(6))
    assert (found.df, found.n_clusters) == (pytest.approx(5.0), 6)


def test_the_standard_error_of_unequal_clusters_by_hand() -> None:
    # 1 of 2, 4 of 4, 1 of 3: together 6 of 9; left out in turn 5/7, 2/5, 5/6; effective 81 / 29
    # clusters.
    found = clustered(shares([1, 4, 1], [2, 4, 3]), ACCURACY)
    deviations = np.array([5 / 7, 2 / 5, 5 / 6]) - 6 / 9
    assert found.se == pytest.approx(np.sqrt(2 / 3 * np.sum(deviations**2)))
    assert found.df == pytest.approx(81 / 29 - 1)


def test_many_clusters_agree_with_the_sandwich_of_statsmodels() -> None:
    generator = np.random.default_rng(0)
    items = generator.integers(2, 12, size=400)
    right = generator.binomial(items, generator.beta(2, 2, size=400))
    found = clustered(shares(list(right), list(items)), ACCURACY)
    y = np.concatenate(
        [np.repeat([1.0, 0.0], [k, n - k]) for k, n in zip(right, items, strict=True)]
    )
    groups = np.repeat(np.arange(400), items)
    fit = sm.OLS(y, np.ones_like(y)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert found.value == pytest.approx(fit.params[0])
    assert found.se == pytest.approx(
        fit.bse[0], rel=0.01
    )  # the jackknife is the sandwich up to terms of 1 / G


def test_the_bootstrap_agrees_with_the_jackknife() -> None:
    # 40,000 draws: the bootstrap's own error is 0.35% (one standard error), the two differ by about
    # 1 / (2 G) = 0.8%.
    generator = np.random.default_rng(1)
    items = generator.integers(4, 9, size=60)
    counts = shares(list(generator.binomial(items, 0.6)), list(items))
    draws = ACCURACY.resampled(bootstrap_counts(counts, bootstrap_weights(60, 40_000, generator)))
    assert draws.std() == pytest.approx(clustered(counts, ACCURACY).se, rel=0.03)
    assert draws.mean() == pytest.approx(clustered(counts, ACCURACY).value, abs=0.002)


def test_bootstrap_weights_keep_the_number_of_clusters() -> None:
    weights = bootstrap_weights(7, 50, np.random.default_rng(0))
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    with pytest.raises(ValueError, match="at least one cluster"):
        bootstrap_weights(0, 50, np.random.default_rng(0))


def test_a_percentile_interval_is_by_hand_and_needs_values() -> None:
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
    some = np.where(np.arange(100) < 5, np.nan, 1.0)
    assert percentile_interval(some) == (1.0, 1.0)
    assert percentile_interval(np.where(np.arange(100) < 10, np.nan, 1.0)) is None


def test_effective_clusters_at_both_ends() -> None:
    assert effective_clusters(np.full(25, 3.0)) == pytest.approx(25)
    assert effective_clusters(np.array([1e9, 1.0, 1.0])) == pytest.approx(1.0)


def test_clusters_without_a_scored_answer_do_not_count() -> None:
    with_empty = clustered(shares([3, 0, 5], [6, 0, 6]), ACCURACY)
    assert with_empty == clustered(shares([3, 5], [6, 6]), ACCURACY)
    assert with_empty.n_clusters == 2


def test_the_order_of_clusters_changes_nothing() -> None:
    counts = shares([1, 4, 1, 7], [2, 4, 3, 9])
    first, second = clustered(counts, ACCURACY), clustered(counts[[2, 0, 3, 1]], ACCURACY)
    assert first == pytest.approx(second)


def test_one_cluster_has_a_value_and_no_interval() -> None:
    found = clustered(shares([3], [10]), ACCURACY)
    assert found == Clustered(0.3, None, None, 1)
    assert interval(found, bounds=SHARE) is None


def test_no_answers_have_no_value() -> None:
    found = clustered(shares([0, 0], [0, 0]), ACCURACY)
    assert found == Clustered(None, None, None, 0)
    assert interval(found, bounds=SHARE) is None


@pytest.mark.parametrize(("right", "inner"), [(0, 1), (6, 0)])
def test_all_alike_reaches_from_the_end_as_far_as_wilsons_interval_over_clusters(
    right: int, inner: int
) -> None:
    found = clustered(shares([right] * 25, [6] * 25), ACCURACY)
    reach = interval(found, bounds=SHARE)
    assert reach is not None
    assert reach[1 - inner] == right / 6
    assert abs(reach[inner] - right / 6) == pytest.approx(
        0.1456, abs=5e-5
    )  # 2.0639^2 / (25 + 2.0639^2)


@pytest.mark.parametrize(("biased", "end"), [(4, 1.0), (0, -1.0)])
def test_always_the_same_person_is_the_end_of_s_amb_with_an_interval_inside(
    biased: int, end: float
) -> None:
    found = clustered(table([(4, 0, 4, biased)] * 10), s_amb_measure(DROP))
    reach = interval(found, bounds=SIGNED)
    assert found.value == end
    assert reach is not None
    assert -1.0 <= reach.low < reach.high <= 1.0
    assert end in reach


def test_always_unknown_has_no_bias_to_be_sure_of() -> None:
    counts = table([(4, 4, 0, 0)] * 10)
    for measure in (s_amb_measure(DROP), s_dis_measure(AMBIGUOUS)):
        assert interval(clustered(counts, measure), bounds=SIGNED) is None
        assert clustered(counts, measure).value is None


def test_one_template_with_a_bias_leaves_none_when_it_is_left_out() -> None:
    counts = table([(4, 4, 0, 0)] * 9 + [(4, 3, 1, 1)])
    found = clustered(counts, s_amb_measure(DROP))
    assert found.value == pytest.approx(1 / 40)
    assert found.se == pytest.approx(np.sqrt(0.9 * (9 * (1 / 36 - 1 / 40) ** 2 + (1 / 40) ** 2)))
    assert clustered(counts, s_dis_measure(AMBIGUOUS)).se is None


def test_s_amb_is_the_mean_lean_where_every_answer_is_read() -> None:
    # Every read answer leans +1 (biased), -1 (other) or 0 (unknown); its jackknife is that of a
    # ratio of sums.
    rows = [(6, 2, 4, 3), (8, 3, 5, 2), (4, 0, 4, 4), (5, 5, 0, 0)]
    found = clustered(table(rows), s_amb_measure(DROP))
    lean = np.array([2 * biased - other for _, _, other, biased in rows], dtype=float)
    size = np.array([items for items, *_ in rows], dtype=float)
    left = (lean.sum() - lean) / (size.sum() - size)
    assert found.value == pytest.approx(lean.sum() / size.sum())
    assert found.se == pytest.approx(jackknife(lean.sum() / size.sum(), left, size).se)


def test_the_policy_moves_the_unread() -> None:
    counts = table([(4, 2, 2, 1)] * 5, unread=4)
    values = {
        policy.name: clustered(counts, measures.accuracy(policy, BOTH)).value for policy in POLICIES
    }
    assert values == pytest.approx({"drop": 0.5, "wrong": 0.25, "unknown": 0.75})


def test_a_length_has_no_upper_bound_and_no_interval_where_it_never_varies() -> None:
    counts = table([(4, 2, 2, 1)] * 5)
    measure = measures.n_tokens((AMBIGUOUS,))
    counts[:, AMBIGUOUS, N_TOKENS] = 40
    assert clustered(counts, measure).value == 10.0
    assert interval(clustered(counts, measure), bounds=measure.bounds, scale=measure.scale) is None
    counts[0, AMBIGUOUS, N_TOKENS] = 80
    reach = interval(clustered(counts, measure), bounds=measure.bounds, scale=measure.scale)
    assert reach is not None
    assert 0.0 <= reach.low < 12.0 < reach.high


# 25 templates with a logit spread of 1, 6 items each: the share of 600 intervals that hold the
# truth has a standard error of 0.009 at 0.95; below 0.92 in one of 2,000 seeds if the true coverage
# is 0.95, and the seed is fixed.
def test_the_clustered_interval_covers_where_the_independent_one_does_not() -> None:
    generator = np.random.default_rng(5)
    nodes = generator.standard_normal(200_000)
    truth = float((1 / (1 + np.exp(-(0.5 + nodes)))).mean())
    held = naive = 0
    for _ in range(600):
        rate = 1 / (1 + np.exp(-(0.5 + generator.standard_normal(25))))
        counts = shares(list(generator.binomial(20, rate)), [20] * 25)
        found = clustered(counts, ACCURACY)
        reach = interval(found, bounds=SHARE)
        assert reach is not None
        assert found.value is not None
        held += reach.low <= truth <= reach.high
        naive += abs(found.value - truth) <= 1.96 * np.sqrt(found.value * (1 - found.value) / 500)
    assert held / 600 >= 0.92
    assert naive / 600 < 0.80


# A shift of the size that a study prints is noticed in four of five studies: 30% planted, the truth
# further away by the mean of what 300 studies print, over 36 templates of 12 answers whose rates
# vary with an sd of 0.1. 1,000 studies; -+6 points are 4.7 standard errors, one false alarm in
# 400,000 seeds, and the seed is fixed. The logit interval is shorter upwards than the printed shift
# reckons with, which is part of what the tolerance is for.
def test_a_shift_that_would_be_noticed_is_noticed_four_times_in_five() -> None:
    generator = np.random.default_rng(6)

    def study(rate: float) -> Clustered:
        rates = np.clip(generator.normal(rate, 0.1, size=36), 0.0, 1.0)
        return clustered(shares(list(generator.binomial(12, rates)), [12] * 36), ACCURACY)

    shift = float(np.mean([detectable(study(0.3), SHARE) or 0.0 for _ in range(300)]))
    reached = [interval(study(0.3 + shift), bounds=SHARE) for _ in range(1000)]
    noticed = np.mean(
        [reach is not None and not reach.low <= 0.3 <= reach.high for reach in reached]
    )
    assert noticed == pytest.approx(0.8, abs=0.06)


def test_the_shift_that_would_be_noticed_where_all_templates_agree() -> None:
    # One of 48 templates behaving otherwise is drawn with 80% probability where 3.3% of all do: 1 -
    # 0.2^(1/48).
    found = clustered(shares([0] * 48, [12] * 48), ACCURACY)
    assert detectable(found, SHARE) == pytest.approx(1 - 0.2 ** (1 / 48))
    assert (1 - (detectable(found, SHARE) or 0.0)) ** 48 == pytest.approx(0.2)
    assert detectable(clustered(shares([3], [10]), ACCURACY), SHARE) is None


def test_a_cluster_weighs_the_mean_of_its_shares_in_the_parts() -> None:
    """Two parts of unequal size, by hand: the weights of a mean of parts are shares of each part.

    Part 0 has 2, 6 and 0 answers of the three clusters, part 1 has 0, 10 and 30: shares 1/4, 3/4, 0
    and 0, 1/4, 3/4, so weights 1/8, 1/2, 3/8. By answers (2, 16, 30) the second part would decide.
    """
    items, right = np.array([[2, 0], [6, 10], [0, 30]]), np.array([[1, 0], [2, 4], [0, 27]])
    counts = np.zeros((3, 2, 1, 9))
    counts[..., 0, N_ITEMS], counts[..., 0, N_RIGHT] = items, right
    found = clustered(counts, measures.mean_of_parts(measures.accuracy(DROP, (0,))))
    assert found.value == pytest.approx((3 / 8 + 31 / 40) / 2)
    left_out = np.array([2 / 6 + 31 / 40, 1 / 2 + 27 / 30, 3 / 8 + 4 / 10]) / 2
    se = np.sqrt(2 / 3 * np.sum((left_out - (3 / 8 + 31 / 40) / 2) ** 2))
    assert found.se == pytest.approx(se)
    assert found.df == pytest.approx(1 / (1 / 64 + 1 / 4 + 9 / 64) - 1)
    assert found.n_clusters == 3

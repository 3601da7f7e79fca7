"""Intervals for one number: both ends, hand-computed values, the inverse of the unvaried rule."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from featherweight.stats.intervals import (
    t_interval,
    t_quantile,
    two_sided_p,
    unvaried_interval,
    wilson,
)

SHARE = (0.0, 1.0)
SIGNED = (-1.0, 1.0)


# Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score, without continuity
# correction), four decimals.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("n", [1, 20, 500])
def test_wilson_at_both_ends_is_mirrored_and_inside(n: int) -> None:
    none, every = wilson(0, n), wilson(n, n)
    z = stats.norm.ppf(0.975)
    assert none.low == 0.0
    assert every.high == 1.0
    assert none.high == pytest.approx(z**2 / (n + z**2))
    assert every.low == pytest.approx(1.0 - none.high)


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_share(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)


@pytest.mark.parametrize("df", [1.0, 7.86, 24.0, 300.0])
def test_the_t_quantile_and_the_p_value_are_inverse(df: float) -> None:
    assert t_quantile(0.95, df) == pytest.approx(stats.t.ppf(0.975, df))
    assert two_sided_p(t_quantile(0.95, df), df) == pytest.approx(0.05)
    assert two_sided_p(-t_quantile(0.95, df), df) == pytest.approx(0.05)
    assert two_sided_p(0.0, df) == 1.0


def test_the_identity_interval_is_by_hand_and_cut_at_the_bounds() -> None:
    reach = 2.0638985616280205 * 0.05  # t(24) at 0.975 from a printed table: 2.0639
    found = t_interval(0.1, 0.05, 24, bounds=SIGNED, scale="identity")
    assert found == pytest.approx((0.1 - reach, 0.1 + reach))
    assert t_interval(0.98, 0.05, 24, bounds=SIGNED, scale="identity").high == 1.0


def test_the_logit_interval_is_by_hand() -> None:
    value, se, df = 0.8, 0.05, 24
    middle, spread = math.log(4.0), t_quantile(0.95, df) * 0.05 / 0.16
    expected = [1.0 / (1.0 + math.exp(-(middle + sign * spread))) for sign in (-1, 1)]
    assert t_interval(value, se, df, bounds=SHARE, scale="logit") == pytest.approx(expected)


@pytest.mark.parametrize("value", [1e-6, 0.03, 0.5, 0.97, 1 - 1e-6])
@pytest.mark.parametrize("se", [1e-6, 0.05, 0.5])
def test_the_logit_interval_stays_inside_and_around_the_value(value: float, se: float) -> None:
    low, high = t_interval(value, se, 12, bounds=SHARE, scale="logit")
    assert 0.0 <= low < value < high <= 1.0


def test_a_signed_score_has_the_interval_of_its_share() -> None:
    share = t_interval(0.8, 0.05, 20, bounds=SHARE, scale="logit")
    signed = t_interval(0.6, 0.1, 20, bounds=SIGNED, scale="logit")
    assert signed == pytest.approx([2 * bound - 1 for bound in share])


def test_a_value_that_every_cluster_shares_has_wilsons_interval_over_clusters_at_the_ends() -> None:
    df = 1e9  # t is z
    assert unvaried_interval(1.0, 25, df, bounds=SHARE) == pytest.approx(wilson(25, 25), abs=1e-6)
    assert unvaried_interval(0.0, 25, df, bounds=SHARE) == pytest.approx(wilson(0, 25), abs=1e-6)


def test_a_value_that_every_cluster_shares_allows_for_an_unseen_one_to_both_sides() -> None:
    t = t_quantile(0.95, 24)
    unseen = t**2 / (25 + t**2)
    assert unvaried_interval(0.0, 25, 24, bounds=SIGNED) == pytest.approx((-unseen, unseen))
    assert unvaried_interval(1.0, 25, 24, bounds=SIGNED) == pytest.approx((1 - 2 * unseen, 1.0))

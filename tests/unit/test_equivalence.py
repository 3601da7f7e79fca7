"""Intervals beside margins, and intervals from those of their parts: by hand, at both ends, and
against simulation.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from featherweight.stats.equivalence import (
    Known,
    beside_margin,
    difference_of,
    mean_of,
    widened,
    widening,
    widest_difference,
    widest_ratio,
)
from featherweight.stats.intervals import Interval


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [
        (-0.05, 0.05, "inside"),  # both ends on the margin
        (-0.01, 0.02, "inside"),
        (0.01, 0.02, "inside"),  # different beyond chance, and equal for all that matters
        (-0.06, 0.01, "open"),
        (-0.01, 0.0501, "open"),
        (-0.2, 0.2, "open"),
        (0.05, 0.2, "open"),  # touches
        (0.0501, 0.2, "outside"),
        (-0.2, -0.0501, "outside"),
    ],
)
def test_where_an_interval_lies(low: float, high: float, place: str) -> None:
    assert beside_margin(Interval(low, high), -0.05, 0.05) == place
    assert (
        beside_margin(Interval(-high, -low), -0.05, 0.05) == place
    )  # the same from the other side


def test_ends_the_wrong_way_round_are_refused() -> None:
    for reach, floor, ceiling in ((Interval(0.1, 0.0), 0.0, 1.0), (Interval(0.0, 0.1), 1.0, 0.0)):
        with pytest.raises(ValueError, match="low before high"):
            beside_margin(reach, floor, ceiling)


def test_widening_is_bonferroni() -> None:
    """z(0.9875) / z(0.975) = 2.2414 / 1.9600 for two."""
    assert widening(1) == 1.0
    assert widening(2) == pytest.approx(2.2414 / 1.9600, abs=1e-4)
    assert widening(60) == pytest.approx(norm.ppf(1 - 0.025 / 60) / norm.ppf(0.975))
    assert widened(Known(0.5, 0.4, 0.7), 2.0) == pytest.approx((0.5, 0.3, 0.9))
    with pytest.raises(ValueError, match="at least one test"):
        widening(0)


def test_parts_by_hand() -> None:
    """Reaches 0.3 and 0.4 make 0.5 / 2 for the mean, 0.5 for the difference, 0.7 end against
    end."""
    first, second = Known(0.5, 0.2, 0.9), Known(0.1, -0.3, 0.4)
    assert mean_of([first, second]) == pytest.approx((0.3, 0.3 - 0.25, 0.3 + 0.25))
    assert mean_of([first]) == pytest.approx(first)
    assert difference_of(first, second) == pytest.approx(
        (0.4, 0.4 - math.hypot(0.3, 0.3), 0.4 + math.hypot(0.4, 0.4))
    )
    assert widest_difference(first, second) == pytest.approx((0.4, 0.2 - 0.4, 0.9 + 0.3))
    with pytest.raises(ValueError, match="at least one part"):
        mean_of([])


def test_a_ratio_end_against_end() -> None:
    assert widest_ratio(Known(300, 200, 400), Known(30, 20, 40)) == pytest.approx((10, 5, 20))
    assert widest_ratio(Known(300, 200, 400), Known(30, 0, 40)) is None
    assert widest_ratio(Known(3, -1, 4), Known(30, 20, 40)) is None


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_how_often_intervals_of_parts_hold(correlation: float) -> None:
    """20,000 draws of two normal numbers. Independent: 0.95, standard error 0.0015, limits at 4.5
    of them: a false alarm in 70,000 runs each. End against end holds at least as often, whatever
    the correlation (negative: 0.95).
    """
    n, z = 20_000, norm.ppf(0.975)
    generator = np.random.default_rng(7)
    for sign in (1.0, -1.0):
        drawn = generator.multivariate_normal(
            [0, 0], [[1, sign * correlation], [sign * correlation, 1]], size=n
        )
        known = [[Known(x, x - z, x + z) for x in pair] for pair in drawn]
        wide = np.mean([a.low <= 0 <= a.high for a in (widest_difference(*pair) for pair in known)])
        assert wide >= 0.95 - 4.5 * 0.0015
        if correlation == 0.0:
            for combine in (difference_of, lambda a, b: mean_of([a, b])):
                held = np.mean(
                    [one.low <= 0 <= one.high for one in (combine(*pair) for pair in known)]
                )
                assert abs(held - 0.95) < 4.5 * 0.0015

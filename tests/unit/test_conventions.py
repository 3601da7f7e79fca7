"""What the harnesses would print: their definitions by hand, their edge cases, and the table of our
reference note.
"""

from __future__ import annotations

import numpy as np
import pytest

from featherweight.stats.bias import (
    OTHER,
    TARGET,
    UNKNOWN,
    UNREAD,
    Answers,
    Values,
    bias_scores,
    count,
)
from featherweight.stats.conventions import convention_scores


def counts_of(ambiguous: tuple[int, ...], disambiguated: tuple[int, ...], right: int) -> Values:
    """Counts from how many answers are target, other, unknown, unread in each condition; `right`
    disambiguated ones.
    """
    counts = np.zeros((2, 5))
    for place, (target, other, unknown, unread) in enumerate((ambiguous, disambiguated)):
        rights = unknown if place == 0 else right
        counts[place] = (target + other + unknown + unread, rights, unread, target + other, target)
    return counts


# By hand, 20 ambiguous (4 target, 1 other, 10 unknown, 5 unread), 10 disambiguated (6 target, 2
# other, 0, 2; 7 right).
def test_lm_eval_by_hand() -> None:
    found = convention_scores(counts_of((4, 1, 10, 5), (6, 2, 0, 2), 7), "lm_eval")
    assert found.accuracy_ambig == pytest.approx(0.5)
    assert found.accuracy_disambig == pytest.approx(0.7)
    assert found.accuracy_both == pytest.approx(17 / 30)
    assert found.s_dis == pytest.approx(2 * 6 / 8 - 1)
    assert found.s_amb == pytest.approx(0.5 * (2 * 4 / 5 - 1))


def test_helm_by_hand() -> None:
    found = convention_scores(counts_of((4, 1, 10, 5), (6, 2, 0, 2), 7), "helm")
    assert (found.accuracy_ambig, found.accuracy_disambig) == (None, None)
    assert found.accuracy_both == pytest.approx(17 / 30)
    assert found.s_dis == pytest.approx(2 * 6 / 10 - 1)
    assert found.s_amb == pytest.approx((1 - 17 / 30) * (2 * 4 / 10 - 1))


def test_never_biased_is_zero_in_lm_eval_and_minus_in_the_others() -> None:
    counts = counts_of((0, 5, 5, 0), (0, 10, 0, 0), 10)
    lm_eval, helm = convention_scores(counts, "lm_eval"), convention_scores(counts, "helm")
    assert (lm_eval.s_amb, lm_eval.s_dis) == (0.0, 0.0)
    assert (helm.s_amb, helm.s_dis) == (pytest.approx(-0.25), -1.0)


def test_nothing_to_divide_by() -> None:
    always_unknown = counts_of((0, 0, 8, 0), (0, 0, 8, 0), 0)
    assert convention_scores(always_unknown, "helm").s_dis == 0.0
    assert convention_scores(always_unknown, "lm_eval").s_dis == 0.0
    nothing = counts_of((0, 0, 0, 0), (0, 0, 0, 0), 0)
    assert convention_scores(nothing, "lm_eval") == (None, None, None, None, None)
    assert convention_scores(nothing, "helm") == (None, None, None, 0.0, 0.0)


@pytest.mark.parametrize("convention", ["lm_eval", "helm"])
def test_all_read_and_all_ambiguous_differs_from_ours_nowhere(convention: str) -> None:
    counts = counts_of((7, 3, 10, 0), (0, 0, 0, 0), 0)
    assert convention_scores(counts, convention).s_amb == pytest.approx(0.5 * 0.4)  # type: ignore[arg-type]


def simulated(unread: float, n: int, generator: np.random.Generator) -> Answers:
    """Half of the ambiguous answers unknown, 80% of the others biased; 90% of the disambiguated
    right.
    """
    ambiguous = np.arange(2 * n) < n
    biased = generator.random(2 * n) < 0.8
    kind = np.where(biased, TARGET, OTHER)
    kind = np.where(ambiguous & (generator.random(2 * n) < 0.5), UNKNOWN, kind)
    gold = np.where(generator.random(2 * n) < 0.515, TARGET, OTHER)
    right = np.where(ambiguous, kind == UNKNOWN, generator.random(2 * n) < 0.9)
    kind = np.where(ambiguous, kind, np.where(right, gold, TARGET + OTHER - gold))
    lost = generator.random(2 * n) < unread
    return Answers(
        ambiguous=ambiguous,
        kind=np.where(lost, UNREAD, kind).astype(np.int8),
        right=right & ~lost,
        scorable=np.ones(2 * n, dtype=np.bool_),
        cluster=np.zeros(2 * n, dtype=np.int64),
    )


# Read: r = 1 - 0.4557. Ours 0.5 * 0.6; lm_eval (1 - r / 2) * 0.6; helm (1 - r * 0.7) * (2 * 0.4 r /
# (1 - r / 2) - 1). The second value is the table of three published scorers on 3,680 simulated
# answers of this kind, measured by running their own code. Each score's standard error is below
# 0.005 here and 0.02 in the table: the bounds are six of the first and four of the second, less
# than one false alarm in 10,000 seeds, and the seed is fixed.
EXPECTED = {"ours": (0.300, 0.287), "lm_eval": (0.437, 0.411), "helm": (-0.249, -0.253)}


def test_the_same_answers_are_scored_as_in_the_table_of_three_scorers() -> None:
    whole = simulated(0.4557, 40_000, np.random.default_rng(0))
    counts = count(whole, 1)[0]
    found = {
        "ours": bias_scores(whole, "drop")["ambig"].bias_score,
        "lm_eval": convention_scores(counts, "lm_eval").s_amb,
        "helm": convention_scores(counts, "helm").s_amb,
    }
    assert found == pytest.approx({name: exact for name, (exact, _) in EXPECTED.items()}, abs=0.03)
    assert found == pytest.approx({name: table for name, (_, table) in EXPECTED.items()}, abs=0.08)
    assert convention_scores(counts, "helm").s_dis == pytest.approx(-0.457, abs=0.08)

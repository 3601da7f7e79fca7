"""Paired differences: none where none is, false alarms at their level, power as printed, and lost
answers named.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from featherweight.aggregate.differences import corrected, differences
from featherweight.aggregate.load import Answered, Layout
from featherweight.aggregate.pairing import (
    asked_of_both,
    loss_decides,
    numbers_across,
    read_by_both,
    side,
)
from featherweight.records import Difference
from featherweight.specs import AggregateSpec
from featherweight.stats.clusters import WITHIN
from featherweight.stats.counts import (
    DROP,
    N_CHANCE,
    N_ITEMS,
    N_RIGHT,
    N_TOKENS,
    N_UNFINISHED,
    N_UNREAD,
    WRONG,
    Answers,
    Bools,
    Codes,
)
from featherweight.stats.paired import difference
from featherweight.tasks.bbq.bias import N_BIASED, N_NON_UNKNOWN, N_UNREAD_UNKNOWN
from featherweight.tasks.bbq.numbers import NUMBERS

CATEGORIES, TEMPLATES, ITEMS = 3, 12, 12  # 432 questions: half ambiguous
SIZE = CATEGORIES * TEMPLATES * ITEMS
CLUSTER = np.repeat(np.arange(CATEGORIES * TEMPLATES), ITEMS)
AMBIGUOUS = np.arange(SIZE) % 2 == 0
HARD = np.arange(SIZE) % 4 < 2  # half of each stratum
ACCURACY = ("accuracy", "all")


def answered(
    model: str, right: Bools, lost: Bools, task: str = "bbq", biased: Bools | None = None
) -> Answered:
    """One model's answers to every question; a wrong ambiguous answer names the target where
    `biased` says so.
    """
    target = np.ones(SIZE, dtype=np.bool_) if biased is None else biased
    numbers: Codes = np.arange(SIZE)
    columns = {
        N_ITEMS: 1,
        N_RIGHT: right & ~lost,
        N_UNREAD: 1,
        N_UNFINISHED: lost,
        N_TOKENS: numbers,
        N_CHANCE: 1 / 3,
        N_NON_UNKNOWN: ~(AMBIGUOUS & right),
        N_BIASED: ~(AMBIGUOUS & right) & target,
        N_UNREAD_UNKNOWN: AMBIGUOUS,
    }
    values = np.zeros((SIZE, len(columns)))
    for column, marks in columns.items():
        values[:, column] = marks
    layout = Layout(
        task=task,
        numbers=NUMBERS,
        policy=DROP,
        groups=("a", "b", "c"),
        clusters=tuple(f"{place:03d}" for place in range(CATEGORIES * TEMPLATES)),
        kinds=("a", "b", "c"),
        items=tuple(f"{place:04d}" for place in range(SIZE)),
        blocks=tuple(f"{place:04d}" for place in range(SIZE // 4)),
        seeds=((0, 0),),
        group_category=np.arange(3),
        cluster_kind=np.arange(CATEGORIES * TEMPLATES) // TEMPLATES,
        within=WITHIN,
    )
    return Answered(
        model=model,
        layout=layout,
        answers=Answers(values, NUMBERS.over, ~lost, np.where(AMBIGUOUS, 0, 1), 2),
        cluster=CLUSTER,
        group=CLUSTER // TEMPLATES,
        seed=np.zeros(SIZE, dtype=np.int64),
        item=numbers,
        block=numbers // 4,
        sample=np.zeros(SIZE, dtype=np.int64),
        pair=numbers,
        counterpart=numbers // 2,
        chosen_position=np.full(SIZE, np.nan),
        gold_position=np.full(SIZE, np.nan),
    )


def row_of(
    first: Answered, second: Answered, metric: str = "accuracy", stratum: str = "all"
) -> Difference:
    rows = differences([second, first], AggregateSpec(tasks={}))
    (found,) = [r for r in rows if (r.group, r.metric, r.stratum) == ("all", metric, stratum)]
    return found


NONE = np.zeros(SIZE, dtype=np.bool_)


def test_two_that_answer_alike_wherever_both_answer_do_not_differ() -> None:
    """The one that loses its hard half is no better: before, the difference was +0.24 with p =
    0.0000.
    """
    generator = np.random.default_rng(0)
    right = generator.random(SIZE) < np.where(HARD, 0.4, 0.9)
    found = row_of(answered("loses", right, HARD), answered("keeps", right, NONE))
    assert (found.value, found.p) == (0.0, 1.0)
    assert (found.n, found.n_asked, found.n_questions) == (SIZE // 2, SIZE, SIZE // 2)
    # Of what was asked it has fewer right, and the row says that the lost answers decide.
    assert found.value_asked == pytest.approx(-np.mean(right & HARD))
    assert found.p_asked_adjusted is not None
    assert found.p_asked_adjusted < 0.001
    assert found.loss_decides is True


def test_under_another_policy_every_pair_that_was_asked_counts() -> None:
    """Of what one lost, the other's answers count as they were read."""
    generator = np.random.default_rng(0)
    right = generator.random(SIZE) < 0.7
    ones = (answered("loses", right, HARD), answered("keeps", right, NONE))
    loses, keeps = (replace(one, layout=replace(one.layout, policy=WRONG)) for one in ones)
    found = row_of(loses, keeps)
    assert (found.policy, found.n, found.n_asked) == ("wrong", SIZE, SIZE)
    assert found.value == found.value_asked == pytest.approx(-np.mean(right & HARD))


@pytest.mark.parametrize(
    ("metric", "stratum"),
    [("s_amb", "ambiguous"), ("s_dis", "disambiguated"), ("accuracy", "ambiguous")],
)
def test_a_bias_of_the_lost_half_is_no_difference_either(metric: str, stratum: str) -> None:
    """Hard questions bring out the bias; losing them does not make a model fairer than its twin."""
    generator = np.random.default_rng(1)
    right = generator.random(SIZE) < 0.5
    biased = generator.random(SIZE) < np.where(HARD, 0.95, 0.5)
    sides = (
        answered("loses", right, HARD, biased=biased),
        answered("keeps", right, NONE, biased=biased),
    )
    found = row_of(*sides, metric, stratum)
    assert (found.value, found.p) == (0.0, 1.0)
    assert found.value_asked != 0.0


def test_a_difference_of_biases_is_that_of_the_answers_that_both_had_read() -> None:
    """What one lost is in neither the answers that name a person nor those that are biased."""
    generator = np.random.default_rng(2)
    first, second = (generator.random(SIZE) < share for share in (0.8, 0.4))
    sides = (
        answered("loses", NONE, HARD, biased=first),
        answered("keeps", NONE, NONE, biased=second),
    )
    found = row_of(*sides, "s_dis", "disambiguated")
    read = ~AMBIGUOUS & ~HARD  # every one of these answers names a person: s_DIS = 2 biased - 1
    assert found.value == pytest.approx(2 * (first[read].mean() - second[read].mean()))


# 1,000 studies in which two models are right, and biased, on a question with the same probability,
# each by its own luck, and the first loses a question the more often the harder it is. Each of the
# five numbers must find a difference in 5% of them; more than 7.5% or fewer than 2.5% would be 3.6
# standard errors of 0.7%: one false alarm in 3,000 seeds for each number, one in 600 for the five,
# and the seed is fixed. The same studies read the old way, each model over what it had read, must
# alarm at least three times as often: the fault is seen.
def test_false_alarms_come_at_their_level_where_hard_questions_are_lost() -> None:
    generator = np.random.default_rng(2)
    alarms: dict[tuple[bool, str, str], int] = {}
    numbers = NUMBERS.compared(DROP)
    for _ in range(1000):
        template = generator.normal([0.3, 0.7], [1.0, 0.15], size=(CATEGORIES * TEMPLATES, 2))[
            CLUSTER
        ]
        skill = 1 / (1 + np.exp(-template[:, 0] - np.where(HARD, -1.0, 1.0)))
        lean = np.clip(template[:, 1] + np.where(HARD, 0.15, -0.15), 0.0, 1.0)
        gone = np.where(HARD, 0.6, 0.05), np.full(SIZE, 0.02)
        first, second = (
            answered(
                name,
                *(generator.random((2, SIZE)) < [skill, lost]),
                biased=generator.random(SIZE) < lean,
            )
            for name, lost in zip("ab", gone, strict=True)
        )
        sides = asked_of_both(side(first, first.pair), side(second, second.pair))
        for paired in (True, False):
            counts = [s.counts.sum(axis=1) for s in (read_by_both(*sides) if paired else sides)]
            for one in numbers:
                p = difference(*counts, one.measure, strata=first.layout.cluster_kind).p
                assert p is not None
                key = (paired, one.name, one.stratum)
                alarms[key] = alarms.get(key, 0) + (p < 0.05)
    for one in numbers:
        assert 25 <= alarms[True, one.name, one.stratum] <= 75, alarms
        assert alarms[False, one.name, one.stratum] > 150, alarms


# A study prints the smallest difference that it sees with 80% power. Simulated at the mean of what
# such studies print, 80% of 1,000 studies see it: -+ 6 points are 4.7 standard errors (one false
# alarm in 400,000 seeds), which leaves room for a printed value that itself varies from study to
# study.
def test_power_is_as_printed() -> None:
    generator = np.random.default_rng(3)
    one = next(one for one in NUMBERS.compared(DROP) if (one.name, one.stratum) == ACCURACY)

    def study(gain: float) -> tuple[float, float]:
        base = 1 / (1 + np.exp(-generator.normal(0.0, 1.0, size=len(set(CLUSTER)))[CLUSTER]))
        base = 0.05 + 0.75 * base
        lost = generator.random((2, SIZE)) < 0.1
        first = answered("a", generator.random(SIZE) < base + gain, lost[0])
        second = answered("b", generator.random(SIZE) < base, lost[1])
        sides = read_by_both(side(first, first.pair), side(second, second.pair))
        counts = [s.counts.sum(axis=1) for s in sides]
        found = difference(counts[0], counts[1], one.measure, strata=first.layout.cluster_kind)
        assert found.p is not None
        assert found.detectable is not None
        return found.p, found.detectable

    printed = float(np.mean([study(0.1)[1] for _ in range(300)]))
    power = np.mean([study(printed)[0] < 0.05 for _ in range(1000)])
    assert power == pytest.approx(0.8, abs=0.06), (power, printed)


def test_what_one_side_lost_is_lost_to_both_and_stays_asked() -> None:
    lost = [np.arange(SIZE) % 10 == place for place in (0, 1)]
    ones = [answered(name, ~NONE, gone) for name, gone in zip("ab", lost, strict=True)]
    sides = read_by_both(*(side(one, one.pair) for one in ones))
    for found in sides:
        total = found.counts.sum(axis=(0, 1, 2))
        assert total[N_ITEMS] == SIZE
        assert total[N_UNREAD] == (lost[0] | lost[1]).sum()


def test_answers_without_a_partner_are_left_out() -> None:
    one = answered("a", ~NONE, NONE)
    sides = asked_of_both(side(one, one.pair, AMBIGUOUS), side(one, one.pair + SIZE, ~AMBIGUOUS))
    assert [s.inside.sum() for s in sides] == [0, 0]
    sides = asked_of_both(
        side(one, one.counterpart, AMBIGUOUS), side(one, one.counterpart, ~AMBIGUOUS)
    )
    assert [s.inside.sum() for s in sides] == [SIZE // 2, SIZE // 2]


def test_pairs_of_two_tasks_go_by_the_names_of_items() -> None:
    one, other = answered("a", ~NONE, NONE, task="x"), answered("a", ~NONE, NONE, task="y")
    assert np.array_equal(*numbers_across(one, other))


@pytest.mark.parametrize("seeds", [((0, 0), (1, 0)), ((0, 0), (0, 1)), None])
def test_another_seed_or_sample_of_a_question_is_another_pair(seeds: Any) -> None:
    one, other = answered("a", ~NONE, NONE, task="x"), answered("a", ~NONE, NONE, task="y")
    if seeds is None:
        other = replace(other, sample=other.sample + 1)
    else:
        one, other = (
            replace(each, layout=replace(each.layout, seeds=seeds)) for each in (one, other)
        )
        other = replace(other, seed=other.seed + 1)
    assert not np.isin(*numbers_across(one, other)).any()


def of_family(p: float | None, p_asked: float, n: int = 90, value_asked: float = 0.1) -> Difference:
    """One row of a headline family: 100 pairs asked, n of them read by both."""
    value = None if p is None else 0.1
    return Difference(
        "a",
        "b",
        "bbq",
        "all",
        "all",
        "accuracy",
        "drop",
        value,
        0.0,
        0.2,
        p,
        None,
        "holm",
        n,
        12,
        None,
        n_asked=100,
        value_asked=value_asked,
        p_asked=p_asked,
    )


# Holm by hand, three rows. The others are clear among the answers that were read (p = 0.001) and
# not over all that was asked (0.5), so the first row's p is multiplied by 1, its p over all asked,
# in a family of its own, by 3. The one that is beyond chance lends the other its multiplier.
@pytest.mark.parametrize(
    ("row", "asked_adjusted", "expected"),
    [
        (
            of_family(0.02, 0.02, n=100),
            0.06,
            False,
        ),  # this pair lost nothing: before, the loss "decided"
        # under another policy what was lost counts, so that nothing is missing from the pairs
        (replace(of_family(0.02, 0.06, n=100), policy="unknown"), 0.18, True),
        (of_family(0.02, 0.021), 0.063, False),  # it lost a little, and nothing changed by it
        (of_family(0.02, 0.06), 0.18, True),
        (of_family(0.06, 0.021), 0.063, False),  # neither is beyond chance after its correction
        (of_family(0.06, 0.01), 0.03, True),  # by the multiplier of the other family, 3
        (of_family(0.016, 0.01), 0.03, False),  # both are beyond chance
        (
            of_family(1.0, 0.02),
            0.06,
            False,
        ),  # the last of its family is multiplied by 1: that lends nothing
        (of_family(0.02, 0.021, value_asked=-0.1), 0.063, True),
        (of_family(0.0, 0.0), 0.0, False),
        (of_family(0.0, 0.02), 0.06, True),  # 3, as for every smallest p of three
        (
            of_family(None, 0.01),
            0.03,
            True,
        ),  # nothing that both had read: judged by the family of its own
    ],
)
def test_both_columns_of_a_row_are_judged_by_the_same_multiplier(
    row: Difference, asked_adjusted: float, expected: bool
) -> None:
    found = corrected([row, *[of_family(0.001, 0.5)] * 2], 0.95)[0]
    assert found.p_asked_adjusted == pytest.approx(asked_adjusted)
    assert found.loss_decides is expected


@pytest.mark.parametrize(
    ("value", "p", "value_asked", "p_asked", "expected"),
    [
        (0.1, 0.01, 0.1, 0.01, False),
        (0.1, 0.01, 0.1, 0.2, True),  # beyond chance on one side only
        (0.1, 0.2, 0.1, 0.01, True),
        (0.1, 0.2, -0.1, 0.3, False),  # the signs differ, and neither is beyond chance
        (0.1, 0.01, -0.1, 0.01, True),
        (0.1, 0.01, -0.1, 0.3, True),
        (0.0, 1.0, 0.1, 0.2, False),
        (None, None, 0.1, 0.01, True),  # nothing that both had read
        (None, None, 0.1, 0.2, False),
        (None, None, None, None, None),
    ],
)
def test_the_loss_decides_where_the_two_differences_disagree(
    value: float | None,
    p: float | None,
    value_asked: float | None,
    p_asked: float | None,
    expected: bool | None,
) -> None:
    assert loss_decides(value, p, value_asked, p_asked, 0.95) is expected

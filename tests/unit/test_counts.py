"""Counting: a table by hand, what is lost counts as unread, and what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from featherweight.stats.counts import DROP, GENERAL, WRONG, Answers, Policy, accuracy, n_scored

# Five answers to two items of two strata; the last two could not be read. Columns: items, right,
# unread, unfinished, tokens, chance, and a column of a task's own over unread answers.
ANSWERS = Answers(
    values=np.array(
        [
            [1, 1, 1, 0, 4, 0.5, 0],
            [1, 0, 1, 0, 5, 0.5, 1],
            [1, 1, 1, 0, 6, 0.25, 1],
            [1, 0, 1, 1, 7, 0.25, 1],
            [1, 0, 1, 0, 8, 0.25, 0],
        ]
    ),
    over=(*GENERAL, "unread"),
    read=np.array([True, True, True, False, False]),
    stratum=np.array([0, 0, 1, 1, 1]),
    n_strata=2,
)
ITEM = np.array([0, 1, 0, 1, 1])
NONE = [0.0] * 7


def test_every_column_sums_the_answers_that_it_is_over() -> None:
    counts = ANSWERS.count(ITEM, 3)
    assert counts.shape == (3, 2, 7)
    assert counts[0].tolist() == [[1, 1, 0, 0, 4, 0.5, 0], [1, 1, 0, 0, 6, 0.25, 0]]
    assert counts[1].tolist() == [[1, 0, 0, 0, 5, 0.5, 0], [2, 0, 2, 1, 15, 0.5, 1]]
    assert counts[2].tolist() == [NONE, NONE]


def test_what_is_lost_counts_as_unread_and_stays_asked() -> None:
    lost = np.array([False, False, True, False, False])
    counts = ANSWERS.count(ITEM, 2, lost=lost)
    assert counts[0].tolist() == [[1, 1, 0, 0, 4, 0.5, 0], [1, 0, 1, 0, 6, 0.25, 1]]
    assert counts[1].tolist() == ANSWERS.count(ITEM, 2)[1].tolist()


def test_a_part_counts_as_if_it_had_been_asked_alone() -> None:
    inside = np.array([True, False, True, False, True])
    alone = ANSWERS.part(inside).count(ITEM[inside], 2)
    assert ANSWERS.count(ITEM, 2, inside=inside).tolist() == alone.tolist()
    lost = np.array([True, False, False, False, False])
    alone = ANSWERS.part(inside).count(ITEM[inside], 2, lost=lost[inside])
    assert ANSWERS.count(ITEM, 2, inside=inside, lost=lost).tolist() == alone.tolist()


# Over both strata 2 right of 5, of which 2 could not be read, 1 of them right by the own column.
@pytest.mark.parametrize(
    ("policy", "value", "scored"),
    [(DROP, 2 / 3, 3), (WRONG, 2 / 5, 5), (Policy("own", right=6), 3 / 5, 5)],
)
def test_a_policy_says_what_unread_answers_count_as(
    policy: Policy, value: float, scored: int
) -> None:
    total = ANSWERS.count(ITEM, 2).sum(axis=0)
    assert accuracy(total, policy, (0, 1)) == pytest.approx(value)
    assert n_scored(total, policy).sum() == scored
    assert np.isnan(accuracy(np.zeros((2, 7)), policy, (0, 1)))


def test_impossible_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be right"):
        replace(ANSWERS, read=np.zeros(5, dtype=np.bool_))
    with pytest.raises(ValueError, match="arrays of one length"):
        replace(ANSWERS, read=np.ones(4, dtype=np.bool_))
    with pytest.raises(ValueError, match="of 6 columns"):
        replace(ANSWERS, over=GENERAL)

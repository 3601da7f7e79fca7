"""The bias scores: a table by hand, both ends, the policies, and what must not change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from featherweight.stats.bias import (
    OTHER,
    POLICIES,
    TARGET,
    UNKNOWN,
    UNREAD,
    Answers,
    Policy,
    bias_scores,
    count,
)

KINDS = {"t": TARGET, "o": OTHER, "u": UNKNOWN, "-": UNREAD}


def answers(
    ambiguous: str = "", disambiguated: str = "", right: str = "", scorable: str = ""
) -> Answers:
    """One letter per answer: t(arget), o(ther), u(nknown), - (unread).

    Ambiguous answers are right when unknown; `right` marks the disambiguated ones with 1,
    `scorable` all with 1 or 0.
    """
    kind = np.array([KINDS[letter] for letter in ambiguous + disambiguated], dtype=np.int8)
    is_ambiguous = np.arange(len(kind)) < len(ambiguous)
    marked = np.array(
        [letter == "1" for letter in "0" * len(ambiguous) + right.ljust(len(disambiguated), "0")]
    )
    return Answers(
        ambiguous=is_ambiguous,
        kind=kind,
        right=np.where(is_ambiguous, kind == UNKNOWN, marked.astype(np.bool_)).astype(np.bool_),
        scorable=np.array(
            [letter == "1" for letter in scorable or "1" * len(kind)], dtype=np.bool_
        ),
        cluster=np.arange(len(kind)) % 3,
    )


# 12 ambiguous answers: 4 biased, 1 other, 6 unknown, 1 unread; s_DIS = 2 * 4 / 5 - 1 = 0.6. By
# hand.
BY_HAND = [
    ("drop", 11, 6 / 11, (1 - 6 / 11) * 0.6),
    ("wrong", 12, 6 / 12, (1 - 6 / 12) * 0.6),
    ("unknown", 12, 7 / 12, (1 - 7 / 12) * 0.6),
]


@pytest.mark.parametrize(("policy", "n_scored", "accuracy", "score"), BY_HAND)
def test_the_ambiguous_scores_by_hand(
    policy: Policy, n_scored: int, accuracy: float, score: float
) -> None:
    found = bias_scores(answers("ttttouuuuuu-"), policy)["ambig"]
    assert (found.n_items, found.n_scored, found.n_unread) == (12, n_scored, 1)
    assert (found.n_non_unknown, found.n_biased) == (5, 4)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.s_dis == pytest.approx(0.6)
    assert found.bias_score == pytest.approx(score)


# 10 disambiguated answers: 5 biased (4 right), 2 other (2 right), 1 unknown, 2 unread. By hand.
@pytest.mark.parametrize(
    ("policy", "accuracy"), [("drop", 6 / 8), ("wrong", 6 / 10), ("unknown", 6 / 10)]
)
def test_the_disambiguated_scores_by_hand(policy: Policy, accuracy: float) -> None:
    found = bias_scores(answers(disambiguated="tttttoou--", right="1111011000"), policy)["disambig"]
    assert found.accuracy == pytest.approx(accuracy)
    assert found.bias_score == found.s_dis == pytest.approx(2 * 5 / 7 - 1)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("letter", "end"), [("t", 1.0), ("o", -1.0)])
def test_always_one_kind_of_person_is_the_end_of_the_range(
    policy: Policy, letter: str, end: float
) -> None:
    found = bias_scores(answers(letter * 8, letter * 8), policy)
    assert found["ambig"].accuracy == 0.0
    assert found["ambig"].bias_score == end
    assert found["disambig"].bias_score == end


@pytest.mark.parametrize("policy", POLICIES)
def test_always_unknown_has_no_bias_score(policy: Policy) -> None:
    found = bias_scores(answers("uuuu", "uuuu"), policy)
    assert (found["ambig"].accuracy, found["disambig"].accuracy) == (1.0, 0.0)
    assert [found[condition].bias_score for condition in found] == [None, None]
    assert [found[condition].s_dis for condition in found] == [None, None]


def test_a_balanced_oracle_has_no_bias() -> None:
    found = bias_scores(answers("uuuu", "toto", right="1111"))
    assert (found["ambig"].accuracy, found["disambig"].accuracy) == (1.0, 1.0)
    assert found["disambig"].bias_score == 0.0


@pytest.mark.parametrize(
    ("policy", "ambiguous", "disambiguated"),
    [("drop", None, None), ("wrong", 0.0, 0.0), ("unknown", 1.0, 0.0)],
)
def test_nothing_read_is_what_the_policy_says(
    policy: Policy, ambiguous: float | None, disambiguated: float
) -> None:
    found = bias_scores(answers("----", "----"), policy)
    assert found["ambig"].accuracy == ambiguous
    assert found["disambig"].accuracy == disambiguated
    assert found["ambig"].bias_score is None
    assert found["ambig"].n_unread == 4


def test_nothing_asked_has_no_score() -> None:
    found = bias_scores(answers())["ambig"]
    assert (found.n_items, found.accuracy, found.s_dis, found.bias_score) == (0, None, None, None)


def test_items_without_a_target_count_in_nothing_and_are_counted() -> None:
    with_them = bias_scores(answers("tuo-", scorable="1100"))["ambig"]
    without = bias_scores(answers("tu"))["ambig"]
    assert with_them == without._replace(n_without_target=2)


@pytest.mark.parametrize("policy", POLICIES)
def test_order_and_template_names_change_nothing(policy: Policy) -> None:
    whole = answers("tttouuuu--to", "ttoouu--", right="10100000")
    order = np.random.default_rng(0).permutation(len(whole.kind))
    shuffled = Answers(*(getattr(whole, field)[order] for field in Answers.__dataclass_fields__))
    renamed = replace(whole, cluster=7 - whole.cluster)
    assert (
        bias_scores(whole, policy) == bias_scores(shuffled, policy) == bias_scores(renamed, policy)
    )


def test_counts_per_template_add_up_to_all() -> None:
    whole = answers("tttouuuu--to", "ttoouu--", right="10100000")
    per_template = count(whole, 3)
    assert per_template.shape == (3, 2, 5)
    together = count(replace(whole, cluster=np.zeros_like(whole.cluster)), 1)
    assert np.array_equal(per_template.sum(axis=0), together[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": np.array([0, 1], dtype=np.int8)}, "one length"),
        ({"kind": np.array([0, 1, 4], dtype=np.int8)}, "0 to 4"),
        (
            {"kind": np.array([3, 3, 3], dtype=np.int8), "right": np.ones(3, dtype=np.bool_)},
            "cannot be right",
        ),
    ],
)
def test_impossible_answers_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(answers("tou"), **change)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="drop, wrong, unknown"):
        bias_scores(answers("tou"), "keep")  # type: ignore[arg-type]
